# SPDX-License-Identifier: Apache-2.0
"""Settings of Horizon for share backups: the rules by which it offers what a
user may do. What is refused all the same is for the service to say."""

import os

from django.conf import settings
import manila_backup_dashboard

# Rules that differ from the defaults, below POLICY_FILES_PATH.
settings.POLICY_FILES.update({'share-backup': 'manila_backup_policy.yaml'})
settings.DEFAULT_POLICY_FILES.update({'share-backup': os.path.join(
    os.path.dirname(manila_backup_dashboard.__file__), 'conf',
    'default_policy.yaml')})
