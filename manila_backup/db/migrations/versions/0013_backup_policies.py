# SPDX-License-Identifier: Apache-2.0
"""Backup policies"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None

_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')
_MYSQL = {'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4',
          'mysql_collate': 'utf8mb4_bin'}


def upgrade():
    for column in (sa.Column('policy_id', sa.String(36)),
                   sa.Column('rule_id', sa.String(36)),
                   sa.Column('due_at', _TIME)):
        op.add_column('share_backups', column)
    op.create_index('ix_share_backups_policy', 'share_backups',
                    ['policy_id', 'share_id', 'due_at'])
    _create_policies()
    _create_rules()
    _create_assignments()
    _create_runs()


def _create_policies():
    op.create_table(
        'backup_policies',
        sa.Column('id', sa.String(36), nullable=False),
        sa.Column('project_id', sa.String(255), nullable=False),
        sa.Column('user_id', sa.String(255)),
        sa.Column('name', sa.String(255), nullable=False),
        sa.Column('description', sa.String(255)),
        sa.Column('is_public', sa.Boolean(), nullable=False),
        sa.Column('enabled', sa.Boolean(), nullable=False),
        sa.Column('timezone', sa.String(64), nullable=False),
        sa.Column('retention', sa.JSON(), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('created_at', _TIME, nullable=False),
        sa.Column('updated_at', _TIME),
        sa.PrimaryKeyConstraint('id', name='pk_backup_policies'), **_MYSQL)
    op.create_index('ix_backup_policies_project', 'backup_policies',
                    ['project_id', 'created_at', 'id'])
    op.create_index('ix_backup_policies_public', 'backup_policies',
                    ['is_public', 'created_at', 'id'])


def _create_rules():
    op.create_table(
        'backup_policy_rules',
        sa.Column('id', sa.String(36), nullable=False),
        sa.Column('policy_id', sa.String(36), nullable=False),
        sa.Column('name', sa.String(255), nullable=False),
        sa.Column('cron', sa.String(255), nullable=False),
        sa.Column('timezone', sa.String(64), nullable=False),
        sa.Column('start_window', sa.Integer(), nullable=False),
        sa.Column('jitter', sa.Integer(), nullable=False),
        sa.Column('backup_type', sa.String(64)),
        sa.Column('backup_options', sa.JSON(), nullable=False),
        sa.Column('name_template', sa.String(255)),
        sa.Column('planned_until', _TIME, nullable=False),
        sa.Column('next_at', _TIME),
        sa.ForeignKeyConstraint(
            ['policy_id'], ['backup_policies.id'], ondelete='CASCADE',
            name='fk_backup_policy_rules_policy_id'),
        sa.PrimaryKeyConstraint('id', name='pk_backup_policy_rules'),
        sa.UniqueConstraint('policy_id', 'name',
                            name='uq_backup_policy_rules_policy_id_name'),
        **_MYSQL)
    op.create_index('ix_backup_policy_rules_next', 'backup_policy_rules',
                    ['next_at', 'id'])


def _create_assignments():
    op.create_table(
        'backup_policy_assignments',
        sa.Column('id', sa.String(36), nullable=False),
        sa.Column('policy_id', sa.String(36), nullable=False),
        sa.Column('scope', sa.String(255), nullable=False),
        sa.Column('kind', sa.String(32), nullable=False),
        sa.Column('target', sa.String(255), nullable=False),
        sa.Column('mandatory', sa.Boolean(), nullable=False),
        sa.Column('user_id', sa.String(255)),
        sa.Column('created_at', _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ['policy_id'], ['backup_policies.id'], ondelete='CASCADE',
            name='fk_backup_policy_assignments_policy_id'),
        sa.PrimaryKeyConstraint('id', name='pk_backup_policy_assignments'),
        sa.UniqueConstraint(
            'policy_id', 'scope', 'kind', 'target',
            name='uq_backup_policy_assignments_policy_id_scope_kind_target'),
        **_MYSQL)
    op.create_index('ix_backup_policy_assignments_scope',
                    'backup_policy_assignments', ['scope'])


def _create_runs():
    op.create_table(
        'backup_runs',
        sa.Column('id', sa.String(36), nullable=False),
        sa.Column('policy_id', sa.String(36), nullable=False),
        sa.Column('rule_id', sa.String(36), nullable=False),
        sa.Column('share_id', sa.String(36), nullable=False),
        sa.Column('project_id', sa.String(255), nullable=False),
        sa.Column('due_at', _TIME, nullable=False),
        sa.Column('status', sa.String(16), nullable=False),
        sa.Column('start_at', _TIME, nullable=False),
        sa.Column('start_until', _TIME, nullable=False),
        sa.Column('backup_id', sa.String(36)),
        sa.Column('reason', sa.Text()),
        sa.Column('created_at', _TIME, nullable=False),
        sa.Column('ended_at', _TIME),
        sa.CheckConstraint(
            "status IN ('done', 'due', 'failed', 'missed', 'queued', "
            "'skipped', 'superseded')", name='ck_backup_runs_status'),
        sa.PrimaryKeyConstraint('id', name='pk_backup_runs'),
        sa.UniqueConstraint('rule_id', 'share_id', 'due_at',
                            name='uq_backup_runs_rule_id_share_id_due_at'),
        **_MYSQL)
    for name, columns in (
            ('status', ['status', 'start_at', 'id']),
            ('policy', ['policy_id', 'status', 'due_at']),
            ('share', ['share_id', 'status', 'due_at']),
            ('project', ['project_id', 'status']),
            ('backup', ['backup_id']),
            ('ended', ['ended_at'])):
        op.create_index(f'ix_backup_runs_{name}', 'backup_runs', columns)
