# SPDX-License-Identifier: Apache-2.0
"""``auth_strategy = http_basic``: users and bcrypt hashes from a file, as
oslo.middleware reads it; their projects and roles from another beside it."""

import hmac
import logging
import os
import secrets
import threading
import time

from oslo_middleware import basic_auth
from oslo_middleware import exceptions as middleware_exc
import webob.exc
import yaml

from manila_backup.api.auth import base
from manila_backup.api import faults
from manila_backup import exception

LOG = logging.getLogger(__name__)

REALM = 'Basic realm="manila-backup"'

#: Verified passwords that are remembered at most.
MAX_CACHED = 10000


def wrap(app, services):
    """See :func:`manila_backup.api.auth.wrap`."""
    users = Users(services.conf)

    def http_basic(environ, start_response):
        context = base.make_context(environ, **users.identify(environ))
        base.admit(environ, context, services)
        return app(environ, start_response)
    return http_basic


class Users:
    """The users in the files.

    :param conf: the configuration; its group ``[http_basic]`` is used.
    :raises manila_backup.exception.ConfigurationError: a file can't be
        read or makes no sense.
    """

    def __init__(self, conf):
        self._settings = conf.http_basic
        self._lock = threading.Lock()
        self._secret = secrets.token_bytes(32)
        self._verified = {}
        self._stamp = None
        try:
            basic_auth.validate_auth_file(self._settings.user_file)
        except (middleware_exc.ConfigInvalid, UnicodeError) as exc:
            raise exception.ConfigurationError(
                f'[http_basic] user_file {self._settings.user_file} can\'t '
                f'be read.') from exc
        except webob.exc.HTTPError as exc:
            raise exception.ConfigurationError(
                f'[http_basic] user_file {self._settings.user_file}: '
                f'{exc.detail}.') from exc
        self._load()

    def identify(self, environ):
        """Who sent a request.

        :param environ: the WSGI environment; its ``Authorization`` is taken
            out.
        :returns: dict with ``user_id``, ``user_name``, ``project_id``,
            ``project_name`` and ``roles``.
        :raises manila_backup.api.faults.Fault: 401 if the password is not
            right or the user has no role; 503 if a file can't be read.
        """
        try:
            username, password = basic_auth.parse_token(
                basic_auth.parse_header(environ))
        except webob.exc.HTTPError as exc:
            raise _unauthorized() from exc
        roles = self._current_roles()
        self._verify(environ, username, password)
        entry = roles.get(username)
        if entry is None:
            LOG.info('User %s is not in the file of roles', username)
            raise _unauthorized()
        return {'user_id': username, 'user_name': username,
                'project_id': entry['project'],
                'project_name': entry['project'],
                'roles': entry['roles']}

    def _verify(self, environ, username, password):
        key = hmac.digest(self._secret,
                          username.encode() + b'\0' + password, 'sha256')
        now = time.monotonic()
        verified = self._verified
        if verified.get(key, now) > now:
            return
        # What is logged from here on is not about this thread's last caller.
        base.make_context(environ)
        try:
            basic_auth.authenticate(self._settings.user_file, username,
                                    password)
        except webob.exc.HTTPUnauthorized as exc:
            raise _unauthorized() from exc
        except webob.exc.HTTPBadRequest as exc:
            LOG.error('The user file can\'t be used: %s', exc)
            raise _unavailable() from exc
        except ValueError as exc:
            # A password that bcrypt does not take, or a malformed hash.
            LOG.info('Password of %s can\'t be checked: %s', username, exc)
            raise _unauthorized() from exc
        if self._settings.cache_time:
            if len(verified) >= MAX_CACHED:
                verified.clear()
            verified[key] = now + self._settings.cache_time

    def _current_roles(self):
        """The file of roles as it is now; whatever was remembered is
        forgotten when either file has changed."""
        if self._look() != self._stamp:
            with self._lock:
                if self._look() != self._stamp:
                    try:
                        self._load()
                    except exception.ConfigurationError as exc:
                        LOG.error('%s', exc)
                        raise _unavailable() from exc
        return self._roles

    def _load(self):
        stamp = self._look()
        self._roles = _read_roles(self._settings.role_file)
        # A new one, not an emptied one: a password that is being checked
        # against the old file right now must not get in here.
        self._verified = {}
        self._stamp = stamp

    def _look(self):
        return (_stamp(self._settings.user_file),
                _stamp(self._settings.role_file))


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
    found = {}
    for user, entry in document.items():
        if not (isinstance(entry, dict) and set(entry) == {'project', 'roles'}
                and isinstance(entry['project'], (str, int))
                and str(entry['project'])
                and isinstance(entry['roles'], list)):
            raise exception.ConfigurationError(
                f'[http_basic] role_file {path}: the entry of user {user} '
                f'must be of the form {{project: ID, roles: [ROLE, ...]}}.')
        found[str(user)] = {'project': str(entry['project']),
                            'roles': base.imply(map(str, entry['roles']))}
    return found


def _stamp(path):
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _unauthorized():
    return faults.Fault(401, 'The request must be authenticated.',
                        {'WWW-Authenticate': REALM})


def _unavailable():
    return faults.Fault(503, 'Users can\'t be authenticated right now.',
                        {'Retry-After': str(faults.RETRY_AFTER)})
