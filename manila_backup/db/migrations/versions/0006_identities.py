# SPDX-License-Identifier: Apache-2.0
"""Identities of the directories of local shares"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None

_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')


def upgrade():
    op.add_column('shares', sa.Column('identity', sa.JSON()))
    op.create_table(
        'places',
        sa.Column('name', sa.String(length=64), nullable=False),
        sa.Column('identity', sa.JSON(), nullable=False),
        sa.Column('created_at', _TIME, nullable=False),
        sa.PrimaryKeyConstraint('name', name='pk_places'),
        mysql_engine='InnoDB', mysql_charset='utf8mb4',
        mysql_collate='utf8mb4_bin')
