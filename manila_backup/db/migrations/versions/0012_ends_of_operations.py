# SPDX-License-Identifier: Apache-2.0
"""Ends of operations, for owners of backups"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None

_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')


def upgrade():
    op.add_column('share_backups', sa.Column('status_code', sa.String(32)))
    for column in (
            sa.Column('status_code', sa.String(32)),
            sa.Column('share_changed', sa.Boolean()),
            sa.Column('publishing', sa.Boolean()),
            sa.Column('attempt_started_at', _TIME)):
        op.add_column('operations', column)
    op.create_index('ix_operations_project', 'operations',
                    ['project_id', 'created_at', 'id'])
