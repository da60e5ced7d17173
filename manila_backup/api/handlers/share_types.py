# SPDX-License-Identifier: Apache-2.0
"""Share types of the local source."""

from manila_backup.api import operation
from manila_backup.api import request
from manila_backup.api.schemas import shares as schemas
from manila_backup.api.views import shares as views
from manila_backup.db import shares as db_shares
from manila_backup import exception
from manila_backup.policies import share_types as policies

PATH = '/types'


@operation.operation(policies.GET_ALL, query=schemas.LIST_TYPES)
def index(req, params):
    """Share types; those that aren't public only for administrators."""
    public = params.get('is_public', True) if req.context.is_admin else True
    rows = req.services.database.read(db_shares.list_types, public)
    found = [views.share_type(req, row) for row in rows]
    return 200, {'share_types': found, 'volume_types': found}


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


def find(req, id_or_name):
    """The row of a share type that the caller may know of.

    :raises manila_backup.exception.NotFound: there is none.
    """
    row = req.services.database.read(db_shares.get_type, id_or_name)
    if row is None or not (row.is_public or req.context.is_admin):
        raise exception.NotFound('Share type', id_or_name)
    return row


def _one(req, row):
    found = views.share_type(req, row)
    return {'share_type': found, 'volume_type': found}


ROUTES = {
    PATH: {'GET': index},
    f'{PATH}/default': {'GET': default},
    f'{PATH}/{{share_type_id}}': {'GET': show},
    f'{PATH}/{{share_type_id}}/extra_specs': {'GET': extra_specs},
}
