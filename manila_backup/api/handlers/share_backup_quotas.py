# SPDX-License-Identifier: Apache-2.0
"""Quotas of share backups: with any share source, as Manila's own know nothing
of this service's backups."""

import functools

from manila_backup.api import extension
from manila_backup.api import faults
from manila_backup.api import operation
from manila_backup.api.schemas import share_backup_quotas as schemas
from manila_backup.api.views import share_backup_quotas as views
from manila_backup.conf import quota as quota_conf
from manila_backup.db import plans
from manila_backup.db import quotas
from manila_backup.db import usage
from manila_backup.policies import share_backup_quotas as policies

PATH = '/share-backup-quotas/{project_id}'

_operation = functools.partial(operation.operation, extension=extension.FIRST)


@_operation(policies.SHOW)
def show(req, project_id):
    """The quotas of a project for share backups."""
    _authorize(req, policies.SHOW, project_id)
    return _limits(req, project_id,
                   req.services.database.read(quotas.limits, project_id))


@_operation(policies.SHOW)
def detail(req, project_id):
    """The quotas of a project for share backups, and what is used of them."""
    _authorize(req, policies.SHOW, project_id)

    def read(conn):
        return (quotas.limits(conn, project_id),
                usage.backups_of_project(conn, project_id),
                plans.count_own(conn, project_id))

    own, used, count = req.services.database.read(read)
    return 200, {schemas.RESOURCE: views.detail(
        project_id, _completed(req, own), used, count, req.extension)}


@_operation(policies.SHOW)
def defaults(req, project_id):
    """The quotas for share backups of projects that have none of their own."""
    _authorize(req, policies.SHOW, project_id)
    return _limits(req, project_id,
                   req.services.database.read(quotas.defaults))


@_operation(policies.UPDATE, body=schemas.UPDATE)
def update(req, project_id, document):
    """Give a project quotas of its own for share backups."""
    _authorize(req, policies.UPDATE, project_id)
    limits = document[schemas.RESOURCE]
    known = views.names(req.extension)
    for name in limits:
        if name not in known:
            raise faults.bad_request(
                f'The field {schemas.RESOURCE} has no {name} in this version '
                f'of the extension.')
    req.services.admission.quotas.set(project_id, limits)
    return _limits(req, project_id,
                   req.services.database.read(quotas.limits, project_id))


@_operation(policies.DELETE)
def delete(req, project_id):
    """Give a project the default quotas for share backups again."""
    _authorize(req, policies.DELETE, project_id)
    req.services.admission.quotas.delete(project_id, quota_conf.BACKUPS)
    return 204, None


def _authorize(req, rule, project_id):
    req.authorize(rule, project_id)
    if len(project_id) > 255:
        raise faults.not_found()


def _completed(req, own):
    return {**quota_conf.defaults(req.services.conf), **own}


def _limits(req, project_id, own):
    return 200, {schemas.RESOURCE: views.limits(
        project_id, _completed(req, own), req.extension)}


ROUTES = {
    PATH: {'GET': show, 'PUT': update, 'DELETE': delete},
    f'{PATH}/detail': {'GET': detail},
    f'{PATH}/defaults': {'GET': defaults},
}
