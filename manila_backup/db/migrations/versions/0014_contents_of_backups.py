# SPDX-License-Identifier: Apache-2.0
"""Contents of backups, for their owners"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None

_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')

# As states.py had them, in the order of the alphabet.
_WORDS = {
    'result': ('complete', 'damaged', 'incomplete'),
    'point_in_time': ('file', 'live', 'snapshot'),
    'requested_by': ('import', 'policy', 'user'),
    'verified_result': ('damaged', 'sound'),
}


def _add_one_of(name, constraint, condition):
    if op.get_context().dialect.name == 'sqlite':
        # Which adds no constraint without copying the table, and then loses
        # those that there are.
        op.add_column('share_backups', sa.Column(
            name, sa.String(16),
            sa.CheckConstraint(condition, name=constraint)))
        return
    op.add_column('share_backups', sa.Column(name, sa.String(16)))
    op.create_check_constraint(constraint, 'share_backups', condition,
                               postgresql_not_valid=True)


def upgrade():
    for name, words in _WORDS.items():
        allowed = ', '.join(f"'{each}'" for each in words)
        _add_one_of(name, f'ck_share_backups_{name}', f'{name} IN ({allowed})')
    for name in ('entries', 'content_bytes', 'stored_bytes', 'warning_count',
                 'missing_count'):
        op.add_column('share_backups', sa.Column(name, sa.BigInteger()))
    for name in ('taken_at', 'completed_at', 'verified_at'):
        op.add_column('share_backups', sa.Column(name, _TIME))
