# SPDX-License-Identifier: Apache-2.0
"""Choice whether mounts inside a share are part of it"""

from alembic import op
import sqlalchemy as sa

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade():
    op.add_column('shares', sa.Column('include_mounts', sa.Boolean()))
