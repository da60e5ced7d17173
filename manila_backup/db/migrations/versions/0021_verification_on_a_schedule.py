# SPDX-License-Identifier: Apache-2.0
"""Budgets of a day, and an index of what is due to be verified"""

from alembic import op
import sqlalchemy as sa

revision = '0021'
down_revision = '0020'
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        'daily_budgets',
        sa.Column('name', sa.String(length=64), nullable=False),
        sa.Column('day', sa.Date(), nullable=False),
        sa.Column('spent', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('name', name='pk_daily_budgets'),
        mysql_engine='InnoDB', mysql_charset='utf8mb4',
        mysql_collate='utf8mb4_bin')
    op.create_index('ix_share_backups_verified', 'share_backups',
                    ['status', 'verified_at', 'created_at'])
