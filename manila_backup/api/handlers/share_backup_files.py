# SPDX-License-Identifier: Apache-2.0
"""Files in share backups."""

import datetime
import functools

from manila_backup.api import extension
from manila_backup.api import faults
from manila_backup.api.handlers import common
from manila_backup.api.handlers import share_backups
from manila_backup.api import operation
from manila_backup.api.schemas import share_backup_files as schemas
from manila_backup.api.views import common as common_views
from manila_backup.api.views import share_backup_files as views
from manila_backup.contents import item
from manila_backup.db import backups
from manila_backup.policies import share_backups as policies

PATH = f'{share_backups.PATH}/{{backup_id}}/files'

_KEY = 'files'
_ROOT = item.ROOT.decode()
_EPOCH = datetime.datetime(1970, 1, 1)

_operation = functools.partial(operation.operation, extension=extension.FILES,
                               all_rule=policies.GET_ALL_PROJECT)


@_operation(policies.LIST_FILES, query=schemas.LIST)
def index(req, backup_id, params):
    """Entries of a directory in a backup, or those at any depth that a search
    finds."""
    backup_id = common.authorize_target(
        req, policies.LIST_FILES, backups.get, share_backups.WHAT, backup_id)
    limit = common.limit_of(req, params)
    marker = params.pop('marker', None)
    path = params.pop('path', None)
    look = _list if not params else _search
    if params and path is not None:
        raise faults.bad_request(
            '"path" lists one directory: leave it out to search, and say '
            '"under" which directory.')
    found, after = look(req, backup_id, path or _ROOT, marker, limit, params)
    body = {_KEY: views.details(found)}
    if after is not None:
        body.update(common_views.next_links(
            req, PATH.format(backup_id=backup_id), _KEY, limit,
            marker=after))
    return 200, body


def _list(req, backup_id, path, marker, limit, _):
    answer = req.services.admission.files.list_directory(
        req.context, backup_id, path, marker, limit)
    found = answer['files']
    more = answer['more'] and limit
    return found, found[-1]['name'] if more else None


def _search(req, backup_id, _, marker, limit, params):
    since, until = (
        None if value is None else
        (value - _EPOCH) // datetime.timedelta(microseconds=1) * 1000
        for value in (params.get('modified_since'),
                      params.get('modified_before')))
    answer = req.services.admission.files.find(
        req.context, backup_id, params.get('under', _ROOT), marker, limit,
        req.services.conf.api.question_timeout / 2,
        name=params.get('search'), larger=params.get('min_size'),
        smaller=params.get('max_size'), since=since,
        until=None if until is None else until - 1)
    return answer['files'], answer['after'] if limit else None


ROUTES = {PATH: {'GET': index}}
