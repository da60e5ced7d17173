# SPDX-License-Identifier: Apache-2.0
"""The panels in a real browser, with Horizon's scripts."""

from playwright import sync_api

from tests.dashboard import base
from tests.functional import browser
from tests.functional import keystone

expect = sync_api.expect

#: What is said with the settings of Horizon's own tests, wherever one goes:
#: its styles ask for a template that nobody fills in, and its alerts for a
#: setting that is not there. Answers of other addresses are looked at by
#: themselves.
_OF_HORIZON = (
    'Failed to load resource: the server responded with a status of 500 '
    '(Internal Server Error)',
    "Cannot read properties of undefined (reading 'split')")


class BrowserTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.browser = self.useFixture(browser.Browser(self.horizon.url))
        self.page = self.browser.page()
        self.failed = []
        self.page.on('response', self._note)
        self.page.goto(f'/auth/login/?next={base.BACKUPS}')
        self.page.locator('#id_username').fill(self.member)
        self.page.locator('#id_password').fill(
            keystone.password_of(self.member))
        self.page.locator('#loginBtn').click()
        self.page.wait_for_url(f'**{base.BACKUPS}')

    def _note(self, answer):
        if answer.status >= 500 and '/static/' not in answer.url:
            self.failed.append(answer.url)

    def test_life(self):
        """Create in a dialog, see it become available, look at a restore,
        delete."""
        share = self.create_share(a='first')
        page = self.page
        page.goto(base.BACKUPS)
        page.get_by_role('link', name='Create Share Backup').click()
        dialog = page.locator('#create_share_backup')
        dialog.locator('select[name=share]').select_option(
            share['id'], force=True)
        dialog.locator('input[name=name]').fill(base.HOSTILE[:-1])
        dialog.locator('input[type=submit]').click()
        row = page.locator('#share_backups tbody tr')
        expect(row).to_contain_text(base.SHOWN[:-6])
        # Nobody has loaded it again.
        expect(row).to_contain_text('Available')
        browser.picture(page, 'horizon-list')
        row.get_by_role('link', name='Restore Share Backup').click()
        dialog = page.locator('#restore_share_backup')
        dialog.locator('input[type=submit]').click()
        expect(page.get_by_text(
            'What this would do', exact=True)).to_be_visible()
        browser.picture(page, 'horizon-restore')
        page.keyboard.press('Escape')

        page.goto(base.BACKUPS)
        row.locator('input[type=checkbox]').check(force=True)
        page.locator('#share_backups__action_delete').click()
        confirmed = page.locator('.modal-dialog')
        expect(confirmed).to_contain_text('alert("x")')
        confirmed.locator('.modal-footer .btn').last.click()
        expect(page.get_by_text('Scheduled deletion')).to_be_visible()
        backup, = self.backups() or [None]
        if backup:
            self.cloud.wait_backup(backup['id'], None, self.token)
        self.assertEqual([], self.failed)
        self.assertEqual([], [each for each in self.browser.problems
                              if each not in _OF_HORIZON])
