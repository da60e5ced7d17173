# SPDX-License-Identifier: Apache-2.0
"""Requests to the service that keeps share backups: manila-backup, beside a
Manila or without one, or Manila alone.

What manila-backup has beyond Manila is an extension, which is asked for by a
header; whether it is there is told by the answers.
"""

import re
import time
import types
from urllib import parse

from django.conf import settings
from horizon import exceptions as horizon_exceptions
from keystoneauth1 import exceptions as ks_exceptions
from keystoneauth1 import session
from keystoneauth1 import token_endpoint
from openstack_dashboard.api import base

from manila_backup_dashboard import errors

#: What catalogs call it: as most clouds do, and as it is now.
SERVICE_TYPES = ('sharev2', 'shared-file-system')

EXTENSION = 'shared-file-system-backup'

_HEADER = 'OpenStack-API-Version'

# Of Manila's versions: the first that has share backups, the one that lets
# them be restored to another share, and the last one known here.
_FIRST = (2, 80)
TARGETED_RESTORE = (2, 91)
_LAST = (2, 91)

#: Of the extension: results, warnings, metadata, usage, operations and
#: cancelling; policies and coverage; files and restores to new shares; pages
#: and filters of runs. The last is also the last one known here.
RESULTS = (1, 0)
POLICIES = (1, 1)
FILES = (1, 2)
RUNS = (1, 4)

#: Seconds to wait for an answer.
PATIENCE = 60

#: Seconds for which a service is taken to be what it was.
_REMEMBERED = 60

# Endpoint to (when, what was found there).
_known = {}


class Versions:
    """Versions that a service is asked in.

    :ivar api: (major, minor), of Manila's API.
    :ivar extension: the same, of what manila-backup has beyond it; None if
        the service is something else.
    """

    def __init__(self, api, extension):
        self.api = api
        self.extension = extension

    def has(self, extension):
        """Tell whether there is what came with a version of the
        extension."""
        return self.extension is not None and self.extension >= extension

    def headers(self):
        """Return the headers that ask for them, as a dict."""
        return _headers(self.api, self.extension and _dotted(self.extension))


class Service:
    """The service, asked as the user of a request to Horizon.

    :param request: Django's HttpRequest, of a user who has signed in.
    """

    def __init__(self, request):
        self._endpoint = _endpoint(request)
        verify = (not settings.OPENSTACK_SSL_NO_VERIFY
                  and (settings.OPENSTACK_SSL_CACERT or True))
        self._session = session.Session(
            auth=token_endpoint.Token(self._endpoint, request.user.token.id),
            verify=verify, timeout=PATIENCE,
            app_name='manila-backup-dashboard')
        self._versions = None

    @property
    def versions(self):
        """The :class:`Versions` that it is asked in."""
        if self._versions is None:
            when, found = _known.get(self._endpoint, (0, None))
            if found is None or time.monotonic() - when > _REMEMBERED:
                found = self._negotiate()
                _known[self._endpoint] = time.monotonic(), found
            self._versions = found
        return self._versions

    def has(self, extension):
        """Tell whether there is what came with a version of the
        extension."""
        return self.versions.has(extension)

    # -- requests --------------------------------------------------------

    def get(self, path, /, **query):
        """Return the body of what is at a path.

        :param path: str, below the endpoint.
        :param query: parameters; those that are None are left out.
        :raises manila_backup_dashboard.errors.ServiceError: it is not
            answered.
        """
        return self._ask('GET', _with(path, query)).json()

    def get_as_manila(self, path, /, **query):
        """Return the body of what Manila has, in a version that every one
        with share backups knows."""
        return self._ask('GET', _with(path, query),
                         headers=_headers(_FIRST)).json()

    def post(self, path, body):
        """Send a body to a path, and return that of the answer, or None."""
        answer = self._ask('POST', path, json=body)
        return answer.json() if answer.content else None

    def put(self, path, body):
        """Put a body to a path, and return that of the answer."""
        return self._ask('PUT', path, json=body).json()

    def delete(self, path):
        """Delete what is at a path."""
        self._ask('DELETE', path)

    def act(self, path, action, arguments=None):
        """Ask for an action; returns the body of the answer, or None."""
        return self.post(f'{path}/action', {action: arguments})

    def stream(self, path, /, **query):
        """Ask for what is not JSON.

        :returns: the ``requests.Response``, of which the body has not been
            read.
        """
        # keystoneauth would read all of it for its log.
        return self._ask('GET', _with(path, query), stream=True, log=False)

    def _ask(self, method, path, headers=None, **more):
        answer = self._send(method, path,
                            headers or self.versions.headers(), **more)
        if answer.status_code >= 400:
            raise errors.of(answer.status_code, _why(answer))
        return answer

    def _send(self, method, path, headers, endpoint=None, **more):
        try:
            return self._session.request(
                (endpoint or self._endpoint) + path, method, raise_exc=False,
                redirect=False, headers=headers, **more)
        except ks_exceptions.ClientException as exc:
            raise errors.ServiceError(str(exc)) from exc

    # -- versions --------------------------------------------------------

    def _negotiate(self):
        """Ask for the latest of what is known here, and see what that gives.

        A list is asked for because where manila-backup stands beside a
        Manila, paths of share backups are all that reaches it.
        """
        api = _LAST
        answer = self._send('GET', '/share-backups?limit=1',
                            _headers(api, 'latest'))
        if answer.status_code == 406:
            api = min(self._newest(), _LAST)
            if api >= _FIRST:
                answer = self._send('GET', '/share-backups?limit=1',
                                    _headers(api, 'latest'))
        if api < _FIRST or answer.status_code == 404:
            raise errors.NotFound(
                'This service has no share backups: a Manila has them from '
                'version 2.80 of its API.', 404)
        if answer.status_code not in (200, 403):
            raise errors.of(answer.status_code, _why(answer))
        extension = _extension(answer.headers.get(_HEADER))
        return Versions(api, extension and min(extension, RUNS))

    def _newest(self):
        """The newest version that Manila says it has."""
        # Endpoints may have a project's id after the version.
        answer = self._send('GET', '/', {}, re.sub(
            r'/v2/[^/]+$', '/v2', self._endpoint))
        try:
            return max(_numbers(each['version'])
                       for each in answer.json()['versions']
                       if each.get('version'))
        except (ValueError, KeyError, TypeError) as exc:
            raise errors.ServiceError(
                'The service does not say which versions it has.') from exc


