# SPDX-License-Identifier: Apache-2.0
"""Visitor of web pages: what a browser does, without scripts."""

import html.parser
import urllib.parse

import requests

from tests.functional import cloud


class Page:
    """An answer.

    :ivar status: int.
    :ivar url: str, where it was in the end.
    :ivar html: str.
    :ivar text: str, what is read in it: without markup, scripts and what
        forms have.
    :ivar forms: list of :class:`Form`.
    :ivar links: dict of the text of links to where they go.
    """

    def __init__(self, answer):
        self.status = answer.status_code
        self.url = answer.url
        self.headers = answer.headers
        self.content = answer.content
        self.html = answer.text
        parser = _Parser()
        parser.feed(self.html)
        self.text = ' '.join(''.join(parser.said).split())
        self.forms = parser.forms
        self.links = {' '.join(text.split()): where
                      for where, text in parser.links}

    def form(self, part):
        """The form whose address has a part."""
        found = [each for each in self.forms
                 if part in urllib.parse.urljoin(self.url, each.action)]
        assert found, f'no form for {part} among {self.forms}'
        return found[-1]


class Form:
    """A form, and what is in it.

    :ivar fields: list of [name, value].
    :ivar buttons: dict of (name, value) of what sends it, to its text.
    """

    def __init__(self, action, method):
        self.action = action
        self.method = method
        self.fields = []
        self.buttons = []

    def __repr__(self):
        return f'{self.method} {self.action} {self.fields}'

    def value(self, name):
        """Return the first value of a field."""
        return dict(map(tuple, self.fields))[name]


class _Parser(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.said, self.forms, self.links = [], [], []
        self._mute = 0
        self._form = self._select = self._area = self._link = None

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag in ('script', 'style'):
            self._mute += 1
        elif tag == 'form':
            self._form = Form(attrs.get('action') or '',
                              (attrs.get('method') or 'get').lower())
            self.forms.append(self._form)
        elif tag == 'a':
            self._link = [attrs.get('href'), '']
        elif self._form:
            self._field(tag, attrs)

    def _field(self, tag, attrs):
        name, value = attrs.get('name'), attrs.get('value') or ''
        kind = attrs.get('type', 'text')
        if tag == 'button' or kind == 'submit':
            self._form.buttons.append((name, value))
        elif tag == 'input' and name and (
                kind not in ('checkbox', 'radio') or 'checked' in attrs):
            self._form.fields.append([name, value])
        elif tag == 'select' and name:
            self._select = [name, None]
        elif tag == 'option' and self._select and (
                self._select[1] is None or 'selected' in attrs):
            self._select[1] = value
        elif tag == 'textarea' and name:
            self._area = [name, '']

    def handle_endtag(self, tag):
        if tag in ('script', 'style'):
            self._mute -= 1
        elif tag == 'form':
            self._form = None
        elif tag == 'a' and self._link:
            self.links.append(tuple(self._link))
            self._link = None
        elif tag == 'select' and self._select:
            self._form.fields.append([self._select[0], self._select[1] or ''])
            self._select = None
        elif tag == 'textarea' and self._area:
            # What follows <textarea> on its line is a line end of HTML's.
            self._area[1] = self._area[1].removeprefix('\n')
            self._form.fields.append(self._area)
            self._area = None
        if tag in ('td', 'th', 'li', 'p', 'dt', 'dd', 'tr', 'option', 'div'):
            self.said.append(' ')

    def handle_data(self, data):
        if self._mute:
            return
        if self._area:
            self._area[1] += data
            return
        if self._link:
            self._link[1] += data
        self.said.append(data)


class Visitor:
    """Someone who visits pages, with cookies of their own.

    :param url: str, where the pages are.
    """

    def __init__(self, url):
        self._url = url
        self.session = requests.Session()

    def get(self, where, **query):
        """Open a page.

        :param where: str, an address, or its path.
        :returns: a :class:`Page`, whatever its status.
        """
        return Page(self.session.get(
            urllib.parse.urljoin(self._url, where), params=query or None,
            timeout=cloud.PATIENCE))

    def fetch(self, where, **query):
        """Ask for a part of a page, as Horizon's script does.

        :returns: a :class:`Page`, as of :meth:`get`.
        """
        return Page(self.session.get(
            urllib.parse.urljoin(self._url, where), params=query,
            headers={'X-Requested-With': 'XMLHttpRequest'},
            timeout=cloud.PATIENCE))

    def submit(self, page, part, button=None, **values):
        """Fill in a form and send it.

        :param part: str, of the form's address.
        :param button: (name, value) of what it is sent by.
        :param values: fields by name that differ from what is in it; None
            for one that is not sent, a list for one that is sent repeatedly.
        :returns: the :class:`Page` that this leads to.
        """
        form = page.form(part)
        data = [(name, value) for name, value in form.fields
                if name not in values]
        for name, value in values.items():
            for each in value if isinstance(value, list) else [value]:
                if each is not None:
                    data.append((name, each))
        if button:
            data.append(button)
        where = urllib.parse.urljoin(page.url, form.action or page.url)
        more = {'params': data} if form.method == 'get' else {'data': data}
        return Page(self.session.request(
            form.method, where, headers={'Referer': page.url},
            timeout=cloud.PATIENCE, **more))

    def sign_in(self, user, password, following):
        """Sign in to Horizon.

        :param following: str, the path of the page to be shown after that.
            Horizon's own first one is of services that are not there.
        :returns: that page.
        """
        page = self.get('/auth/login/', next=following)
        return self.submit(page, '/auth/login/', username=user,
                           password=password)
