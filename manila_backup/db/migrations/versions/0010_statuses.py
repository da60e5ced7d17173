# SPDX-License-Identifier: Apache-2.0
"""Each status is one of those that there are"""

from alembic import op

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None

# As states.py had them, in the order of the alphabet.
_STATUSES = {
    'shares': (
        'available', 'backup_creating', 'backup_restoring',
        'backup_restoring_error', 'creating', 'creating_from_snapshot',
        'deleting', 'error', 'error_deleting', 'extending',
        'extending_error', 'inactive', 'manage_error', 'manage_starting',
        'migrating', 'reverting', 'reverting_error', 'shrinking',
        'shrinking_error', 'snapshotting', 'unmanage_error',
        'unmanage_starting'),
    'snapshots': ('available', 'creating', 'deleting', 'error',
                  'error_deleting'),
    'share_backups': ('available', 'creating', 'deleting', 'error',
                      'error_deleting', 'restoring'),
    'operations': ('cancelled', 'cancelling', 'done', 'failed', 'queued',
                   'running'),
}


def upgrade():
    for table, statuses in _STATUSES.items():
        allowed = ', '.join(f"'{each}'" for each in statuses)
        # A row that has another one stays: "upgrade check" tells of it.
        with op.batch_alter_table(table) as batch:
            batch.create_check_constraint(
                f'ck_{table}_status', f'status IN ({allowed})',
                postgresql_not_valid=True)
