# SPDX-License-Identifier: Apache-2.0
"""The log of requests of the service's own HTTP server. Other servers have one
of their own."""

import logging
import time
import urllib.parse

LOG = logging.getLogger(__name__)

#: What others ask again and again, to see whether the service works.
_PROBES = frozenset({'/', '/healthcheck', '/metrics'})


class Log:
    """Writes a line for each request once it has been answered.

    :param app: the WSGI application to wrap.
    """

    def __init__(self, app):
        self._app = app

    def __call__(self, environ, start_response):
        level = (logging.DEBUG if environ.get('PATH_INFO') in _PROBES
                 else logging.INFO)
        if not LOG.isEnabledFor(level):
            return self._app(environ, start_response)
        began = time.monotonic()
        answer = {'status': '-', 'length': '-'}

        def start(status, headers, exc_info=None):
            answer['status'] = status[:3]
            answer['length'] = next(
                (value for name, value in headers
                 if name.lower() == 'content-length'), '-')
            return start_response(status, headers, exc_info)

        body = self._app(environ, start)
        LOG.log(level, '%s "%s %s" %s, %s bytes, %.3f s',
                environ.get('REMOTE_ADDR', '-'), environ['REQUEST_METHOD'],
                _target(environ), answer['status'], answer['length'],
                time.monotonic() - began)
        return body


def _target(environ):
    """Return the path and the query as they were sent."""
    path = urllib.parse.quote(environ.get('PATH_INFO', ''), safe='/:@',
                              encoding='latin-1')
    query = environ.get('QUERY_STRING')
    return f'{path}?{query}' if query else path