def of(request):
    """Return the :class:`Service` of a request, always the same one."""
    found = getattr(request, '_share_backup_service', None)
    if found is None:
        found = request._share_backup_service = Service(request)
    return found


def lacks(request, extension):
    """Tell whether the service is known not to have what came with a version
    of the extension. Nobody is asked: this is for the navigation, which each
    page has."""
    try:
        _when, found = _known.get(_endpoint(request), (0, None))
    except errors.NotFound:
        return True
    return found is not None and not found.has(extension)


def resources(values):
    """Make objects of a list of dicts, with the keys as attributes."""
    return [types.SimpleNamespace(**each) for each in values]


def quote(value):
    """Quote a value for one part of a path."""
    return parse.quote(str(value), safe='')


def _endpoint(request):
    for service_type in SERVICE_TYPES:
        try:
            found = base.url_for(request, service_type).rstrip('/')
        except horizon_exceptions.ServiceCatalogException:
            continue
        if not re.search(r'/v2(/|$)', parse.urlsplit(found).path):
            found += '/v2'
        return found
    raise errors.NotFound('The catalog has no service for shares.', 404)


def _with(path, query):
    wanted = {name: value for name, value in query.items()
              if value is not None}
    return f'{path}?{parse.urlencode(wanted)}' if wanted else path


def _headers(api, extension=None):
    text = _dotted(api)
    headers = {'X-OpenStack-Manila-API-Version': text,
               # Share backups are that in Manila.
               'X-OpenStack-Manila-API-Experimental': 'True',
               'Accept': 'application/json'}
    if extension:
        headers[_HEADER] = (f'shared-file-system {text}, '
                            f'{EXTENSION} {extension}')
    return headers


def _extension(header):
    """The version of the extension that an answer names, or None."""
    for entry in (header or '').split(','):
        words = entry.split()
        if len(words) == 2 and words[0].lower() == EXTENSION:
            return _numbers(words[1])
    return None


def _numbers(version):
    major, minor = version.split('.')
    return int(major), int(minor)


def _dotted(version):
    return '.'.join(map(str, version))


def _why(answer):
    """The reason in the body of an answer that is a refusal."""
    try:
        for value in answer.json().values():
            if isinstance(value, dict) and value.get('message'):
                return str(value['message'])
    except (ValueError, AttributeError):
        pass
    return f'The service answered {answer.status_code}.'
