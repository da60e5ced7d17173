# SPDX-License-Identifier: Apache-2.0
"""Snapshots of the local source's shares."""

import functools

from manila_backup.api.handlers import common
from manila_backup.api import operation
from manila_backup.api.schemas import snapshots as schemas
from manila_backup.api.views import snapshots as views
from manila_backup.db import snapshots as db_snapshots
from manila_backup.policies import snapshots as policies

WHAT = 'Share snapshot'
PATH = '/snapshots'

EXPORT_LOCATIONS = (2, 32)

_operation = functools.partial(operation.operation,
                               all_rule=policies.GET_ALL_PROJECT)


@_operation(policies.GET_ALL, query=schemas.LIST)
def index(req, params):
    """Ids and names of snapshots."""
    return 200, _list(req, PATH, params, views.brief)


@_operation(policies.GET_ALL, query=schemas.LIST)
def detail(req, params):
    """Snapshots in full."""
    return 200, _list(req, f'{PATH}/detail', params, views.details)


@_operation(policies.GET)
def show(req, snapshot_id):
    """One snapshot."""
    return 200, _one(req, _visible(req, policies.GET, snapshot_id))


@_operation(policies.EXPORT_LOCATIONS, since=EXPORT_LOCATIONS)
def export_locations(req, snapshot_id):
    """List the export locations of a snapshot: always empty. Clients ask
    whenever they show a snapshot."""
    _visible(req, policies.EXPORT_LOCATIONS, snapshot_id)
    return 200, {'share_snapshot_export_locations': []}


@_operation(policies.CREATE, body=schemas.CREATE)
def create(req, document):
    """Begin to make a snapshot of a share."""
    asked = document[schemas.RESOURCE]
    share_id = common.authorize_share(req, policies.CREATE,
                                      asked['share_id'])
    row = req.services.admission.snapshots.create(
        req.context, share_id, **common.names(asked))
    return 202, _one(req, row)


@_operation(policies.UPDATE, body=schemas.UPDATE)
def update(req, snapshot_id, document):
    """Change a snapshot's name or description."""
    snapshot_id = _target(req, policies.UPDATE, snapshot_id)
    row = req.services.admission.snapshots.update(
        req.context, snapshot_id, common.names(document[schemas.RESOURCE]))
    return 200, _one(req, row)


@_operation(policies.DELETE)
def delete(req, snapshot_id):
    """Begin to delete a snapshot."""
    snapshot_id = _target(req, policies.DELETE, snapshot_id)
    req.services.admission.snapshots.delete(req.context, snapshot_id)
    return 202, None


@_operation(policies.RESET_STATUS, body=schemas.RESET_STATUS)
def reset_status(req, snapshot_id, document):
    """Set a snapshot's status."""
    snapshot_id = _target(req, policies.RESET_STATUS, snapshot_id)
    req.services.admission.snapshots.reset_status(
        req.context, snapshot_id, document['reset_status']['status'])
    return 202, None


@_operation(policies.FORCE_DELETE, body=schemas.FORCE_DELETE)
def force_delete(req, snapshot_id, document):
    """Begin to delete a snapshot whatever its status."""
    snapshot_id = _target(req, policies.FORCE_DELETE, snapshot_id)
    req.services.admission.snapshots.delete(req.context, snapshot_id,
                                            force=True)
    return 202, None


def _list(req, path, params, view):
    project_id = common.list_scope(req, params)
    return common.listed(
        req, path, params, 'snapshots', schemas.SORT_KEYS,
        lambda rows: view(req, rows), db_snapshots.get,
        lambda conn, **cut: db_snapshots.list_page(conn, project_id, params,
                                                   **cut),
        lambda conn: db_snapshots.count_all(conn, project_id, params))


def _visible(req, rule, snapshot_id):
    return common.visible(req, rule, db_snapshots.get, WHAT, snapshot_id)


def _one(req, row):
    return {schemas.RESOURCE: views.detail(req, row)}


def _target(req, rule, snapshot_id):
    return common.authorize_target(req, rule, db_snapshots.get, WHAT,
                                   snapshot_id)


ROUTES = {
    PATH: {'GET': index, 'POST': create},
    f'{PATH}/detail': {'GET': detail},
    f'{PATH}/{{snapshot_id}}': {'GET': show, 'PUT': update,
                                'DELETE': delete},
    f'{PATH}/{{snapshot_id}}/export-locations': {'GET': export_locations},
    f'{PATH}/{{snapshot_id}}/action': {'POST': operation.Actions({
        'reset_status': reset_status, 'force_delete': force_delete})},
}
