# SPDX-License-Identifier: Apache-2.0
"""Share backups."""

import functools

from manila_backup.api import extension
from manila_backup.api import faults
from manila_backup.api.handlers import common
from manila_backup.api.handlers import shares as shares_handler
from manila_backup.api import microversions
from manila_backup.api import operation
from manila_backup.api.schemas import share_backup_files as files
from manila_backup.api.schemas import share_backups as schemas
from manila_backup.api.schemas import types
from manila_backup.api.views import common as common_views
from manila_backup.api.views import share_backups as views
from manila_backup.db import backup_metadata
from manila_backup.db import backups
from manila_backup.db import shares
from manila_backup.path_restore import selection
from manila_backup.policies import share_backups as policies
from manila_backup.requests import restores

WHAT = 'Share backup'
PATH = '/share-backups'

_operation = functools.partial(operation.operation,
                               all_rule=policies.GET_ALL_PROJECT,
                               since=microversions.SHARE_BACKUPS)


@_operation(policies.GET_ALL, query=schemas.LIST)
def index(req, params):
    """Ids and statuses of backups."""
    return 200, _list(req, PATH, params, views.brief, backups.BRIEF)


@_operation(policies.GET_ALL, query=schemas.LIST)
def detail(req, params):
    """Backups in full."""
    columns = backups.SHOWN
    if req.extension:
        columns += backups.CONTENTS
    return 200, _list(req, f'{PATH}/detail', params,
                      lambda rows: _details(req, rows), columns,
                      {policies.GET_HOST: backups.OF_HOST,
                       policies.GET_FAIL_REASON: backups.OF_FAILURE})


@_operation(policies.GET)
def show(req, backup_id):
    """One backup."""
    row = common.visible(req, policies.GET, backups.get, WHAT, backup_id)
    shown = _one(req, row)
    if req.allows(policies.GET_FAIL_REASON, row.project_id):
        share = req.services.database.read(shares.get, row.share_id)
        shown[schemas.RESOURCE]['share_status'] = share and share.status
    return 200, shown


def _create_schema(version, of_extension):
    return (schemas.CREATE_EXTENDED
            if extension.includes(of_extension, extension.FIRST)
            else schemas.CREATE)


@_operation(policies.CREATE, body=_create_schema)
def create(req, document):
    """Begin to back up a share."""
    asked = document[schemas.RESOURCE]
    share_id = common.authorize_share(req, policies.CREATE,
                                      asked['share_id'])
    row = req.services.admission.backups.create(
        req.context, share_id, name=asked.get('name'),
        description=asked.get('description'),
        options=asked.get('backup_options'), metadata=asked.get('metadata'))
    return 202, _one(req, row)


@_operation(policies.UPDATE, body=schemas.UPDATE)
def update(req, backup_id, document):
    """Change a backup's name or description."""
    backup_id = _target(req, policies.UPDATE, backup_id)
    row = req.services.admission.backups.update(
        req.context, backup_id, common.names(document[schemas.RESOURCE]))
    return 200, _one(req, row)


@_operation(policies.DELETE)
def delete(req, backup_id):
    """Begin to delete a backup."""
    backup_id = _target(req, policies.DELETE, backup_id)
    req.services.admission.backups.delete(req.context, backup_id)
    return 202, None


def _restore_schema(version, of_extension):
    if version >= microversions.TARGETED_RESTORE and extension.includes(
            of_extension, extension.FILES):
        return schemas.RESTORE_EXTENDED
    return (schemas.RESTORE_2_91
            if version >= microversions.TARGETED_RESTORE
            else schemas.RESTORE)


@_operation(policies.RESTORE, body=_restore_schema)
def restore(req, backup_id, document):
    """Begin to restore a backup to its share, or to another one, or look what
    that would do."""
    backup_id = _target(req, policies.RESTORE, backup_id)
    target = document['restore']
    asked = target if isinstance(target, dict) else {
        'target_share_id': target}
    target = asked.get('target_share_id')
    target = target and target.lower()
    admission = req.services.admission
    if asked.get('dry_run'):
        return _dry_run('restore', admission.files.preview(
            req.context, backup_id, target))
    backup, share_id, _ = admission.backups.restore(
        req.context, backup_id, target_share_id=target)
    return 202, {'restore': views.restore(backup, share_id)}


@_operation(policies.RESTORE, extension=extension.FILES,
            body=schemas.RESTORE_FILES)
def restore_files(req, backup_id, document):
    """Begin to restore chosen files and directories of a backup to its share,
    or to another one, or look what that would do."""
    backup_id = _target(req, policies.RESTORE, backup_id)
    asked = document['restore_files']
    share_id = asked.get('target_share_id')
    share_id = share_id and share_id.lower()
    target = asked.get('target_path')
    paths = restores.Paths(
        [_path('paths', each) for each in asked['paths']],
        None if target is None else _path('target_path', target),
        asked.get('conflict', selection.Conflict.FAIL))
    admission = req.services.admission
    if asked.get('dry_run'):
        return _dry_run('restore_files', admission.files.preview(
            req.context, backup_id, share_id, paths))
    backup, share_id, operation_id = admission.backups.restore(
        req.context, backup_id, share_id, paths)
    return 202, {'restore_files': {**views.restore(backup, share_id),
                                   'operation_id': operation_id}}


