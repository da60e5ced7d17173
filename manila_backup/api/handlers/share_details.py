# SPDX-License-Identifier: Apache-2.0
"""Subresources of shares: export locations, metadata, and replicas (always an
empty list)."""

import functools

from manila_backup.api import faults
from manila_backup.api.handlers import common
from manila_backup.api.handlers import shares
from manila_backup.api import operation
from manila_backup.api import request
from manila_backup.api.schemas import shares as schemas
from manila_backup.api.views import shares as views
from manila_backup.db import shares as db_shares
from manila_backup.policies import shares as policies

_SHARE = f'{shares.PATH}/{{share_id}}'

EXPORT_LOCATIONS = (2, 9)
REPLICAS = (2, 11)

_operation = functools.partial(operation.operation,
                               all_rule=policies.GET_ALL_PROJECT)


@_operation(policies.EXPORT_LOCATIONS, since=EXPORT_LOCATIONS)
def export_locations(req, share_id):
    """List the export locations of a share."""
    row = shares.visible(req, policies.EXPORT_LOCATIONS, share_id)
    return 200, {'export_locations': views.export_locations(req, row)}


@_operation(policies.EXPORT_LOCATION, since=EXPORT_LOCATIONS)
def export_location(req, share_id, location_id):
    """One place where a share can be reached."""
    row = shares.visible(req, policies.EXPORT_LOCATION, share_id)
    location_id = request.uuid(location_id)
    for location in views.export_locations(req, row, in_full=True):
        if location['id'] == location_id:
            return 200, {'export_location': location}
    raise faults.not_found(
        f'Export location {location_id} could not be found.')


@_operation(policies.GET_METADATA)
def metadata(req, share_id):
    """The properties of a share."""
    row = shares.visible(req, policies.GET_METADATA, share_id)
    return 200, {'metadata': row.properties}


@_operation(policies.GET_METADATA)
def property_(req, share_id, key):
    """One property of a share."""
    row = shares.visible(req, policies.GET_METADATA, share_id)
    if key not in row.properties:
        raise _no_property(key)
    return 200, {'meta': {key: row.properties[key]}}


@_operation(policies.UPDATE_METADATA, body=schemas.METADATA)
def add_metadata(req, share_id, document):
    """Set properties of a share, and leave its others."""
    row = _target(req, policies.UPDATE_METADATA, share_id)
    return _save(req, row, {**row.properties, **document['metadata']})


@_operation(policies.UPDATE_METADATA, body=schemas.METADATA)
def replace_metadata(req, share_id, document):
    """Set the properties of a share, and remove its others."""
    row = _target(req, policies.UPDATE_METADATA, share_id)
    return _save(req, row, document['metadata'])


@_operation(policies.DELETE_METADATA)
def delete_property(req, share_id, key):
    """Remove a property of a share."""
    row = _target(req, policies.DELETE_METADATA, share_id)
    if key not in row.properties:
        raise _no_property(key)
    _save(req, row, {name: value for name, value in row.properties.items()
                     if name != key})
    return 200, None


@_operation(policies.REPLICAS, since=REPLICAS)
def replicas(req):
    """The replicas of shares: shares here have none."""
    return 200, {'share_replicas': []}


@_operation(policies.REPLICAS, since=REPLICAS)
def replicas_detail(req):
    """The replicas of shares in full: shares here have none."""
    return 200, {'share_replicas': []}


def _target(req, rule, share_id):
    return common.visible(req, rule, db_shares.get, shares.WHAT, share_id)


def _save(req, row, properties):
    row = req.services.admission.shares.update(
        req.context, row.id, {'properties': properties})
    return 200, {'metadata': row.properties}


def _no_property(key):
    return faults.not_found(f'The share has no property {key!r}.')


ROUTES = {
    f'{_SHARE}/export_locations': {'GET': export_locations},
    f'{_SHARE}/export_locations/{{location_id}}': {'GET': export_location},
    f'{_SHARE}/metadata': {'GET': metadata, 'POST': add_metadata,
                           'PUT': replace_metadata},
    f'{_SHARE}/metadata/{{key}}': {'GET': property_,
                                   'DELETE': delete_property},
    '/share-replicas': {'GET': replicas},
    '/share-replicas/detail': {'GET': replicas_detail},
}
