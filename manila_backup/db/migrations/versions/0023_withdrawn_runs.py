# SPDX-License-Identifier: Apache-2.0
"""Runs of policies that are not to begin any more"""

from alembic import op
import sqlalchemy as sa

revision = '0023'
down_revision = '0022'
branch_labels = None
depends_on = None


def upgrade():
    op.add_column('backup_runs', sa.Column('withdrawn', sa.Boolean()))
