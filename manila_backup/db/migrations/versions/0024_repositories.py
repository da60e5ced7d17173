# SPDX-License-Identifier: Apache-2.0
"""Repositories, as each host's workers have found them"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '0024'
down_revision = '0023'
branch_labels = None
depends_on = None

_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')


def upgrade():
    op.create_table(
        'repositories',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('driver', sa.String(length=64), nullable=False),
        sa.Column('host', sa.String(length=255), nullable=False),
        sa.Column('location', sa.Text()),
        sa.Column('used_bytes', sa.BigInteger()),
        sa.Column('free_bytes', sa.BigInteger()),
        sa.Column('measured_at', _TIME),
        sa.Column('problem', sa.Text()),
        sa.Column('looked_at', _TIME, nullable=False),
        sa.PrimaryKeyConstraint('id', name='pk_repositories'),
        sa.UniqueConstraint('driver', 'host',
                            name='uq_repositories_driver_host'),
        mysql_engine='InnoDB', mysql_charset='utf8mb4',
        mysql_collate='utf8mb4_bin')
