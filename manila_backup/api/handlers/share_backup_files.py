# SPDX-License-Identifier: Apache-2.0
"""Files in share backups."""

import base64
import datetime
import functools

from manila_backup.api import extension
from manila_backup.api import faults
from manila_backup.api.handlers import common
from manila_backup.api.handlers import share_backups
from manila_backup.api import operation
from manila_backup.api.schemas import share_backup_files as schemas
from manila_backup.api import streams
from manila_backup.api.views import common as common_views
from manila_backup.api.views import share_backup_files as views
from manila_backup.contents import digests
from manila_backup.contents import item
from manila_backup.db import backups
from manila_backup.policies import share_backups as policies
from manila_backup import quoting
from manila_backup import wording

PATH = f'{share_backups.PATH}/{{backup_id}}/files'

_KEY = 'files'
_ROOT = item.ROOT.decode()
_EPOCH = datetime.datetime(1970, 1, 1)

_operation = functools.partial(operation.operation, extension=extension.FILES,
                               all_rule=policies.GET_ALL_PROJECT)


@_operation(policies.LIST_FILES, query=schemas.LIST, codes=(409,))
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


@_operation(policies.DOWNLOAD, query=schemas.CONTENT, codes=(409, 416))
def content(req, backup_id, params):
    """Content of a file in a backup, or one range of its bytes."""
    backup_id = common.authorize_target(
        req, policies.DOWNLOAD, backups.get, share_backups.WHAT, backup_id)
    path = params.get('path')
    if path is None:
        raise faults.bad_request('"path" must say which file.')
    found = req.services.admission.files.download(req.context, backup_id,
                                                  path)
    try:
        etag = f'"{found.digest}"' if found.digest else None
        start, end = _range(req, found.size, etag)
    except BaseException:
        found.close()
        raise
    headers = [
        ('Content-Type', streams.KIND),
        ('Content-Length', str(end - start)),
        ('Content-Disposition',
         streams.disposition(quoting.unquote(path).rpartition(b'/')[2])),
        ('Accept-Ranges', 'bytes'),
        ('Cache-Control', 'private, no-cache'),
        ('X-Content-Type-Options', 'nosniff')]
    if etag:
        headers.append(('ETag', etag))
    sha256 = digests.sha256(found.digest)
    if sha256:
        text = base64.b64encode(sha256).decode()
        headers.append(('Repr-Digest', f'sha-256=:{text}:'))
    code = 200
    if end - start < found.size:
        code = 206
        headers.append(('Content-Range',
                        f'bytes {start}-{end - 1}/{found.size}'))
    stream = streams.Stream(headers, found.pieces(start, end), found.close)
    if req.method != 'HEAD':
        # What is wrong with it is told by the status, if it is told so soon.
        stream.begin()
    return code, stream


def _range(req, size, etag):
    """Find the bytes that a request is about.

    :returns: (offset of the first byte, that after the last one).
    """
    header = req.environ.get('HTTP_RANGE')
    # What the client has the beginning of may be another file now.
    if req.environ.get('HTTP_IF_RANGE', etag) != etag:
        header = None
    try:
        return streams.parse_range(header, size) or (0, size)
    except streams.Unsatisfiable as exc:
        raise faults.Fault(
            416, f'The file has {wording.counted(size, "byte")}, none '
                 'of them in the requested range.',
            {'Content-Range': f'bytes */{size}'}) from exc


ROUTES = {PATH: {'GET': index}, f'{PATH}/content': {'GET': content}}
