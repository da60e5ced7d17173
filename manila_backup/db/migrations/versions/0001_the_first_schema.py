# SPDX-License-Identifier: Apache-2.0
"""The first schema"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None

_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6),
                                   'mysql', 'mariadb')
_TABLE = {'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4',
          'mysql_collate': 'utf8mb4_bin'}


def upgrade():
    op.create_table(
        'operations',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('kind', sa.String(length=32), nullable=False),
        sa.Column('status', sa.String(length=16), nullable=False),
        sa.Column('live', sa.Boolean()),
        sa.Column('project_id', sa.String(length=255), nullable=False),
        sa.Column('user_id', sa.String(length=255)),
        sa.Column('request_id', sa.String(length=64)),
        sa.Column('share_id', sa.String(length=36)),
        sa.Column('backup_id', sa.String(length=36)),
        sa.Column('snapshot_id', sa.String(length=36)),
        sa.Column('driver', sa.String(length=64)),
        sa.Column('options', sa.JSON(), nullable=False),
        sa.Column('attempt', sa.Integer(), nullable=False),
        sa.Column('failures', sa.Integer(), nullable=False),
        sa.Column('worker', sa.String(length=255)),
        sa.Column('lease_until', _TIME),
        sa.Column('not_before', _TIME),
        sa.Column('files_total', sa.BigInteger(), nullable=False),
        sa.Column('files_done', sa.BigInteger(), nullable=False),
        sa.Column('bytes_total', sa.BigInteger(), nullable=False),
        sa.Column('bytes_done', sa.BigInteger(), nullable=False),
        sa.Column('error', sa.Text()),
        sa.Column('created_at', _TIME, nullable=False),
        sa.Column('started_at', _TIME),
        sa.Column('finished_at', _TIME),
        sa.PrimaryKeyConstraint('id', name='pk_operations'),
        sa.UniqueConstraint(
            'backup_id', 'live', name='uq_operations_backup_id_live'),
        **_TABLE)
    op.create_index('ix_operations_created', 'operations',
                    ['created_at', 'id'])
    op.create_index('ix_operations_finished', 'operations', ['finished_at'])
    op.create_index('ix_operations_leases', 'operations',
                    ['status', 'lease_until'])
    op.create_index('ix_operations_queue', 'operations',
                    ['status', 'project_id', 'created_at', 'id'])
    op.create_index('ix_operations_share', 'operations',
                    ['share_id', 'status'])

    op.create_table(
        'project_locks',
        sa.Column('project_id', sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint('project_id', name='pk_project_locks'),
        **_TABLE)
    op.create_table(
        'quotas',
        sa.Column('project_id', sa.String(length=255), nullable=False),
        sa.Column('resource', sa.String(length=64), nullable=False),
        sa.Column('hard_limit', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('project_id', 'resource', name='pk_quotas'),
        **_TABLE)
    op.create_table(
        'services',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('binary', sa.String(length=64), nullable=False),
        sa.Column('host', sa.String(length=255), nullable=False),
        sa.Column('identity', sa.String(length=255), nullable=False),
        sa.Column('topic', sa.String(length=255)),
        sa.Column('availability_zone', sa.String(length=255)),
        sa.Column('version', sa.String(length=32)),
        sa.Column('rpc_version', sa.String(length=16)),
        sa.Column('last_seen', _TIME, nullable=False),
        sa.Column('created_at', _TIME, nullable=False),
        sa.PrimaryKeyConstraint('id', name='pk_services'),
        sa.UniqueConstraint('identity', name='uq_services_identity'),
        **_TABLE)
    op.create_table(
        'share_types',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('name', sa.String(length=255), nullable=False),
        sa.Column('description', sa.String(length=255)),
        sa.Column('is_public', sa.Boolean(), nullable=False),
        sa.Column('extra_specs', sa.JSON(), nullable=False),
        sa.Column('created_at', _TIME, nullable=False),
        sa.Column('updated_at', _TIME),
        sa.PrimaryKeyConstraint('id', name='pk_share_types'),
        sa.UniqueConstraint('name', name='uq_share_types_name'),
        **_TABLE)
    op.create_table(
        'shares',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('project_id', sa.String(length=255), nullable=False),
        sa.Column('user_id', sa.String(length=255)),
        sa.Column('source', sa.String(length=32), nullable=False),
        sa.Column('name', sa.String(length=255)),
        sa.Column('description', sa.String(length=255)),
        sa.Column('size', sa.Integer(), nullable=False),
        sa.Column('share_proto', sa.String(length=32), nullable=False),
        sa.Column('status', sa.String(length=32), nullable=False),
        sa.Column('share_type_id', sa.String(length=36)),
        sa.Column('source_snapshot_id', sa.String(length=36)),
        sa.Column('host', sa.String(length=255)),
        sa.Column('availability_zone', sa.String(length=255)),
        sa.Column('is_public', sa.Boolean(), nullable=False),
        sa.Column('properties', sa.JSON(), nullable=False),
        sa.Column('path', sa.String(length=1024)),
        sa.Column('path_digest', sa.String(length=64)),
        sa.Column('created_at', _TIME, nullable=False),
        sa.Column('updated_at', _TIME),
        sa.ForeignKeyConstraint(
            ['share_type_id'], ['share_types.id'],
            name='fk_shares_share_type_id'),
        sa.PrimaryKeyConstraint('id', name='pk_shares'),
        sa.UniqueConstraint('path_digest', name='uq_shares_path_digest'),
        **_TABLE)
    op.create_index('ix_shares_created', 'shares', ['created_at', 'id'])
    op.create_index('ix_shares_project', 'shares',
                    ['project_id', 'created_at', 'id'])
    op.create_index('ix_shares_share_type_id', 'shares', ['share_type_id'])

    op.create_table(
        'access_rules',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('share_id', sa.String(length=36), nullable=False),
        sa.Column('access_type', sa.String(length=32), nullable=False),
        sa.Column('access_to', sa.String(length=255), nullable=False),
        sa.Column('access_level', sa.String(length=8), nullable=False),
        sa.Column('state', sa.String(length=32), nullable=False),
        sa.Column('created_at', _TIME, nullable=False),
        sa.Column('updated_at', _TIME),
        sa.ForeignKeyConstraint(
            ['share_id'], ['shares.id'], name='fk_access_rules_share_id',
            ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name='pk_access_rules'),
        sa.UniqueConstraint(
            'share_id', 'access_type', 'access_to',
            name='uq_access_rules_share_id_access_type_access_to'),
        **_TABLE)
    op.create_table(
        'share_backups',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('project_id', sa.String(length=255), nullable=False),
        sa.Column('user_id', sa.String(length=255)),
        sa.Column('share_id', sa.String(length=36), nullable=False),
        sa.Column('name', sa.String(length=255)),
        sa.Column('description', sa.String(length=255)),
        sa.Column('status', sa.String(length=32), nullable=False),
        sa.Column('size', sa.Integer(), nullable=False),
        sa.Column('availability_zone', sa.String(length=255)),
        sa.Column('host', sa.String(length=255)),
        sa.Column('topic', sa.String(length=255)),
        sa.Column('backup_type', sa.String(length=64), nullable=False),
        sa.Column('progress', sa.Integer(), nullable=False),
        sa.Column('restore_progress', sa.Integer(), nullable=False),
        sa.Column('fail_reason', sa.Text()),
        sa.Column('created_at', _TIME, nullable=False),
        sa.Column('updated_at', _TIME),
        sa.ForeignKeyConstraint(
            ['share_id'], ['shares.id'], name='fk_share_backups_share_id'),
        sa.PrimaryKeyConstraint('id', name='pk_share_backups'),
        **_TABLE)
    op.create_index('ix_share_backups_created', 'share_backups',
                    ['created_at', 'id'])
    op.create_index('ix_share_backups_project', 'share_backups',
                    ['project_id', 'created_at', 'id'])
    op.create_index('ix_share_backups_project_share', 'share_backups',
                    ['project_id', 'share_id', 'created_at', 'id'])
    op.create_index('ix_share_backups_project_size', 'share_backups',
                    ['project_id', 'size'])
    op.create_index('ix_share_backups_share', 'share_backups',
                    ['share_id', 'created_at', 'id'])

    op.create_table(
        'snapshots',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('project_id', sa.String(length=255), nullable=False),
        sa.Column('user_id', sa.String(length=255)),
        sa.Column('share_id', sa.String(length=36), nullable=False),
        sa.Column('name', sa.String(length=255)),
        sa.Column('description', sa.String(length=255)),
        sa.Column('size', sa.Integer(), nullable=False),
        sa.Column('share_proto', sa.String(length=32), nullable=False),
        sa.Column('status', sa.String(length=32), nullable=False),
        sa.Column('created_at', _TIME, nullable=False),
        sa.Column('updated_at', _TIME),
        sa.ForeignKeyConstraint(
            ['share_id'], ['shares.id'], name='fk_snapshots_share_id'),
        sa.PrimaryKeyConstraint('id', name='pk_snapshots'),
        **_TABLE)
    op.create_index('ix_snapshots_project', 'snapshots',
                    ['project_id', 'created_at', 'id'])
    op.create_index('ix_snapshots_share_id', 'snapshots', ['share_id'])
