# SPDX-License-Identifier: Apache-2.0
"""From exceptions to answers in the form that clients of Manila know:
``{"badRequest": {"code": 400, "message": "..."}}``."""

import json
import logging

from oslo_db import exception as db_exc
from sqlalchemy import exc as sa_exc

from manila_backup import exception

LOG = logging.getLogger(__name__)

#: The key that holds a fault of each status code.
KEYS = {
    400: 'badRequest',
    401: 'unauthorized',
    403: 'forbidden',
    404: 'itemNotFound',
    405: 'badMethod',
    406: 'notAcceptable',
    409: 'conflictingRequest',
    413: 'overLimit',
    415: 'badMediaType',
    416: 'rangeNotSatisfiable',
    422: 'unprocessableEntity',
    500: 'computeFault',
    503: 'serviceUnavailable',
}

REASONS = {
    200: 'OK', 202: 'Accepted', 204: 'No Content', 206: 'Partial Content',
    300: 'Multiple Choices',
    400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden',
    404: 'Not Found', 405: 'Method Not Allowed', 406: 'Not Acceptable',
    409: 'Conflict', 413: 'Request Entity Too Large',
    415: 'Unsupported Media Type', 416: 'Range Not Satisfiable',
    422: 'Unprocessable Entity',
    500: 'Internal Server Error', 503: 'Service Unavailable',
}

#: Seconds after which a caller may try again when the database, or what else
#: is needed, is away.
RETRY_AFTER = 5

# The database is gone, has no connection to spare, or could not get its
# transactions out of each other's way.
_AWAY = (db_exc.DBConnectionError, db_exc.DBDeadlock, sa_exc.TimeoutError)

# The first that fits counts.
_CODES = (
    (exception.InvalidInput, 400),
    (exception.InvalidState, 400),
    (exception.Unprocessable, 422),
    (exception.NotFound, 404),
    (exception.Forbidden, 403),
    (exception.Conflict, 409),
)


class Fault(Exception):
    """An answer other than success.

    :param code: int, the HTTP status code.
    :param message: str, one sentence for the caller.
    :param headers: dict of further response headers.
    :param details: further keys of the fault's object.
    """

    def __init__(self, code, message, headers=None, **details):
        super().__init__(message)
        self.code = code
        self.message = message
        self.headers = headers or {}
        self.details = details

    @property
    def body(self):
        """The answer's body, as bytes."""
        return json.dumps({KEYS.get(self.code, KEYS[400]): {
            'code': self.code, 'message': self.message, **self.details,
        }}).encode()

    def __call__(self, environ, start_response):
        """Answer as a WSGI application."""
        body = self.body
        start_response(status_line(self.code), [
            ('Content-Type', 'application/json'),
            ('Content-Length', str(len(body))),
            *self.headers.items()])
        return [b'' if environ['REQUEST_METHOD'] == 'HEAD' else body]


def status_line(code):
    """``200`` to ``'200 OK'``."""
    return f'{code} {REASONS[code]}'


def bad_request(message):
    """The :class:`Fault` of a request that is malformed."""
    return Fault(400, message)


def not_found(message='The resource could not be found.'):
    """The :class:`Fault` of a path that leads nowhere."""
    return Fault(404, message)


def _away(message):
    return Fault(503, message, {'Retry-After': str(RETRY_AFTER)})


def from_exception(exc):
    """Convert an exception to the fault to respond with.

    Exceptions that are this service's own tell the caller what is wrong;
    of all others he learns nothing, and the log everything.

    :returns: a :class:`Fault`.
    """
    if isinstance(exc, Fault):
        return exc
    for class_, code in _CODES:
        if isinstance(exc, class_):
            return Fault(code, exc.message)
    if isinstance(exc, _AWAY):
        LOG.error('The database can\'t be reached or is overloaded: %s', exc)
        return _away('The service is not available right now. Try again '
                     'later.')
    if isinstance(exc, exception.Unavailable):
        return _away(exc.message)
    if isinstance(exc, (db_exc.DBDuplicateEntry, db_exc.DBReferenceError)):
        # Two requests made the same thing at the same time, or one removed
        # what the other's is to belong to.
        LOG.info('A database constraint was violated: %s', exc)
        return Fault(409, 'Another request made a conflicting change first.')
    LOG.error('Unexpected error', exc_info=exc)
    return Fault(500, 'The server could not handle the request because of '
                      'an unexpected error.')
