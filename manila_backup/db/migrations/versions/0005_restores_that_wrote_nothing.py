# SPDX-License-Identifier: Apache-2.0
"""Status of a share before a restore, for one that changed nothing"""

from alembic import op
import sqlalchemy as sa

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade():
    op.add_column('operations', sa.Column('share_was', sa.String(32)))
    op.add_column('operations', sa.Column('harmless_attempt', sa.Integer()))
