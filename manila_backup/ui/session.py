# SPDX-License-Identifier: Apache-2.0
"""Sessions: who is signed in, in a signed cookie.

The cookie has the user's token, as the browser would have to send it anyway.
It is signed, not encrypted; scripts can't read it (HttpOnly), and it is not
sent with requests that other sites begin (SameSite=Strict).
"""

import dataclasses
import os
import secrets
import time

import webob
from webob import cookies

from manila_backup import exception
from manila_backup import private

#: The path of all pages, and of the cookie.
PATH = '/ui/'

COOKIE = 'manila_backup_session'

#: Fewest characters of a key that signs.
KEY_LENGTH = 32

_FILE = 'ui.key'


@dataclasses.dataclass(frozen=True)
class Session:
    """Session of one user.

    :ivar csrf: str that each form has to repeat.
    :ivar until: int, seconds since the epoch, when it ends.
    :ivar token: str, for ``X-Auth-Token``; empty where the browser sends
        credentials by itself.
    :ivar user: str, the name to show.
    :ivar project: str, the name to show.
    """

    csrf: str
    until: int
    token: str = ''
    user: str = ''
    project: str = ''


class Sessions:
    """Reads and writes the cookies of sessions.

    :param conf: the configuration.
    :raises manila_backup.exception.ConfigurationError: there is no key.
    """

    def __init__(self, conf):
        self._lifetime = conf.ui.session_lifetime
        key = conf.ui.secret or _key_of_host(conf.state_path)
        if len(key) < KEY_LENGTH:
            raise exception.ConfigurationError(
                f'[ui] secret has to have at least {KEY_LENGTH} characters.')
        self._serializer = cookies.SignedSerializer(
            key, 'manila-backup-ui', hashalg='sha512')

    def make(self, until=None, **more):
        """Make a session that begins now.

        :param until: seconds since the epoch at which it has to end.
        :param more: the other fields of a :class:`Session`.
        """
        latest = int(time.time()) + self._lifetime
        return Session(secrets.token_urlsafe(24),
                       min(latest, int(until or latest)), **more)

    def read(self, environ):
        """Return the :class:`Session` of a request, or None."""
        found = self._profile(environ).bind(
            webob.Request(environ)).get_value()
        try:
            session = Session(**found)
            return session if session.until > time.time() else None
        except TypeError:
            # None, or made by another release.
            return None

    def header(self, environ, session):
        """Return the header that sets the cookie, or removes it.

        :param session: a :class:`Session`, or None.
        :returns: (name, value).
        :raises manila_backup.exception.InvalidInput: it does not fit into a
            cookie.
        """
        profile = self._profile(environ)
        value = dataclasses.asdict(session) if session else None
        try:
            return profile.get_headers(value)[0]
        except ValueError as exc:
            raise exception.InvalidInput(
                'The token is too long for a cookie.') from exc

    def _profile(self, environ):
        return cookies.CookieProfile(
            COOKIE, secure=environ['wsgi.url_scheme'] == 'https',
            httponly=True, samesite=b'Strict', path=PATH,
            serializer=self._serializer)


def _key_of_host(folder):
    """The key in ``state_path``, which is made if there is none."""
    path = os.path.join(folder, _FILE)
    try:
        private.make_directories(folder)
        draft = f'{path}.{secrets.token_hex(8)}'
        if not os.path.exists(path):
            private.make_file(draft)
            with open(draft, 'w') as file:
                file.write(secrets.token_urlsafe(48))
            try:
                # Whoever is first: all processes have to read the same one.
                os.link(draft, path)
            except FileExistsError:
                pass
            finally:
                os.unlink(draft)
        with open(path) as file:
            return file.read().strip()
    except OSError as exc:
        raise exception.ConfigurationError(
            f'[ui] secret is not set, and {path} can\'t be used instead: '
            f'{exc.strerror}') from exc
