# SPDX-License-Identifier: Apache-2.0
"""``auth_strategy = http_basic``: users and bcrypt hashes from a file, as
oslo.middleware reads it; their projects and roles from another beside it."""

import logging
import os
import threading
import typing

from oslo_middleware import basic_auth
import webob.exc
import yaml

from manila_backup.api.auth import base
from manila_backup.api.auth import passwords
from manila_backup.api import faults
from manila_backup import exception
from manila_backup import logtext

LOG = logging.getLogger(__name__)

REALM = 'Basic realm="manila-backup"'

#: Seconds after which a caller may try again who was one too many.
BUSY_RETRY_AFTER = 1


def wrap(app, services):
    """See :func:`manila_backup.api.auth.wrap`."""
    users = Users(services.conf)

    def http_basic(environ, start_response):
        context = base.make_context(environ, **users.identify(environ))
        base.admit(environ, context, services)
        return app(environ, start_response)
    return http_basic


class _Known(typing.NamedTuple):
    """Content of the files, and the results derived from it."""

    stamp: tuple
    roles: dict
    passwords: passwords.Passwords


class Users:
    """The users in the files.

    :param conf: the configuration; its group ``[http_basic]`` is used.
    :raises manila_backup.exception.ConfigurationError: a file can't be
        read or makes no sense.
    """

    def __init__(self, conf):
        self._settings = conf.http_basic
        self._lock = threading.Lock()
        # Half of the threads stay free of callers who are not known yet.
        self._places = passwords.Places(self._settings.concurrent_hashes,
                                        conf.api.threads // 2)
        self._known = self._load()

    def identify(self, environ):
        """Identify the sender of a request.

        :param environ: the WSGI environment; its ``Authorization`` is taken
            out.
        :returns: dict with ``user_id``, ``user_name``, ``project_id``,
            ``project_name`` and ``roles``.
        :raises manila_backup.api.faults.Fault: 401 if the password is not
            right or the user has no role; 503 if a file can't be read, or
            too many others are waiting to be identified.
        """
        # What is logged from here on is not about this thread's last caller.
        base.make_context(environ)
        try:
            username, password = basic_auth.parse_token(
                basic_auth.parse_header(environ))
        except webob.exc.HTTPError as exc:
            raise _unauthorized() from exc
        if not logtext.is_plain(username):
            LOG.info('The user name of a request contains control characters')
            raise _unauthorized()
        known = self._current()
        try:
            right = known.passwords.check(username, password,
                                          environ.get('REMOTE_ADDR'))
        except passwords.Busy as exc:
            raise _unavailable(BUSY_RETRY_AFTER) from exc
        if not right:
            raise _unauthorized()
        entry = known.roles.get(username)
        if entry is None:
            LOG.info('User %s is not in the role file', username)
            raise _unauthorized()
        return {'user_id': username, 'user_name': username,
                'project_id': entry['project'],
                'project_name': entry['project'],
                'roles': entry['roles']}

    def _current(self):
        """Return the current content of the files; anything derived from older
        content is dropped."""
        if self._look() != self._known.stamp:
            with self._lock:
                if self._look() != self._known.stamp:
                    try:
                        self._known = self._load()
                    except exception.ConfigurationError as exc:
                        LOG.error('%s', exc)
                        raise _unavailable() from exc
        return self._known

    def _load(self):
        stamp = self._look()
        return _Known(
            stamp, _read_roles(self._settings.role_file),
            # A new one: a password that is being checked against the old
            # file right now must not get in here.
            passwords.Passwords(_read_hashes(self._settings.user_file),
                                self._places, self._settings.cache_time,
                                self._settings.failure_cache_time))

    def _look(self):
        return (_stamp(self._settings.user_file),
                _stamp(self._settings.role_file))


def _read_hashes(path):
    """dict of user name to bcrypt hash (bytes), from lines as oslo.middleware
    reads them."""
    hashes = {}
    try:
        with open(path, encoding='utf-8') as file:
            for line in file:
                entry = line.strip()
                if ':' in entry:
                    name, hashed = basic_auth.parse_entry(entry)
                    hashes.setdefault(name, hashed)
    except (OSError, UnicodeError) as exc:
        raise exception.ConfigurationError(
            f'[http_basic] user_file {path} can\'t be read.') from exc
    except webob.exc.HTTPError as exc:
        raise exception.ConfigurationError(
            f'[http_basic] user_file {path}: {exc.detail}.') from exc
    return hashes


def _read_roles(path):
    """dict of user name to {'project': str, 'roles': list of str}."""
    try:
        with open(path, encoding='utf-8') as file:
            document = yaml.safe_load(file)
    except (OSError, ValueError, yaml.YAMLError) as exc:
        raise exception.ConfigurationError(
            f'[http_basic] role_file {path} can\'t be read: {exc}') from exc
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise exception.ConfigurationError(
            f'[http_basic] role_file {path} must hold a mapping of user '
            f'names.')
    entries = {}
    for user, entry in document.items():
        if not (isinstance(entry, dict) and set(entry) == {'project', 'roles'}
                and isinstance(entry['project'], (str, int))
                and str(entry['project'])
                and isinstance(entry['roles'], list)):
            raise exception.ConfigurationError(
                f'[http_basic] role_file {path}: the entry of user {user} '
                f'must be of the form {{project: ID, roles: [ROLE, ...]}}.')
        entries[str(user)] = {'project': str(entry['project']),
                              'roles': base.imply(map(str, entry['roles']))}
    return entries


def _stamp(path):
    try:
        st = os.stat(path)
    except OSError:
        return None
    return st.st_mtime_ns, st.st_size, st.st_ino


def _unauthorized():
    return faults.Fault(401, 'The request must be authenticated.',
                        {'WWW-Authenticate': REALM})


def _unavailable(retry_after=faults.RETRY_AFTER):
    return faults.Fault(503, 'Users can\'t be authenticated right now.',
                        {'Retry-After': str(retry_after)})
