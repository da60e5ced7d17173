# SPDX-License-Identifier: Apache-2.0
"""Metadata of backups"""

from alembic import op
import sqlalchemy as sa

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        'share_backup_metadata',
        sa.Column('backup_id', sa.String(length=36), nullable=False),
        sa.Column('key', sa.String(length=255), nullable=False),
        sa.Column('value', sa.String(length=1023), nullable=False),
        sa.PrimaryKeyConstraint('backup_id', 'key',
                                name='pk_share_backup_metadata'),
        sa.ForeignKeyConstraint(['backup_id'], ['share_backups.id'],
                                name='fk_share_backup_metadata_backup_id',
                                ondelete='CASCADE'),
        mysql_engine='InnoDB', mysql_charset='utf8mb4',
        mysql_collate='utf8mb4_bin')
    op.create_index('ix_share_backup_metadata_key', 'share_backup_metadata',
                    ['key', 'backup_id'])
