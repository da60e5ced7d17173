# SPDX-License-Identifier: Apache-2.0
"""Resources for Heat, which looks for this where ``plugin_dirs`` says."""

from manila_backup_heat import backup
from manila_backup_heat import policy


def resource_mapping():
    """Return the classes by the names that templates have for them."""
    return {'OS::ManilaBackup::Backup': backup.ShareBackup,
            'OS::ManilaBackup::Policy': policy.ShareBackupPolicy}
