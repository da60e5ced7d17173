# SPDX-License-Identifier: Apache-2.0
"""Indexes of the queue, by age and by the time that delays end"""

from alembic import op

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None


def upgrade():
    op.create_index('ix_operations_ready', 'operations',
                    ['status', 'not_before', 'created_at', 'id'])
    op.create_index('ix_operations_project_ready', 'operations',
                    ['status', 'project_id', 'not_before', 'created_at',
                     'id'])
