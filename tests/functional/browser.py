# SPDX-License-Identifier: Apache-2.0
"""A real browser: Debian's chromium, without a screen."""

import os
import re
import shutil

import fixtures
from playwright import sync_api

#: Milliseconds that anything may take that the browser waits for.
PATIENCE = 60_000

sync_api.expect.set_options(timeout=PATIENCE)

#: Where pictures of the pages go; nowhere if it is not set.
PICTURES = os.environ.get('MANILA_BACKUP_TEST_PICTURES')

#: Told of by each page: what its security policy refuses.
_WATCH = '''
document.addEventListener('securitypolicyviolation', event =>
  console.error('CSP: ' + event.violatedDirective + ' ' + event.blockedURI));
'''


class Browser(fixtures.Fixture):
    """Browser in which nothing may go wrong that a page could be blamed
    for.

    :param url: str, the pages' address, with a slash at the end.
    :ivar problems: list of str: dialogs, errors of scripts, and what the
        content security policy refused.
    """

    def __init__(self, url):
        self.url = url
        self.problems = []

    def _setUp(self):
        program = shutil.which('chromium')
        if not program:
            raise AssertionError('chromium is not installed: "make services" '
                                 'does that.')
        playwright = sync_api.sync_playwright().start()
        self.addCleanup(playwright.stop)
        self._browser = playwright.chromium.launch(
            executable_path=program, args=['--no-sandbox'])
        self.addCleanup(self._browser.close)

    def page(self, **options):
        """Open a page with cookies of its own.

        :param options: of the browser's context.
        """
        context = self._browser.new_context(
            base_url=self.url, **{'viewport': {'width': 1200, 'height': 900},
                                  **options})
        context.set_default_timeout(PATIENCE)
        context.add_init_script(_WATCH)
        page = context.new_page()
        page.on('console', self._said)
        page.on('pageerror', lambda exc: self.problems.append(str(exc)))
        page.on('dialog', self._asked)
        return page

    def _said(self, message):
        # An answer such as 403 is one, too, and some tests want it; 503 is
        # that of too many pages with live rows, which then ask.
        if message.type == 'error' and not re.search(
                'status of (4|503)', message.text):
            self.problems.append(message.text)

    def _asked(self, dialog):
        self.problems.append(f'dialog: {dialog.message}')
        dialog.dismiss()


def picture(page, name, highest=1000):
    """Take a picture of the upper part of a page, for the documentation.

    :param highest: int, pixels: of a higher page, the rest is left out.
    """
    if PICTURES:
        os.makedirs(PICTURES, exist_ok=True)
        wide, high = page.evaluate('[document.documentElement.clientWidth, '
                                   'document.documentElement.scrollHeight]')
        page.screenshot(path=os.path.join(PICTURES, f'{name}.png'),
                        full_page=True, clip={
                            'x': 0, 'y': 0, 'width': wide,
                            'height': min(high, highest)})
