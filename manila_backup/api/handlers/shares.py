# SPDX-License-Identifier: Apache-2.0
"""Shares of the local source."""

import functools
import re

from manila_backup.api import extension
from manila_backup.api import faults
from manila_backup.api.handlers import common
from manila_backup.api.handlers import share_types
from manila_backup.api import operation
from manila_backup.api.schemas import shares as schemas
from manila_backup.api.schemas import types
from manila_backup.api.views import shares as views
from manila_backup.db import shares as db_shares
from manila_backup import exception
from manila_backup.policies import share_backups as backup_policies
from manila_backup.policies import shares as policies

WHAT = 'Share'
PATH = '/shares'

_operation = functools.partial(operation.operation,
                               all_rule=policies.GET_ALL_PROJECT)

#: ``HOST:/path``, as export locations are written.
_EXPORT_PATH = re.compile(r'(?:[^/:]*|\[[0-9A-Fa-f:.]*\]):(/.*)', re.DOTALL)


@_operation(policies.GET_ALL, query=schemas.LIST)
def index(req, params):
    """Ids and names of shares."""
    return 200, _list(req, PATH, params, views.brief)


@_operation(policies.GET_ALL, query=schemas.LIST)
def detail(req, params):
    """Shares in full."""
    return 200, _list(req, f'{PATH}/detail', params, views.details)


@_operation(policies.GET)
def show(req, share_id):
    """One share."""
    return 200, _one(req, visible(req, policies.GET, share_id))


def _create_schema(_version, of_extension):
    return (schemas.CREATE_EXTENDED
            if extension.includes(of_extension, extension.FILES)
            else schemas.CREATE)


@_operation(policies.CREATE, body=_create_schema)
def create(req, document):
    """Begin to make a share, which may be given the content of a backup."""
    asked = document[schemas.RESOURCE]
    backup_id = asked.get('source_backup_id')
    if backup_id:
        req.authorize(backup_policies.RESTORE)
    values = _values(req, asked, asked['share_proto'])
    values.update(size=int(asked['size']),
                  availability_zone=asked.get('availability_zone'),
                  properties=asked.get('metadata') or {})
    row = req.services.admission.shares.create(
        req.context, values, backup_id and backup_id.lower())
    return 200, _one(req, _reread(req, row.id))


def create_of_backup(req, backup_id, asked):
    """Begin to make a share with what is in a backup.

    :param asked: dict, as of :data:`manila_backup.api.schemas.share_backups.
        RESTORE_TO_NEW_SHARE`.
    :returns: (its id, the id of the operation).
    """
    req.authorize(policies.CREATE)
    if asked.get('share_network_id'):
        raise faults.bad_request(
            'share_network_id: this service has no share networks.')
    values = _values(req, asked, asked.get('share_proto') or '')
    values.update(size=asked.get('size'),
                  availability_zone=asked.get('availability_zone'),
                  properties=asked.get('metadata') or {})
    share, operation_id = req.services.admission.shares.create_of_backup(
        req.context, values, backup_id)
    return share.id, operation_id


@_operation(policies.MANAGE, body=schemas.MANAGE)
def manage(req, document):
    """Begin to adopt a directory as a share."""
    conf = req.services.conf
    if conf.auth_strategy == 'noauth' and not conf.noauth.allow_manage:
        raise faults.Fault(
            403, 'With auth_strategy = noauth, adopting directories is '
                 'disabled: any user of the host could have the service read '
                 'and change them with its own privileges. To allow it, set '
                 '[noauth] allow_manage = true.')
    asked = document[schemas.RESOURCE]
    values = _values(req, asked, asked['protocol'])
    path = asked['export_path']
    match = _EXPORT_PATH.fullmatch(path)
    values['path'] = match[1] if match else path
    wishes = asked.get('driver_options') or {}
    if 'size' in wishes:
        values['size'] = int(wishes['size'])
    if types.boolean(wishes.get(schemas.INCLUDE_MOUNTS, False)):
        values['include_mounts'] = True
    row = req.services.admission.shares.manage(req.context, values)
    return 200, _one(req, _reread(req, row.id))


@_operation(policies.UPDATE, body=schemas.UPDATE)
def update(req, share_id, document):
    """Change a share's name, description or publicity."""
    share_id = _target(req, policies.UPDATE, share_id)
    asked = document[schemas.RESOURCE]
    values = common.names(asked)
    if 'is_public' in asked:
        values['is_public'] = types.boolean(asked['is_public'])
        if values['is_public']:
            req.authorize(policies.SET_PUBLIC)
    if values:
        req.services.admission.shares.update(req.context, share_id, values)
    return 200, _one(req, _reread(req, share_id))


@_operation(policies.DELETE)
def delete(req, share_id):
    """Begin to delete a share."""
    share_id = _target(req, policies.DELETE, share_id)
    req.services.admission.shares.delete(req.context, share_id)
    return 202, None


def visible(req, rule, share_id):
    """The row of a share that the caller may see: of his own project, or
    public, or any that the policy lets him."""
    row = common.find(req, db_shares.get_with_type, WHAT, share_id)
    if row.project_id != req.context.project_id and not row.is_public:
        req.authorize(rule, row.project_id)
    return row


def _list(req, path, params, view):
    project_id = common.list_scope(req, params)
    public = params.pop('is_public', False)
    properties = params.pop('metadata', None)
    # All of them: none is a column.
    never = [name for name in schemas.NEVER if params.pop(name, None)]
    if 'snapshot_id' in params:
        params['source_snapshot_id'] = params.pop('snapshot_id')
    common.drop_unless_allowed(req, policies.GET_HOST, project_id, params,
                               schemas.OF_HOST)
    scope = (project_id, public, params, properties)
    return common.listed(
        req, path, params, 'shares', schemas.SORT_KEYS,
        lambda rows: view(req, rows), db_shares.get_with_type,
        lambda conn, **cut: ([] if never else
                             db_shares.list_page(conn, *scope, **cut)),
        lambda conn: 0 if never else db_shares.count_all(conn, *scope))


def _values(req, asked, protocol):
    """Validate the parameters that creating and adopting share."""
    values = common.names(asked)
    values['share_proto'] = protocol.upper()
    values['is_public'] = types.boolean(asked.get('is_public', False))
    if values['is_public']:
        req.authorize(policies.CREATE_PUBLIC)
    wanted = asked.get('share_type') or asked.get('volume_type')
    try:
        share_type = share_types.find(
            req, wanted or req.services.conf.local_shares.default_share_type)
    except exception.NotFound as exc:
        # It is the body, or the configuration, not the path.
        raise faults.bad_request(exc.message) from exc
    values['share_type_id'] = share_type.id
    return values


def _reread(req, share_id):
    """A share that was just written, with its type."""
    return common.find(req, db_shares.get_with_type, WHAT, share_id)


def _one(req, row):
    return {schemas.RESOURCE: views.detail(req, row)}


def _target(req, rule, share_id):
    return common.authorize_target(req, rule, db_shares.get, WHAT, share_id)


ROUTES = {
    PATH: {'GET': index, 'POST': create},
    f'{PATH}/detail': {'GET': detail},
    f'{PATH}/manage': {'POST': manage},
    f'{PATH}/{{share_id}}': {'GET': show, 'PUT': update, 'DELETE': delete},
}
