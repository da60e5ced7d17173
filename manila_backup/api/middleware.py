# SPDX-License-Identifier: Apache-2.0
"""WSGI middleware around the application, without a framework so that it costs
little.
"""

import re

from oslo_context import context

from manila_backup.api import faults

_REQUEST_ID = re.compile('req-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}')


class RequestId:
    """Gives every request an id and every answer, whatever becomes of it,
    the headers that carry it. Notes the id under which the caller's own
    request runs, where it sent a well-formed one.

    :param app: the WSGI application to wrap.
    """

    def __init__(self, app):
        self._app = app

    def __call__(self, environ, start_response):
        caller_id = environ.get('HTTP_X_OPENSTACK_REQUEST_ID', '')
        if _REQUEST_ID.fullmatch(caller_id):
            environ['openstack.global_request_id'] = caller_id
        request_id = environ['openstack.request_id'] = \
            context.generate_request_id()

        def start(status, headers, exc_info=None):
            headers.append(('x-openstack-request-id', request_id))
            headers.append(('x-compute-request-id', request_id))
            return start_response(status, headers, exc_info)

        return self._app(environ, start)


class Faults:
    """Turns whatever is raised below into an answer.

    :param app: the WSGI application to wrap.
    """

    def __init__(self, app):
        self._app = app

    def __call__(self, environ, start_response):
        try:
            return self._app(environ, start_response)
        except Exception as exc:
            return faults.from_exception(exc)(environ, start_response)


class Paths:
    """Sends a request to the application for its path.

    :param exact: dict of path to WSGI application, which can only be read.
    :param app: the WSGI application for all other paths.
    """

    def __init__(self, exact, app):
        self._exact = exact
        self._app = app

    def __call__(self, environ, start_response):
        app = self._exact.get(environ.get('PATH_INFO', ''))
        if app is None:
            return self._app(environ, start_response)
        if environ['REQUEST_METHOD'] not in ('GET', 'HEAD'):
            raise faults.Fault(405, 'The method is not allowed here.',
                               {'Allow': 'GET, HEAD'})
        return app(environ, start_response)
