# SPDX-License-Identifier: Apache-2.0
"""Since when a rule of a policy has been due at its times"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '0022'
down_revision = '0021'
branch_labels = None
depends_on = None

_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')


def upgrade():
    op.add_column('backup_policy_rules', sa.Column('begun_at', _TIME))
