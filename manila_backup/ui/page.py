# SPDX-License-Identifier: Apache-2.0
"""One request for a page, and its answer."""

import functools
import hmac
from urllib import parse

import jinja2
import markupsafe
import webob

from manila_backup.ui import calls
from manila_backup.ui import session as sessions
from manila_backup.ui import words

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader('manila_backup.ui'), autoescape=True,
    trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
_TEMPLATES.filters.update(words.FILTERS)

#: What may be done with a page: nothing from elsewhere, nothing within it.
HEADERS = [
    ('Content-Security-Policy',
     "default-src 'none'; script-src 'self'; style-src 'self'; "
     "img-src 'self'; connect-src 'self'; form-action 'self'; "
     "base-uri 'none'; frame-ancestors 'none'"),
    ('X-Content-Type-Options', 'nosniff'),
    ('X-Frame-Options', 'DENY'),
    ('Referrer-Policy', 'same-origin'),
    ('Cross-Origin-Opener-Policy', 'same-origin'),
    ('Cache-Control', 'no-store'),
]

#: Sentences after something was done, by the word for it in the URL.
DONE = {
    'backup': 'The backup has been queued.',
    'restore': 'The restore has been queued.',
    'new-share': 'The share is being made, and gets what is in the backup.',
    'delete': 'The deletion has been queued.',
    'cancel': 'The operation is being cancelled.',
    'run': 'The policy\'s backups have been queued.',
    'policy': 'The policy has been saved.',
    'policy-deleted': 'The policy has been deleted.',
    'assigned': 'The assignment has been made.',
    'unassigned': 'The assignment has been removed.',
    'message-deleted': 'The message has been deleted.',
    'quota': 'The quotas have been saved.',
    'service': 'The worker\'s host has been changed.',
}


class Page:
    """Request of a browser, and what makes the answer to it.

    :param app: the API's WSGI application.
    :param environ: the WSGI environment.
    :param session: a :class:`~.session.Session`.
    :param conf: the service's configuration.
    :ivar api: :class:`~.calls.Api`, as the one who is signed in.
    :ivar query: the parameters of the URL.
    :ivar set_session: a :class:`~.session.Session` that the answer is to
        set; ``False`` where it is to leave it.
    """

    def __init__(self, app, environ, session, conf):
        self.environ = environ
        self.session = session
        self.strategy = conf.auth_strategy
        #: Whether shares and messages are this service's own, not Manila's.
        self.has_shares = conf.shares.source == 'local'
        self.set_session = False
        self.api = calls.Api(app, environ, session.token if session else '')
        self._request = webob.Request(environ)
        self.query = self._request.GET
        self.path = environ['PATH_INFO']
        #: Bytes of the body; None where that is not said.
        self.length = self._request.content_length

    @functools.cached_property
    def form(self):
        """The fields of the form that was sent."""
        return self._request.POST

    @functools.cached_property
    def is_operator(self):
        """Permission of the user to see the workers, as bool."""
        try:
            self.api.get('/share-backup-services')
        except calls.Refused:
            return False
        return True

    def is_foreign(self):
        """Tell whether a form was sent by another site's page."""
        origin = self.environ.get('HTTP_ORIGIN')
        if origin is not None and parse.urlsplit(
                origin).netloc != self.environ.get('HTTP_HOST'):
            return True
        return self.environ.get('HTTP_SEC_FETCH_SITE') in ('cross-site',
                                                           'same-site')

    def is_forged(self):
        """Tell whether a form was not made by a page of this session."""
        if self.is_foreign():
            return True
        expected = self.session.csrf if self.session else ''
        given = self.form.get('csrf') or ''
        return not expected or not hmac.compare_digest(
            given.encode(), expected.encode())

    def number(self, name):
        """Return a parameter of the URL that is a whole number, or None."""
        text = self.query.get(name) or ''
        return int(text) if text.isascii() and text.isdigit() else None

    def render(self, template, code=200, **values):
        """Answer with a page.

        :param template: str, its file's name.
        :param values: what the template uses.
        """
        return webob.Response(
            self.fragment(template, done=DONE.get(self.query.get('done')),
                          **values), status=code,
            charset='utf-8', content_type='text/html')

    def fragment(self, template, **values):
        """Render a part of a page, as str."""
        return _TEMPLATES.get_template(template).render(
            page=self, session=self.session, csrf=self._csrf, **values)

    def _csrf(self):
        """The field of a form that says of which session it is."""
        return markupsafe.Markup(
            '<input type="hidden" name="csrf" value="{}">').format(
                self.session.csrf)

    @staticmethod
    def redirect(path, **query):
        """Answer by sending the browser to another page.

        :param path: str, below ``/ui/``, its variable parts quoted.
        """
        target = sessions.PATH + path
        if query:
            target += '?' + parse.urlencode(query)
        return webob.Response(status=303, headerlist=[('Location', target)])

    def link(self, **changed):
        """Return the URL of this page with some parameters changed, or
        removed where they are None."""
        query = {**self.query, **changed}
        query.pop('done', None)
        return '?' + parse.urlencode(
            {name: value for name, value in query.items()
             if value is not None})
