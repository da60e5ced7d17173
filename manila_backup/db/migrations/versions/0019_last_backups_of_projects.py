# SPDX-License-Identifier: Apache-2.0
"""Index of the last good backup of each project, for the metrics"""

from alembic import op

revision = '0019'
down_revision = '0018'
branch_labels = None
depends_on = None


def upgrade():
    op.create_index('ix_share_backups_made', 'share_backups',
                    ['project_id', 'status', 'completed_at', 'created_at'])
