# SPDX-License-Identifier: Apache-2.0
"""Version documents: the only thing that anyone may read."""

import json

from manila_backup.api import extension
from manila_backup.api import faults
from manila_backup.api import microversions
from manila_backup.api import request

UPDATED = '2026-01-01T00:00:00Z'


def document(base_url, extended=False):
    """The one major version there is, as ``/`` and ``/v2/`` describe it.

    :param base_url: str, the URL of the service's root, without a slash at
        the end.
    :param extended: bool, whether it is also to tell the versions of the
        extension.
    """
    extra = {}
    if extended:
        extra['extension'] = {
            'name': extension.SERVICE_TYPE,
            'version': microversions.to_string(extension.MAX),
            'min_version': microversions.to_string(extension.MIN)}
    return {'versions': [{
        'id': 'v2.0',
        'status': 'CURRENT',
        'version': microversions.to_string(microversions.MAX),
        'min_version': microversions.to_string(microversions.MIN),
        'updated': UPDATED,
        'links': [{'rel': 'self', 'href': f'{base_url}/v2/'}],
        'media-types': [{
            'base': 'application/json',
            'type': 'application/vnd.openstack.share+json;version=1',
        }],
        **extra,
    }]}


class Versions:
    """A WSGI application that answers with :func:`document`.

    :param services: the :class:`~manila_backup.api.app.Services`.
    :param code: int, the status code of the answer.
    """

    def __init__(self, services, code):
        self._services = services
        self._code = code

    def __call__(self, environ, start_response):
        req = request.Request(environ)
        req.services = self._services
        body = json.dumps(document(
            req.base_url, extension.is_asked_for(environ))).encode()
        start_response(faults.status_line(self._code), [
            ('Content-Type', 'application/json'),
            ('Content-Length', str(len(body))),
            microversions.VARY])
        return [b'' if environ['REQUEST_METHOD'] == 'HEAD' else body]
