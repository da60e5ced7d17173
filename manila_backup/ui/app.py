# SPDX-License-Identifier: Apache-2.0
"""The WSGI application of the pages."""

import logging
from urllib import parse

import routes
import webob

from manila_backup.api import app as api
from manila_backup.ui import calls
from manila_backup.ui import page as page_
from manila_backup.ui import pages
from manila_backup.ui import session as sessions
from manila_backup.ui import sign_in
from manila_backup.ui import static

LOG = logging.getLogger(__name__)

#: The most bytes of a form: those of the pages are far smaller.
_FORM = 64 * 1024

#: Names of ours are not to be asked for by an API's client.
_ROOT = sessions.PATH.rstrip('/')


def mount(app, conf):
    """Serve the pages beside the API, where that is configured.

    :param app: the API's WSGI application.
    :param conf: the configuration.
    :returns: a WSGI application.
    :raises manila_backup.exception.ConfigurationError: they can't be served
        as configured.
    """
    if not conf.ui.enabled:
        return app
    pages_ = api.behind_proxy(Application(app, conf), conf)

    def mounted(environ, start_response):
        path = environ.get('PATH_INFO', '')
        if path == _ROOT or path.startswith(sessions.PATH):
            return pages_(environ, start_response)
        return app(environ, start_response)
    return mounted


class Application:
    """Answers requests for pages.

    :param app: the API's WSGI application.
    :param conf: the configuration.
    """

    def __init__(self, app, conf):
        self._app = app
        self._conf = conf
        self._sessions = sessions.Sessions(conf)
        self._sign_in = sign_in.of(conf)
        self._table = pages.routes(conf)
        self._mapper = routes.Mapper(controller_scan=None, explicit=True)
        self._mapper.minimization = False
        for path in self._table:
            self._mapper.connect(path, path_=path)
        self._mapper.create_regs([])

    def __call__(self, environ, start_response):
        try:
            response = self._answer(environ)
        except Exception:
            LOG.exception('A page could not be made')
            response = webob.Response(
                'The page could not be made because of an unexpected error. '
                'The service\'s log has more.', status=500,
                content_type='text/plain')
        response.headerlist.extend(
            (name, value) for name, value in page_.HEADERS
            if name not in response.headers)
        return response(environ, start_response)

    def _answer(self, environ):
        if environ['PATH_INFO'] == _ROOT:
            return page_.Page.redirect('')
        name = environ['PATH_INFO'][len(sessions.PATH):]
        if name.startswith(static.FOLDER):
            return static.answer(name[len(static.FOLDER):], environ)
        try:
            page = page_.Page(self._app, environ,
                              self._sessions.read(environ), self._conf)
            response = self._dispatch(page, '/' + name)
        except UnicodeDecodeError:
            # Of the path, the query or the form.
            return webob.Response('What was sent is not UTF-8.', status=400,
                                  content_type='text/plain')
        except calls.Refused as exc:
            response = self._refused(page, exc)
        if page.set_session is not False:
            response.headerlist.append(self._sessions.header(
                environ, page.set_session))
        return response

    def _dispatch(self, page, name):
        if name == '/sign-in':
            return self._sign_in.answer(page, self._sessions)
        method = page.environ['REQUEST_METHOD']
        if name == '/sign-out' and method == 'POST':
            if not page.is_forged():
                page.set_session = None
            return page.redirect('sign-in')
        match = self._mapper.match(name.rstrip('/') or '/')
        methods = self._table[match.pop('path_')] if match else {}
        function = methods.get('GET' if method == 'HEAD' else method)
        if not function:
            return page.render('refused.html', 405 if methods else 404,
                               title='Not found', message=(
                                   'There is no page of this name.'))
        if not page.session:
            page.session = self._sign_in.begin(self._sessions)
            if not page.session:
                return self._to_sign_in(page)
            page.set_session = page.session
        if method == 'POST':
            if page.length is None or page.length > _FORM:
                return page.render('refused.html', 413, title='Too large',
                                   message='The form is too large.')
            if page.is_forged():
                return page.render(
                    'refused.html', 403, title='Not done', message=(
                        'This form was made for another session. Go back, '
                        'load the page again, and repeat what you did.'))
        return function(page, **match)

    def _refused(self, page, exc):
        """Answer with what the API said."""
        if exc.code == 401:
            challenge = [(name, value) for name, value in exc.headers
                         if name.lower() == 'www-authenticate']
            if self._sign_in.by_browser:
                response = page.render('refused.html', 401, title='Sign in',
                                       message=exc.message)
                response.headerlist.extend(challenge)
                return response
            page.set_session = None
            return self._to_sign_in(page)
        return page.render('refused.html', exc.code, title=(
            'Not found' if exc.code == 404 else 'Not done'),
            message=exc.message)

    @staticmethod
    def _to_sign_in(page):
        query = page.environ.get('QUERY_STRING')
        back = parse.quote(page.path, safe='/') + (
            f'?{query}' if query else '')
        if page.environ['REQUEST_METHOD'] not in ('GET', 'HEAD'):
            return page.redirect('sign-in')
        return page.redirect('sign-in', back=back)
