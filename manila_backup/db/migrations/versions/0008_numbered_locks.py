# SPDX-License-Identifier: Apache-2.0
"""A project's lock is written, for Galera to see who else does"""

from alembic import op
import sqlalchemy as sa

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade():
    op.add_column('project_locks', sa.Column('number', sa.BigInteger()))
