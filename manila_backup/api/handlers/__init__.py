# SPDX-License-Identifier: Apache-2.0
"""Handlers of the API's paths, a module per resource.

Each module declares its paths below ``/v2`` as ``ROUTES``: a dict of path to
dict of method to :class:`~manila_backup.api.operation.Operation`.
"""

from manila_backup.api.handlers import absent
from manila_backup.api.handlers import access_rules
from manila_backup.api.handlers import cloud
from manila_backup.api.handlers import messages
from manila_backup.api.handlers import share_actions
from manila_backup.api.handlers import share_backup_changes
from manila_backup.api.handlers import share_backup_coverage
from manila_backup.api.handlers import share_backup_file_versions
from manila_backup.api.handlers import share_backup_files
from manila_backup.api.handlers import share_backup_metadata
from manila_backup.api.handlers import share_backup_operations
from manila_backup.api.handlers import share_backup_policies
from manila_backup.api.handlers import share_backup_quotas
from manila_backup.api.handlers import share_backup_repositories
from manila_backup.api.handlers import share_backup_services
from manila_backup.api.handlers import share_backup_usage
from manila_backup.api.handlers import share_backups
from manila_backup.api.handlers import share_details
from manila_backup.api.handlers import share_types
from manila_backup.api.handlers import shares
from manila_backup.api.handlers import snapshots

#: Where this service keeps the shares; with another source they are Manila's
#: to show.
LOCAL = (shares, share_actions, share_details, share_types, access_rules,
         snapshots, cloud, messages, absent)


def routes(conf):
    """All paths that a service so configured offers.

    :returns: dict of path below ``/v2`` to dict of method to what does it.
    """
    modules = [share_backups, share_backup_changes,
               share_backup_file_versions, share_backup_files,
               share_backup_metadata, share_backup_operations,
               share_backup_policies, share_backup_coverage,
               share_backup_quotas, share_backup_repositories,
               share_backup_services, share_backup_usage]
    if conf.shares.source == 'local':
        modules.extend(LOCAL)
    table = {}
    for module in modules:
        table.update(module.ROUTES)
    return table