@_operation(policies.RESTORE_TO_NEW_SHARE, extension=extension.FILES,
            body=schemas.RESTORE_TO_NEW_SHARE)
def restore_to_new_share(req, backup_id, document):
    """Have a share made, and begin to restore a backup to it. Where the shares
    are another service's, that is done with the caller's token."""
    backup_id = _target(req, policies.RESTORE_TO_NEW_SHARE, backup_id)
    asked = dict(document['restore_to_new_share'])
    for name, convert in (('is_public', types.boolean), ('size', int)):
        if asked.get(name) is not None:
            asked[name] = convert(asked[name])
    if req.services.conf.shares.source == 'local':
        share_id, operation_id = shares_handler.create_of_backup(
            req, backup_id, asked)
    else:
        _, share_id, operation_id = (
            req.services.admission.backups.restore_to_new_share(
                req.context, backup_id, asked))
    return 202, {'restore_to_new_share': {
        'backup_id': backup_id, 'share_id': share_id,
        'operation_id': operation_id}}


def _dry_run(name, told):
    """Answer what a restore would do; or, while that takes, which operation
    looks."""
    backup, share_id, found, operation_id = told
    shown = views.restore(backup, share_id)
    if found is None:
        return 202, {name: {**shown, 'operation_id': operation_id}}
    return 200, {name: {**shown, 'dry_run': views.preview(found)}}


def _path(name, text):
    try:
        return files.path(text)
    except ValueError as exc:
        raise faults.bad_request(
            f'The field restore_files.{name} is not valid: {exc}.') from exc


@_operation(policies.RESET_STATUS, body=schemas.RESET_STATUS)
def reset_status(req, backup_id, document):
    """Set a backup's status, and call off what is being done to it."""
    backup_id = _target(req, policies.RESET_STATUS, backup_id)
    req.services.admission.backups.reset_status(
        req.context, backup_id, document['reset_status']['status'])
    return 202, None


@_operation(policies.CANCEL, extension=extension.FIRST, body=schemas.CANCEL)
def cancel(req, backup_id, document):
    """Cancel the creation or the restore of a backup."""
    backup_id = _target(req, policies.CANCEL, backup_id)
    req.services.admission.operations.cancel_of_backup(req.context, backup_id)
    return 202, None


@_operation(policies.LIST_WARNINGS, extension=extension.FIRST,
            query=schemas.WARNINGS)
def warnings(req, backup_id, params):
    """Entries of a share of which its backup lacks something."""
    row = common.visible(req, policies.LIST_WARNINGS, backups.get, WHAT,
                         backup_id)
    limit = common.limit_of(req, params)
    skip = params.get('marker', 0)
    found, complete, more = req.services.admission.warnings.list(
        req.context, row, skip, limit + 1)
    shown = found[:limit]
    body = {'warnings': views.warnings(shown, skip), 'complete': complete}
    if more or len(found) > limit:
        body.update(common_views.next_links(
            req, f'{PATH}/{row.id}/warnings', 'warnings', limit,
            marker=skip + len(shown)))
    return 200, body


def _list(req, path, params, view, columns, more=None):
    """List backups.

    :param columns: tuple of the columns that everybody sees.
    :param more: dict of the name of a policy rule to a tuple of the columns
        that it is about.
    """
    project_id = common.list_scope(req, params)
    common.drop_unless_allowed(req, policies.GET_HOST, project_id, params,
                               schemas.OF_HOST)
    for rule, some in (more or {}).items():
        # Of all projects the view asks about each.
        if project_id is None or req.allows(rule, project_id):
            columns += some
    return common.listed(
        req, path, params, 'share_backups', schemas.SORT_KEYS, view,
        backups.get,
        lambda conn, **cut: backups.list_page(conn, project_id, params,
                                              columns, **cut),
        lambda conn: backups.count_all(conn, project_id, params))


def _one(req, row):
    return {schemas.RESOURCE: _details(req, [row])[0]}


def _details(req, rows):
    metadata = None
    if extension.includes(req.extension, extension.FIRST):
        metadata = req.services.database.read(
            backup_metadata.of_backups, [row.id for row in rows])
    return views.details(req, rows, metadata)


def _target(req, rule, backup_id):
    return common.authorize_target(req, rule, backups.get, WHAT, backup_id)


ROUTES = {
    PATH: {'GET': index, 'POST': create},
    f'{PATH}/detail': {'GET': detail},
    f'{PATH}/{{backup_id}}': {'GET': show, 'PUT': update, 'DELETE': delete},
    f'{PATH}/{{backup_id}}/warnings': {'GET': warnings},
    f'{PATH}/{{backup_id}}/action': {'POST': operation.Actions({
        'restore': restore, 'restore_files': restore_files,
        'restore_to_new_share': restore_to_new_share,
        'reset_status': reset_status,
        'cancel': cancel})},
}
