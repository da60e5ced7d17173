# SPDX-License-Identifier: Apache-2.0
"""Share types of the local source."""

from manila_backup.api import faults
from manila_backup.api import operation
from manila_backup.api import request
from manila_backup.api.schemas import share_types as schemas
from manila_backup.api.views import shares as views
from manila_backup.db import shares as db_shares
from manila_backup import exception
from manila_backup.policies import share_types as policies

PATH = '/types'


@operation.operation(policies.GET_ALL, query=schemas.LIST)
def index(req, params):
    """Share types; those that aren't public only for those whom the policy
    lets see them."""
    public = (params.get('is_public', True)
              if req.allows(policies.GET_PRIVATE) else True)
    rows = req.services.database.read(db_shares.list_types, public)
    types = [views.share_type(req, row) for row in rows]
    return 200, {'share_types': types, 'volume_types': types}


@operation.operation(policies.GET_DEFAULT)
def default(req):
    """The type of shares that are created without one."""
    name = req.services.conf.local_shares.default_share_type
    return 200, _one(req, find(req, name))


@operation.operation(policies.GET)
def show(req, share_type_id):
    """One share type."""
    return 200, _one(req, find(req, request.uuid(share_type_id)))


@operation.operation(policies.GET)
def extra_specs(req, share_type_id):
    """The extra specs of a share type."""
    row = find(req, request.uuid(share_type_id))
    return 200, {'extra_specs': row.extra_specs}


@operation.operation(policies.CREATE, body=schemas.CREATE)
def create(req, document):
    """Make a share type."""
    asked = document[schemas.RESOURCE]
    public = schemas.public(asked)
    return 200, _one(req, req.services.admission.share_types.create({
        'name': asked['name'], 'description': asked.get('description'),
        'is_public': True if public is None else public,
        'extra_specs': _texts(asked['extra_specs'])}))


@operation.operation(policies.UPDATE, body=schemas.UPDATE)
def update(req, share_type_id, document):
    """Change a share type's name, description or publicity."""
    asked = document[schemas.RESOURCE]
    values = {name: asked[name] for name in ('name', 'description')
              if name in asked}
    public = schemas.public(asked)
    if public is not None:
        values['is_public'] = public
    return 200, _one(req, req.services.admission.share_types.update(
        request.uuid(share_type_id), values))


@operation.operation(policies.DELETE)
def delete(req, share_type_id):
    """Delete a share type that no share is of."""
    req.services.admission.share_types.delete(request.uuid(share_type_id))
    return 202, None


@operation.operation(policies.SET_SPECS, body=schemas.SPECS)
def set_specs(req, share_type_id, document):
    """Set extra specs of a share type, and leave its others."""
    row = find(req, request.uuid(share_type_id))
    row = req.services.admission.share_types.update(row.id, {'extra_specs': {
        **row.extra_specs, **_texts(document['extra_specs'])}})
    return 200, {'extra_specs': row.extra_specs}


@operation.operation(policies.GET)
def spec(req, share_type_id, key):
    """One extra spec of a share type."""
    row = find(req, request.uuid(share_type_id))
    return 200, {key: _spec(row, key)}


@operation.operation(policies.DELETE_SPEC)
def delete_spec(req, share_type_id, key):
    """Remove an extra spec of a share type."""
    row = find(req, request.uuid(share_type_id))
    _spec(row, key)
    if key == schemas.REQUIRED_SPEC:
        raise faults.Fault(403, f'Every share type must have {key}.')
    req.services.admission.share_types.update(row.id, {'extra_specs': {
        name: value for name, value in row.extra_specs.items()
        if name != key}})
    return 202, None


def find(req, id_or_name):
    """The row of a share type that the caller may know of.

    :raises manila_backup.exception.NotFound: there is none.
    """
    row = req.services.database.read(db_shares.get_type, id_or_name)
    if row is None or not (row.is_public or req.allows(policies.GET_PRIVATE)):
        raise exception.NotFound('Share type', id_or_name)
    return row


def _spec(row, key):
    try:
        return row.extra_specs[key]
    except KeyError as exc:
        raise faults.not_found(
            f'The share type has no extra spec {key!r}.') from exc


def _texts(specs):
    """Extra specs as they are kept: clients also send booleans, and to JSON
    schemas 1.0 is a whole number."""
    return {name: str(int(value) if isinstance(value, float) else value)
            for name, value in specs.items()}


def _one(req, row):
    view = views.share_type(req, row)
    return {'share_type': view, 'volume_type': view}


ROUTES = {
    PATH: {'GET': index, 'POST': create},
    f'{PATH}/default': {'GET': default},
    f'{PATH}/{{share_type_id}}': {'GET': show, 'PUT': update,
                                  'DELETE': delete},
    f'{PATH}/{{share_type_id}}/extra_specs': {'GET': extra_specs,
                                              'POST': set_specs},
    f'{PATH}/{{share_type_id}}/extra_specs/{{key}}': {
        'GET': spec, 'DELETE': delete_spec},
}
