# SPDX-License-Identifier: Apache-2.0
"""Availability zones, services, limits and quotas."""

from manila_backup.api import faults
from manila_backup.api import operation
from manila_backup.api.schemas import cloud as schemas
from manila_backup.api.views import cloud as views
from manila_backup.conf import quota as quota_conf
from manila_backup.db import quotas
from manila_backup.db import service_hosts
from manila_backup.db import services
from manila_backup.db import usage
from manila_backup.policies import cloud as policies


@operation.operation(policies.AVAILABILITY_ZONES)
def availability_zones(req):
    """Availability zones."""
    zones = req.services.database.read(usage.availability_zones)
    names = sorted({req.services.conf.availability_zone, *zones})
    return 200, {'availability_zones': [
        views.availability_zone(name) for name in names]}


@operation.operation(policies.SERVICES, query=schemas.LIST_SERVICES)
def list_services(req, params):
    """The hosts that workers are on, and whether any of those is alive."""
    def read(conn):
        return (services.list_hosts(conn, req.services.conf.service_down_time),
                service_hosts.modes(conn))

    rows, modes = req.services.database.read(read)
    found = [views.service(req, row, modes.get((row.binary, row.host)))
             for row in rows]
    return 200, {'services': [
        service for service in found
        if all(service[name] == value for name, value in params.items())]}


@operation.operation(policies.LIMITS)
def limits(req):
    """Return the quotas of the caller's project and their usage."""
    quota, used = _read(req, req.context.project_id)
    return 200, {'limits': views.limits(quota, used)}


@operation.operation(policies.QUOTA_SHOW)
def quota_show(req, project_id):
    """The quotas of a project."""
    return _quota_set(req, project_id)


@operation.operation(policies.QUOTA_SHOW, since=(2, 25))
def quota_detail(req, project_id):
    """The quotas of a project, and what is used of them."""
    return _quota_set(req, project_id, with_usage=True)


@operation.operation(policies.QUOTA_SHOW)
def quota_defaults(req, project_id):
    """The quotas of projects that have none of their own."""
    req.authorize(policies.QUOTA_SHOW, project_id)
    return 200, {'quota_set': views.quota_set(req, project_id,
                                              _defaults(req))}


@operation.operation(policies.QUOTA_CLASS_SHOW)
def quota_class_show(req, class_name):
    """The quotas of projects that have none of their own, as clients know
    them: those of the class ``default``."""
    return _quota_class(req, class_name)


@operation.operation(policies.QUOTA_CLASS_UPDATE,
                     body=schemas.QUOTA_CLASS_SET)
def quota_class_update(req, class_name, document):
    """Set quotas of projects that have none of their own."""
    _check_class(class_name)
    req.services.admission.quotas.set_defaults(
        schemas.limits(document[schemas.QUOTA_CLASS_RESOURCE]))
    return _quota_class(req, class_name)


@operation.operation(policies.QUOTA_UPDATE, body=schemas.QUOTA_SET)
def quota_update(req, project_id, document):
    """Give a project quotas of its own."""
    req.authorize(policies.QUOTA_UPDATE, project_id)
    _check_whose(req)
    req.services.admission.quotas.set(
        _project(project_id),
        schemas.limits(document[schemas.QUOTA_RESOURCE]))
    return _quota_set(req, project_id)


@operation.operation(policies.QUOTA_DELETE)
def quota_delete(req, project_id):
    """Give a project the default quotas again."""
    req.authorize(policies.QUOTA_DELETE, project_id)
    _check_whose(req)
    req.services.admission.quotas.delete(_project(project_id))
    return 202, None


def _quota_set(req, project_id, with_usage=False):
    req.authorize(policies.QUOTA_SHOW, project_id)
    _check_whose(req)
    quota, used = _read(req, project_id)
    return 200, {'quota_set': views.quota_set(
        req, project_id, quota, used if with_usage else None)}


def _project(text):
    """A project's id, if it can be one.

    :raises manila_backup.api.faults.Fault: 404 if not.
    """
    if len(text) > 255:
        raise faults.not_found()
    return text


def _check_whose(req):
    """Refuse to take a project's quotas for those of a part of it.

    :raises manila_backup.api.faults.Fault: 400.
    """
    for name in ('user_id', 'share_type'):
        if req.params.get(name):
            raise faults.bad_request(
                f'Quotas are per project; there are none per {name}.')


def _check_class(name):
    """There is one class.

    :raises manila_backup.api.faults.Fault: 404.
    """
    if name != _CLASS:
        raise faults.not_found(
            f'There is no quota class but {_CLASS!r}.')


def _quota_class(req, name):
    _check_class(name)
    return 200, {schemas.QUOTA_CLASS_RESOURCE: views.quota_set(
        req, name, _defaults(req))}


def _defaults(req):
    return {**quota_conf.defaults(req.services.conf),
            **req.services.database.read(quotas.defaults)}


def _read(req, project_id):
    """A project's limits and what it uses, each as a dict."""
    def query(conn):
        return (quotas.limits(conn, project_id),
                usage.of_project(conn, project_id))
    own, used = req.services.database.read(query)
    return {**quota_conf.defaults(req.services.conf), **own}, used


#: What clients call the quotas of projects that have none of their own.
_CLASS = 'default'

_QUOTA_SET = '/quota-sets/{project_id}'

ROUTES = {
    '/availability-zones': {'GET': availability_zones},
    '/services': {'GET': list_services},
    '/limits': {'GET': limits},
    _QUOTA_SET: {'GET': quota_show, 'PUT': quota_update,
                 'DELETE': quota_delete},
    f'{_QUOTA_SET}/detail': {'GET': quota_detail},
    f'{_QUOTA_SET}/defaults': {'GET': quota_defaults},
    '/quota-class-sets/{class_name}': {'GET': quota_class_show,
                                       'PUT': quota_class_update},
}
