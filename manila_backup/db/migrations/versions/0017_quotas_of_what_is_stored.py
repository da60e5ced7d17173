# SPDX-License-Identifier: Apache-2.0
"""Quotas of what is stored"""

from alembic import op

revision = '0017'
down_revision = '0016'
branch_labels = None
depends_on = None


def upgrade():
    op.create_index('ix_share_backups_project_usage', 'share_backups',
                    ['project_id', 'size', 'stored_bytes'])
