# SPDX-License-Identifier: Apache-2.0
"""Operations on share backups: what was asked for, how far it is, and how it
ended."""

import functools

from manila_backup.api import extension
from manila_backup.api.handlers import common
from manila_backup.api import operation
from manila_backup.api.schemas import share_backup_operations as schemas
from manila_backup.api.views import share_backup_operations as views
from manila_backup.db import backup_operations
from manila_backup.policies import share_backup_operations as policies
from manila_backup.policies import share_backups

WHAT = 'Share backup operation'
PATH = '/share-backup-operations'

_operation = functools.partial(operation.operation,
                               all_rule=policies.GET_ALL_PROJECT,
                               extension=extension.FIRST)


@_operation(policies.GET_ALL, query=schemas.LIST)
def index(req, params):
    """Operations on share backups."""
    project_id = common.list_scope(req, params)
    params.setdefault('sort_key', schemas.SORT_KEY)
    since = params.pop('since', None)
    return 200, common.listed(
        req, PATH, params, 'share_backup_operations', schemas.SORT_KEYS,
        lambda rows: views.details(req, rows), backup_operations.get,
        lambda conn, **cut: backup_operations.list_page(
            conn, project_id, params, since, **cut),
        lambda conn: backup_operations.count_all(conn, project_id, params,
                                                 since))


@_operation(policies.GET)
def show(req, operation_id):
    """One operation on a share backup."""
    row = common.visible(req, policies.GET, backup_operations.get, WHAT,
                         operation_id)
    return 200, {schemas.RESOURCE: views.details(req, [row])[0]}


@_operation(share_backups.CANCEL, body=schemas.CANCEL)
def cancel(req, operation_id, document):
    """Cancel the creation or the restore of a share backup."""
    operation_id = common.authorize_target(
        req, share_backups.CANCEL, backup_operations.get, WHAT, operation_id)
    req.services.admission.operations.cancel(req.context, operation_id)
    return 202, None


ROUTES = {
    PATH: {'GET': index},
    f'{PATH}/{{operation_id}}': {'GET': show},
    f'{PATH}/{{operation_id}}/action': {
        'POST': operation.Actions({'cancel': cancel})},
}
