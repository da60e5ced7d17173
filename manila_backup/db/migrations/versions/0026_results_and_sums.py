# SPDX-License-Identifier: Apache-2.0
"""Indexes of the backups of a project by their result and age, and of all
that sums are of"""

from alembic import op

revision = '0026'
down_revision = '0025'
branch_labels = None
depends_on = None


def upgrade():
    op.create_index('ix_share_backups_result', 'share_backups',
                    ['project_id', 'result', 'created_at', 'id'])
    op.create_index('ix_share_backups_sums', 'share_backups',
                    ['project_id', 'created_at', 'size', 'content_bytes',
                     'stored_bytes'])
