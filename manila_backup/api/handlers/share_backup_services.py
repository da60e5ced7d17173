# SPDX-License-Identifier: Apache-2.0
"""The workers, by host: whether they live, and whether they are to take
operations."""

import functools

from manila_backup.api import extension
from manila_backup.api import faults
from manila_backup.api import operation
from manila_backup.api.schemas import share_backup_services as schemas
from manila_backup.api.schemas import types
from manila_backup.api.views import share_backup_services as views
from manila_backup.db import service_hosts
from manila_backup import exception
from manila_backup.policies import share_backup_services as policies
from manila_backup import states

PATH = '/share-backup-services'

_operation = functools.partial(operation.operation, extension=extension.FIRST)


@_operation(policies.GET_ALL, query=schemas.LIST)
def index(req, params):
    """Hosts of workers."""
    return 200, {'share_backup_services': [
        shown for shown in _read(req)
        if all(shown[name] == value for name, value in params.items())]}


@_operation(policies.GET)
def show(req, service_id):
    """One host of workers."""
    return _show(req, _id(service_id))


@_operation(policies.UPDATE, body=schemas.ENABLE)
def enable(req, service_id, document):
    """Have the workers of a host take operations again."""
    return _set(req, service_id, states.ServiceMode.ENABLED)


@_operation(policies.UPDATE, body=schemas.DISABLE)
def disable(req, service_id, document):
    """Have the workers of a host take no more operations, and finish what they
    have."""
    return _set(req, service_id, states.ServiceMode.DISABLED,
                document['disable'])


@_operation(policies.UPDATE, body=schemas.DRAIN)
def drain(req, service_id, document):
    """Have the workers of a host take no more operations, and hand over what
    they have."""
    return _set(req, service_id, states.ServiceMode.DRAINING,
                document['drain'])


def _set(req, service_id, mode, asked=None):
    service_id = _id(service_id)
    req.services.admission.services.set_mode(service_id, mode,
                                             (asked or {}).get('reason'))
    return _show(req, service_id)


def _show(req, service_id):
    for shown in _read(req):
        if shown['id'] == service_id:
            return 200, {schemas.RESOURCE: shown}
    raise exception.NotFound('Share backup service', service_id)


def _read(req):
    return [views.detail(host) for host in req.services.database.read(
        service_hosts.list_all, req.services.conf.service_down_time)]


def _id(text):
    """The id that a path names.

    :raises manila_backup.api.faults.Fault: 404 if it can't be one.
    """
    try:
        return types.count(text)
    except ValueError as exc:
        raise faults.not_found() from exc


ROUTES = {
    PATH: {'GET': index},
    f'{PATH}/{{service_id}}': {'GET': show},
    f'{PATH}/{{service_id}}/action': {'POST': operation.Actions({
        'enable': enable, 'disable': disable, 'drain': drain})},
}
