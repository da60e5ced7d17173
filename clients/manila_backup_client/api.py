# SPDX-License-Identifier: Apache-2.0
"""Requests for what manila-backup has beyond Manila."""

import time
import urllib.parse

from keystoneauth1 import adapter
from manilaclient import exceptions
from osc_lib import exceptions as osc_exceptions
import requests

EXTENSION = 'shared-file-system-backup'

#: Seconds for which what has to be made first is waited for.
PATIENCE = 600

# Seconds between two looks.
_PAUSE = 5

# What says where a service is and who asks, of one of keystoneauth's adapters.
_WHERE = ('session', 'auth', 'service_type', 'service_name', 'interface',
          'region_name', 'endpoint_override', 'version', 'user_agent')

BACKUPS = '/share-backups'
OPERATIONS = '/share-backup-operations'
QUOTAS = '/share-backup-quotas'
SERVICES = '/share-backup-services'
REPOSITORIES = '/share-backup-repositories'
POLICIES = '/share-backup-policies'
FILE_VERSIONS = '/share-backup-file-versions'
COVERAGE = '/share-backup-coverage'
USAGE = '/share-backup-usage'


def failures(names, function):
    """Call a function with each of several names, whatever becomes of the
    others.

    :returns: list of str, a sentence for each for which it failed.
    """
    failed = []
    for name in names:
        try:
            function(name)
        except Exception as exc:
            failed.append(f'{name}: {exc}')
    return failed


class Api:
    """The service that a client of Manila's is connected to.

    :param share_client: what ``client_manager.share`` is.
    :param extension: str, the version of the extension that is needed.
    """

    def __init__(self, share_client, extension='1.0'):
        self._http = share_client.client
        version = share_client.api_version.get_string()
        self._headers = {'OpenStack-API-Version':
                         f'shared-file-system {version}, '
                         f'{EXTENSION} {extension}'}

    def get(self, path, key, /, **query):
        """Return what is at a path.

        :param key: str, what it is called in the body.
        :param query: parameters; those that are None are left out.
        """
        return self.body(path, **query)[key]

    def body(self, path, /, **query):
        """Return all of the answer of a path; see :meth:`get`."""
        wanted = {name: value for name, value in query.items()
                  if value is not None}
        if wanted:
            path += '?' + urllib.parse.urlencode(wanted)
        return self._ask(self._http.get, path)

    def patient_pages(self, path, key, /, limit=None, **query):
        """Iterate over pages as :meth:`pages` does, and wait while what they
        tell is being made."""
        end = time.monotonic() + PATIENCE
        pages = self.pages(path, key, limit, **query)
        while True:
            try:
                first = next(pages)
            except StopIteration:
                return
            except exceptions.ClientException as exc:
                if exc.code != 503 or time.monotonic() > end:
                    raise
                time.sleep(_PAUSE)
                pages = self.pages(path, key, limit, **query)
                continue
            yield first
            yield from pages
            return

    def pages(self, path, key, /, limit=None, marker=None, **query):
        """Iterate over the pages of a list, as bodies. One may be empty and
        not the last.

        :param key: str, what the list is called in them.
        :param limit: int, the most items to read; None for all.
        :param marker: where to begin, or None.
        """
        count = 0
        where = {'marker': marker}
        while limit is None or count < limit:
            page = self.body(path, limit=(
                None if limit is None else limit - count), **where, **query)
            yield page
            count += len(page[key])
            links = page.get(f'{key}_links')
            if not links:
                return
            following = dict(urllib.parse.parse_qsl(
                urllib.parse.urlsplit(links[0]['href']).query))
            where = {name: following[name] for name in ('marker', 'offset')
                     if name in following}

    def act(self, path, action):
        """Ask for an action without arguments."""
        self.post(f'{path}/action', {action: None})

    def post(self, path, body):
        """Send a body to a path, and return that of the answer, or None."""
        return self._ask(self._http.post, path, body=body)

    def put(self, path, body):
        """Put a body to a path, and return that of the answer."""
        return self._ask(self._http.put, path, body=body)

    def delete(self, path):
        """Delete what is at a path."""
        self._ask(self._http.delete, path)

    def stream(self, path, headers=None, /, **query):
        """Ask for what is not JSON.

        :param headers: dict of further headers.
        :returns: the ``requests.Response``, whatever its status, of which the
            body has not been read.
        """
        path += '?' + urllib.parse.urlencode(query)
        headers = {**self._headers, **(headers or {})}
        if isinstance(self._http, adapter.LegacyJsonAdapter):
            # Its own method reads all of the body.
            plain = adapter.Adapter(**{name: getattr(self._http, name)
                                       for name in _WHERE})
            return plain.get(path, headers=headers, stream=True,
                             raise_exc=False, log=False)
        options = {'timeout': PATIENCE, **self._http.request_options}
        return requests.get(
            self._http.endpoint_url + path, stream=True,
            headers={**self._http.default_headers, **headers},
            timeout=options.pop('timeout'), **options)

    def _ask(self, ask, path, **kwargs):
        try:
            _answer, body = ask(path, headers=self._headers, **kwargs)
        except (exceptions.NotFound, exceptions.NotAcceptable) as exc:
            raise self._explained(exc, path) from exc
        return body

    @staticmethod
    def _explained(exc, path):
        # Who does not know the header knows nothing of the path either.
        path = path.split('?')[0]
        if path in (OPERATIONS, POLICIES, COVERAGE):
            return osc_exceptions.CommandError(
                f'This cloud has no {path[1:]}: its share backups are '
                f'not made by manila-backup, or by an earlier release of it.')
        return exc
