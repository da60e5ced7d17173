# SPDX-License-Identifier: Apache-2.0
"""Calls of the API in the same process, as the one who is signed in."""

import io
import json
from urllib import parse

from manila_backup.api import extension

#: The versions in whose terms all pages are written.
_VERSIONS = f'shared-file-system 2.91, {extension.entry(extension.MAX)}'

#: Of the browser's request, what is about that alone. ``Origin`` was judged
#: before, by what is stricter than what the API asks for.
_DROPPED = ('HTTP_ORIGIN', 'HTTP_COOKIE', 'HTTP_X_AUTH_TOKEN', 'HTTP_RANGE',
            'HTTP_TRANSFER_ENCODING', 'CONTENT_TYPE',
            'HTTP_X_OPENSTACK_MANILA_API_VERSION')

#: The most entries of one list that a page looks at.
PAGE = 100


def next_marker(body, key):
    """Return the marker of a list's next page, or None.

    :param body: dict, the page before.
    :param key: str, what the list is called in it.
    """
    for link in body.get(f'{key}_links', ()):
        query = parse.parse_qs(parse.urlsplit(link['href']).query)
        return query['marker'][0]
    return None


class Refused(Exception):
    """An answer of the API other than success.

    :ivar code: int, the HTTP status.
    :ivar message: str, its sentence.
    :ivar headers: list of (name, value).
    """

    def __init__(self, code, message, headers):
        super().__init__(message)
        self.code, self.message, self.headers = code, message, headers


class Answer:
    """Answer of the API: its status, headers and body as they come.

    :ivar code: int.
    :ivar headers: list of (name, value).
    :ivar parts: iterable of bytes, with ``close`` where that is needed.
    """

    def __init__(self, app, environ):
        self.code, self.headers = 500, []
        self.parts = app(environ, self._start)

    def _start(self, status, headers, exc_info=None):
        self.code, self.headers = int(status[:3]), headers

    def read(self):
        """Return the whole body as bytes."""
        try:
            return b''.join(self.parts)
        finally:
            if hasattr(self.parts, 'close'):
                self.parts.close()


class Api:
    """Calls of the API.

    :param app: the API's WSGI application.
    :param environ: the WSGI environment of the browser's request.
    :param token: str, the user's token; empty where the browser sends
        credentials by itself.
    """

    def __init__(self, app, environ, token=''):
        self._app = app
        self._environ = {name: value for name, value in environ.items()
                         if name not in _DROPPED}
        self._token = token

    def get(self, path, /, **query):
        """Read something.

        :param path: str, below ``/v2``, its variable parts quoted.
        :param query: what is None is left out.
        :returns: the body, as a dict.
        :raises Refused: it was not answered with success.
        """
        return self._ask('GET', path, query)

    def post(self, path, body):
        """Begin or change something; as :meth:`get`."""
        return self._ask('POST', path, {}, body)

    def put(self, path, body):
        """Change something; as :meth:`get`."""
        return self._ask('PUT', path, {}, body)

    def delete(self, path):
        """Remove something; as :meth:`get`."""
        return self._ask('DELETE', path, {})

    def stream(self, path, /, **query):
        """Read something that is not JSON.

        :returns: an :class:`Answer`.
        :raises Refused: as :meth:`get`.
        """
        answer = self._call('GET', path, query)
        if answer.code >= 400:
            raise _refusal(answer)
        return answer

    def _ask(self, method, path, query, body=None):
        answer = self._call(method, path, query, body)
        if answer.code >= 400:
            raise _refusal(answer)
        content = answer.read()
        return json.loads(content) if content else {}

    def _call(self, method, path, query, body=None):
        content = b'' if body is None else json.dumps(body).encode()
        environ = {
            **self._environ,
            'REQUEST_METHOD': method,
            'SCRIPT_NAME': '',
            # As a server would have it: unquoted bytes.
            'PATH_INFO': parse.unquote_to_bytes('/v2' + path)
            .decode('latin-1'),
            'QUERY_STRING': parse.urlencode(
                {name: value for name, value in query.items()
                 if value is not None}),
            'HTTP_ACCEPT': 'application/json',
            'HTTP_OPENSTACK_API_VERSION': _VERSIONS,
            'CONTENT_LENGTH': str(len(content)),
            'wsgi.input': io.BytesIO(content),
        }
        if body is not None:
            environ['CONTENT_TYPE'] = 'application/json'
        if self._token:
            environ['HTTP_X_AUTH_TOKEN'] = self._token
        return Answer(self._app, environ)


def _refusal(answer):
    content = answer.read()
    try:
        (fault,) = json.loads(content).values()
        message = fault['message']
    except (ValueError, TypeError, KeyError, AttributeError):
        message = ('Sign in first.' if answer.code == 401
                   else 'The API gave no reason.')
    return Refused(answer.code, message, answer.headers)
