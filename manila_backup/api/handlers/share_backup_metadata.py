# SPDX-License-Identifier: Apache-2.0
"""Metadata of share backups, as Manila's other resources have it."""

import functools

from manila_backup.api import extension
from manila_backup.api import faults
from manila_backup.api.handlers import common
from manila_backup.api.handlers import share_backups
from manila_backup.api import microversions
from manila_backup.api import operation
from manila_backup.api.schemas import share_backup_metadata as schemas
from manila_backup.db import backup_metadata
from manila_backup.db import backups
from manila_backup.policies import share_backups as policies

PATH = f'{share_backups.PATH}/{{backup_id}}/metadata'

_operation = functools.partial(operation.operation,
                               all_rule=policies.GET_ALL_PROJECT,
                               since=microversions.SHARE_BACKUPS,
                               extension=extension.FIRST)


@_operation(policies.GET_METADATA)
def index(req, backup_id):
    """The metadata of a backup."""
    return 200, {'metadata': _read(req, backup_id)}


@_operation(policies.GET_METADATA)
def show(req, backup_id, key):
    """One item of a backup's metadata."""
    found = _read(req, backup_id)
    if key not in found:
        raise faults.not_found(f'The share backup has no metadata {key!r}.')
    return 200, {'meta': {key: found[key]}}


@_operation(policies.UPDATE_METADATA, body=schemas.METADATA)
def set_(req, backup_id, document):
    """Set items of a backup's metadata, and leave its others."""
    return _set(req, backup_id, document['metadata'])


@_operation(policies.UPDATE_METADATA, body=schemas.METADATA)
def replace(req, backup_id, document):
    """Set a backup's metadata, and remove what else there is."""
    return _set(req, backup_id, document['metadata'], replace=True)


@_operation(policies.UPDATE_METADATA, body=schemas.ITEM)
def set_item(req, backup_id, key, document):
    """Set one item of a backup's metadata."""
    item = document['metadata']
    if key not in item:
        raise faults.bad_request(
            f'The body must have the item that the path names, {key!r}.')
    _set(req, backup_id, item)
    return 200, {'metadata': item}


@_operation(policies.DELETE_METADATA)
def delete(req, backup_id, key):
    """Remove one item of a backup's metadata."""
    backup_id = _target(req, policies.DELETE_METADATA, backup_id)
    req.services.admission.backup_metadata.delete(req.context, backup_id, key)
    return 200, None


def _read(req, backup_id):
    row = common.visible(req, policies.GET_METADATA, backups.get,
                         share_backups.WHAT, backup_id)
    return req.services.database.read(backup_metadata.of_backup, row.id)


def _set(req, backup_id, metadata, replace=False):
    backup_id = _target(req, policies.UPDATE_METADATA, backup_id)
    return 200, {'metadata': req.services.admission.backup_metadata.set(
        req.context, backup_id, metadata, replace)}


def _target(req, rule, backup_id):
    return common.authorize_target(req, rule, backups.get, share_backups.WHAT,
                                   backup_id)


ROUTES = {
    PATH: {'GET': index, 'POST': set_, 'PUT': replace},
    f'{PATH}/{{key}}': {'GET': show, 'POST': set_item, 'DELETE': delete},
}
