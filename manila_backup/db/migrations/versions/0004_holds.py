# SPDX-License-Identifier: Apache-2.0
"""Marks of operations that may have left residue with an external share"""

from alembic import op
import sqlalchemy as sa

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade():
    op.add_column('operations', sa.Column('holds', sa.Boolean()))
    op.create_index('ix_operations_holds', 'operations', ['holds'])
