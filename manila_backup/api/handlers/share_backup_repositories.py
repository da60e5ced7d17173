# SPDX-License-Identifier: Apache-2.0
"""The repositories that backups are in: their room, and how long ago what is
in them was verified."""

from manila_backup.api import extension
from manila_backup.api import operation
from manila_backup.api.schemas import share_backup_repositories as schemas
from manila_backup.api.views import share_backup_repositories as views
from manila_backup.db import repositories
from manila_backup.policies import share_backup_repositories as policies

PATH = '/share-backup-repositories'


@operation.operation(policies.GET_ALL, extension=extension.REPOSITORIES,
                     query=schemas.LIST)
def index(req, params):
    """Repositories of share backups."""
    found = req.services.database.read(repositories.list_all)
    wanted = params.get('backup_type')
    return 200, {'share_backup_repositories': [
        views.detail(each) for each in found
        if wanted in (None, each.driver)]}


ROUTES = {PATH: {'GET': index}}
