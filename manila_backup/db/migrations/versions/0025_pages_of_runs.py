# SPDX-License-Identifier: Apache-2.0
"""Index of the runs of policies by status, in the order of pages"""

from alembic import op

revision = '0025'
down_revision = '0024'
branch_labels = None
depends_on = None


def upgrade():
    op.create_index('ix_backup_runs_paged', 'backup_runs',
                    ['policy_id', 'status', 'due_at', 'id'])
