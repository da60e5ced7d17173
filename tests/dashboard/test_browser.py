# SPDX-License-Identifier: Apache-2.0
"""The panels in a real browser, with Horizon's scripts."""

import re

from playwright import sync_api

from tests.dashboard import base
from tests.functional import browser
from tests.functional import example
from tests.functional import keystone

expect = sync_api.expect

#: What is said with the settings of Horizon's own tests, wherever one goes:
#: a part of its head is not there, and a setting of its alerts. Answers of
#: other addresses are looked at by themselves.
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
        self.addCleanup(self._check)
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

    def _check(self):
        self.assertEqual([], self.failed)
        self.assertEqual([], [each for each in self.browser.problems
                              if each not in _OF_HORIZON])

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
        row.get_by_role('link', name='Restore Share Backup').click()
        dialog = page.locator('#restore_share_backup')
        dialog.locator('input[type=submit]').click()
        expect(page.get_by_text(
            'What this would do', exact=True)).to_be_visible()
        page.keyboard.press('Escape')

        page.goto(base.BACKUPS)
        row.locator('.themable-checkbox label').click()
        page.locator('#share_backups__action_delete').click()
        confirmed = page.locator('.modal-dialog')
        expect(confirmed).to_contain_text('alert("x")')
        confirmed.locator('.modal-footer .btn').last.click()
        expect(page.get_by_text('Scheduled deletion')).to_be_visible()
        backup, = self.backups() or [None]
        if backup:
            self.cloud.wait_backup(backup['id'], None, self.token)

    def test_beyond_manila(self):
        """Coverage of shares, metadata in a dialog, a restore to a share that
        is made for it, usage, and runs; after months of use."""
        self._use()
        page = self.page
        page.goto(base.COVERAGE)
        page.get_by_role('link', name='Unprotected').click()
        rows = page.locator('#share_backup_coverage tbody tr')
        expect(rows).to_have_count(1)
        expect(rows).to_contain_text('scratch')
        page.get_by_role('link', name='All', exact=True).click()
        expect(rows).to_have_count(3)
        self._picture('horizon-coverage')
        page.goto(base.USAGE)
        expect(page.locator('#share_backup_quotas')).to_contain_text(
            'backup stored gigabytes')
        page.goto(base.BACKUPS)
        self._change_metadata()
        self._restore_to_new_share()
        page.goto(base.BACKUPS)
        expect(page.locator('#share_backups tbody tr')).to_have_count(20)
        self._picture('horizon-list')
        page.goto(f'{base.BACKUPS}{self.backup["id"]}/')
        expect(page.get_by_text('Hansen & Öztürk')).to_be_visible()
        self._picture('horizon-details')
        self._runs()

    def _use(self):
        """Shares with a policy, its history, and a backup by hand."""
        shares = [self._share(name) for name in ('customer-files', 'mail',
                                                 'scratch')]
        policy = self.create_policy(
            rules=[{'name': 'nightly', 'cron': example.CRON,
                    'timezone': example.ZONE}], retention=example.RETENTION)
        self.policy = f'{base.POLICIES}{policy["id"]}/'
        for share in shares[:2]:
            self.ask('POST', f'/share-backup-policies/{policy["id"]}'
                             '/assignments', {'assignment': {
                                 'kind': 'share', 'target': share.id}})
        use = example.Use(self.cloud.engine, policy)
        use.long_since()
        use.history(shares[0], {1: 'incomplete'})
        use.history(shares[1], {0: 'share_unavailable', 2: None})
        example.fill(self.cloud.share_path(shares[0].id))
        self.backup = self.backed_up({'id': shares[0].id},
                                     name='before the sale')

    def _share(self, name):
        """A share that is made; what is made up about it."""
        share = self.create_share()
        self.cloud.ask(200, 'PUT', f'/shares/{share["id"]}', {'share': {
            'display_name': name}}, token=self.token)
        return example.Share(
            share['id'], self.keystone.project_id(self.project), 1, 92210,
            int(0.4 * example.GIB))

    def _row_action(self, name):
        """Choose an action of the backup that was made by hand."""
        row = self.page.locator('#share_backups tbody tr', has_text='before '
                                                                    'the sale')
        row.locator('.dropdown-toggle').click()
        row.get_by_role('link', name=name).click()

    def _picture(self, name, **how):
        """Take a picture, without what Horizon's head says."""
        if not browser.PICTURES:
            return
        self.page.add_style_tag(content='.messages { display: none }')
        browser.picture(self.page, name, **how)

    def _change_metadata(self):
        page = self.page
        self._row_action('Edit Metadata')
        dialog = page.locator('#update_share_backup_metadata')
        dialog.locator('textarea').fill(
            'customers=Hansen & Öztürk\nticket=RT-20841')
        dialog.locator('input[type=submit]').click()
        expect(page.get_by_text('The metadata is changed.')).to_be_visible()

    def _restore_to_new_share(self):
        page = self.page
        row = page.locator('#share_backups tbody tr',
                           has_text='before the sale')
        row.get_by_role('link', name='Restore Share Backup').click()
        dialog = page.locator('#restore_share_backup')
        # What is only about a new share is not there before one is chosen.
        expect(dialog.locator('input[name=size]')).to_be_hidden()
        dialog.locator('select[name=target]').select_option('new', force=True)
        expect(dialog.locator('input[name=size]')).to_be_visible()
        dialog.locator('input[name=name]').fill('customer-files, to compare')
        dialog.locator('input[name=size]').fill('2')
        dialog.locator('input[type=submit]').click()
        expect(page.get_by_text('A share of 2 GiB is made')).to_be_visible()
        self._picture('horizon-restore', highest=900)
        dialog.get_by_text('Restore this').click()
        dialog.locator('input[type=submit]').click()
        expect(page.get_by_text('Restoring share backup before the sale.')
               ).to_be_visible()
        self.cloud.wait_backup(self.backup['id'], 'available', self.token)

    def _runs(self):
        page = self.page
        page.goto(self.policy)
        page.get_by_role('link', name='Runs', exact=True).click()
        table = page.locator('#runs tbody')
        expect(table).to_contain_text('It could not begin in time.')
        page.locator('select[name=status]').select_option('failed')
        page.get_by_role('button', name='Find').click()
        expect(page).to_have_url(re.compile('status=failed'))
        expect(table.locator('tr')).to_have_count(1)
        page.locator('select[name=status]').select_option('')
        page.get_by_role('button', name='Find').click()
        expect(page).not_to_have_url(re.compile('status=failed'))
        expect(table.locator('tr')).to_have_count(20)
        self._picture('horizon-runs')
        page.goto(self.policy + 'simulate/')
        expect(page.get_by_text('stay')).not_to_have_count(0)
        self._picture('horizon-policy')
