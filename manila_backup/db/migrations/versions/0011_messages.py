# SPDX-License-Identifier: Apache-2.0
"""Messages for users"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None

_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')


def upgrade():
    op.create_table(
        'messages',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('project_id', sa.String(length=255), nullable=False),
        sa.Column('request_id', sa.String(length=255)),
        sa.Column('resource_type', sa.String(length=64), nullable=False),
        sa.Column('resource_id', sa.String(length=36), nullable=False),
        sa.Column('action_id', sa.String(length=16), nullable=False),
        sa.Column('detail_id', sa.String(length=16), nullable=False),
        sa.Column('message_level', sa.String(length=16), nullable=False),
        sa.Column('created_at', _TIME, nullable=False),
        sa.Column('expires_at', _TIME, nullable=False),
        sa.PrimaryKeyConstraint('id', name='pk_messages'),
        mysql_engine='InnoDB', mysql_charset='utf8mb4',
        mysql_collate='utf8mb4_bin')
    op.create_index('ix_messages_project_id_created_at', 'messages',
                    ['project_id', 'created_at'])
    op.create_index('ix_messages_expires_at', 'messages', ['expires_at'])
