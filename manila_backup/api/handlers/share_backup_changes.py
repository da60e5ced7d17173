# SPDX-License-Identifier: Apache-2.0
"""Changes from one share backup to another."""

from manila_backup.api import extension
from manila_backup.api import faults
from manila_backup.api.handlers import common
from manila_backup.api.handlers import share_backups
from manila_backup.api import operation
from manila_backup.api.schemas import share_backup_files as schemas
from manila_backup.api.views import common as common_views
from manila_backup.api.views import share_backup_files as views
from manila_backup.db import backups
from manila_backup.policies import share_backups as policies

PATH = f'{share_backups.PATH}/{{backup_id}}/changes'

_KEY = 'changes'


@operation.operation(policies.LIST_CHANGES, extension=extension.FILES,
                     all_rule=policies.GET_ALL_PROJECT,
                     query=schemas.CHANGES, codes=(409,))
def index(req, backup_id, params):
    """Changes of a share from one of its backups to another: what was added,
    removed, changed and moved."""
    since = params.get('since')
    if since is None:
        raise faults.bad_request('"since" must name the older backup.')
    backup_id, since = (common.authorize_target(
        req, policies.LIST_CHANGES, backups.get, share_backups.WHAT, each)
        for each in (backup_id, since))
    limit = common.limit_of(req, params)
    answer = req.services.admission.files.changes(
        req.context, backup_id, since, params.get('marker', 0), limit)
    found = answer['changes']
    body = {_KEY: [views.change(**each) for each in found],
            'totals': answer['totals']}
    if answer['more'] and limit:
        body.update(common_views.next_links(
            req, PATH.format(backup_id=backup_id), _KEY, limit,
            marker=found[-1]['number']))
    return 200, body


ROUTES = {PATH: {'GET': index}}
