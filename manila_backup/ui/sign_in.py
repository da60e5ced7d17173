# SPDX-License-Identifier: Apache-2.0
"""Signing in: from what a user enters to a session, per
``auth_strategy``."""

import calendar
import logging
from urllib import parse

from manila_backup.api.auth import noauth
from manila_backup.ui import session as sessions

LOG = logging.getLogger(__name__)

#: Seconds that Keystone has for an answer.
TIMEOUT = 10


def of(conf):
    """Return what signs users in as configured."""
    return {'keystone': Keystone, 'http_basic': HttpBasic,
            'noauth': NoAuth}[conf.auth_strategy](conf)


class _SignIn:
    """Base of what signs users in.

    :param conf: the configuration.
    :cvar by_browser: bool, whether the browser itself asks for credentials
        and sends them.
    """

    by_browser = False

    def __init__(self, conf):
        self._conf = conf

    def begin(self, made_by):
        """Begin a session without asking, or return None.

        :param made_by: the :class:`~.session.Sessions`.
        """
        return made_by.make()

    def answer(self, page, made_by):
        """Answer a request for the page to sign in at, or the form that it
        has.

        :param page: a :class:`~.page.Page`.
        :param made_by: the :class:`~.session.Sessions`.
        """
        return page.redirect('')


class HttpBasic(_SignIn):
    """The browser asks, and sends what it was told with each request."""

    by_browser = True


class _Form(_SignIn):
    """A page with a form."""

    template = ''

    def answer(self, page, made_by):
        if page.environ['REQUEST_METHOD'] != 'POST':
            return self._ask(page)
        if page.is_foreign():
            return self._ask(page, 'This form was not sent by this page.')
        given = {name: (page.form.get(name) or '').strip()
                 for name in page.form if name != 'password'}
        given['password'] = page.form.get('password') or ''
        try:
            page.set_session = self.sign_in(given, made_by)
        except Failed as exc:
            return self._ask(page, str(exc), 401)
        back = page.query.get('back') or ''
        # Only to a page of ours: what follows /ui/ can't name a host.
        if back.startswith(sessions.PATH) and '\\' not in back:
            return page.redirect(back[len(sessions.PATH):])
        return page.redirect('')

    def sign_in(self, given, made_by):
        """Make a session of what was entered.

        :param given: dict of the form's fields, without spaces around.
        :raises Failed: it can't be.
        """
        raise NotImplementedError

    def _ask(self, page, problem=None, code=200):
        return page.render(self.template, code, problem=problem,
                           back=page.query.get('back'))


class Failed(Exception):
    """Signing in failed; with the sentence for the user."""


class NoAuth(_Form):
    """Believes whoever is on this machine."""

    template = 'sign_in_noauth.html'

    def begin(self, made_by):
        # Without a token it is the administrator.
        return made_by.make(user=noauth.ADMIN, project=noauth.ADMIN)

    def sign_in(self, given, made_by):
        user, project = given.get('user', ''), given.get('project', '')
        if not user or not project or ':' in user:
            raise Failed('Enter a user without a colon, and a project.')
        token = f'{user}:{project}'.encode().decode('latin-1')
        return made_by.make(token=token, user=user, project=project)


class Keystone(_Form):
    """Keystone gives a token for a password, an application credential, or
    another token."""

    template = 'sign_in_keystone.html'

    def begin(self, made_by):
        return None

    def sign_in(self, given, made_by):
        from keystoneauth1 import exceptions

        try:
            access = self._access(given)
        except exceptions.Unauthorized as exc:
            raise Failed('Keystone does not accept this. Check the name, the '
                         'domain, the project and the password.') from exc
        except exceptions.ClientException as exc:
            LOG.warning('A user could not be signed in: %s', exc)
            raise Failed('Keystone can\'t be used right now. Try again '
                         'later.') from exc
        if not access.project_id:
            raise Failed('Name the project whose backups you want to see.')
        return made_by.make(
            until=calendar.timegm(access.expires.utctimetuple()),
            token=access.auth_token, user=access.username or '',
            project=access.project_name or access.project_id)

    def _access(self, given):
        from keystoneauth1.identity import v3
        from keystoneauth1 import session

        url = self._url()
        scope = {'project_name': given.get('project') or None,
                 'project_domain_name': given.get('project_domain')
                 or given.get('domain') or 'Default'}
        if not scope['project_name']:
            scope = {}
        how = given.get('how')
        if how == 'application_credential':
            plugin = v3.ApplicationCredential(
                url, application_credential_id=given.get('credential'),
                application_credential_secret=given['password'])
        elif how == 'token':
            plugin = v3.Token(url, given['password'], **scope)
        else:
            plugin = v3.Password(
                url, username=given.get('user'), password=given['password'],
                user_domain_name=given.get('domain') or 'Default', **scope)
        group = self._conf.keystone_authtoken
        return plugin.get_access(session.Session(
            timeout=TIMEOUT, verify=not group.insecure and (
                group.cafile or True), user_agent='manila-backup-ui'))

    def _url(self):
        group = self._conf.keystone_authtoken
        url = self._conf.ui.keystone_url or group.www_authenticate_uri
        if not url:
            # An option of the plug-in that auth_token has loaded.
            url = group.auth_url
        path = parse.urlsplit(url).path.rstrip('/')
        return url if path.endswith('/v3') else url.rstrip('/') + '/v3'
