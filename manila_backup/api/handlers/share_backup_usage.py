# SPDX-License-Identifier: Apache-2.0
"""Usage of share backups: how many there are, and of what sizes."""

from manila_backup.api import extension
from manila_backup.api.handlers import common
from manila_backup.api import operation
from manila_backup.api.schemas import share_backup_usage as schemas
from manila_backup.api.views import share_backup_usage as views
from manila_backup.db import usage
from manila_backup.policies import share_backup_usage as policies

PATH = '/share-backup-usage'


@operation.operation(policies.GET, all_rule=policies.GET_ALL_PROJECT,
                     extension=extension.FIRST, query=schemas.LIST)
def index(req, params):
    """Usage of share backups, by project or in more detail."""
    project_id = common.list_scope(req, params)
    key = schemas.GROUPS[params.get('group_by', 'project')]
    cut = common.page(req, params)
    by_day = 'interval' in params
    rows = req.services.database.read(
        usage.of_backups, project_id, key, cut['limit'], cut['offset'],
        by_day)
    return 200, common.paged(req, PATH, schemas.RESOURCE, cut, rows,
                             lambda rows: views.sums(rows, key, by_day))


ROUTES = {PATH: {'GET': index}}
