# SPDX-License-Identifier: Apache-2.0
"""Named locks: work that one process of the service does at a time"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')


def upgrade():
    op.create_table(
        'turns',
        sa.Column('name', sa.String(length=64), nullable=False),
        sa.Column('holder', sa.String(length=255)),
        sa.Column('held_until', _TIME),
        sa.Column('ended_at', _TIME, nullable=False),
        sa.PrimaryKeyConstraint('name', name='pk_turns'),
        mysql_engine='InnoDB', mysql_charset='utf8mb4',
        mysql_collate='utf8mb4_bin')
