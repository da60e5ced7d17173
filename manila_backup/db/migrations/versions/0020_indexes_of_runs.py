# SPDX-License-Identifier: Apache-2.0
"""Indexes of the runs of policies, by project and by policy"""

from alembic import op

revision = '0020'
down_revision = '0019'
branch_labels = None
depends_on = None


def upgrade():
    op.create_index('ix_backup_runs_project_due', 'backup_runs',
                    ['status', 'project_id', 'start_at', 'id'])
    op.create_index('ix_backup_runs_listed', 'backup_runs',
                    ['policy_id', 'due_at', 'id'])
