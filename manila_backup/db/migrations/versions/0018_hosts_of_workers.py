# SPDX-License-Identifier: Apache-2.0
"""Hosts of workers, and whether those are to work"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '0018'
down_revision = '0017'
branch_labels = None
depends_on = None

_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')


def upgrade():
    op.create_table(
        'service_hosts',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('binary', sa.String(length=64), nullable=False),
        sa.Column('host', sa.String(length=255), nullable=False),
        sa.Column('mode', sa.String(length=16), nullable=False),
        sa.Column('reason', sa.String(length=255)),
        sa.Column('mode_changed_at', _TIME),
        sa.Column('created_at', _TIME, nullable=False),
        sa.CheckConstraint("mode IN ('disabled', 'draining', 'enabled')",
                           name='ck_service_hosts_mode'),
        sa.PrimaryKeyConstraint('id', name='pk_service_hosts'),
        sa.UniqueConstraint('binary', 'host',
                            name='uq_service_hosts_binary_host'),
        mysql_engine='InnoDB', mysql_charset='utf8mb4',
        mysql_collate='utf8mb4_bin')
