# SPDX-License-Identifier: Apache-2.0
"""The panel of backup policies."""

from tests.dashboard import base
from tests.functional import cloud


class PoliciesTest(base.TestCase):

    def create(self, **values):
        """Have a policy made, by the form; its dict."""
        page = self.visitor.get(base.POLICIES + 'create/')
        page = self.visitor.submit(page, '/create/', **{
            'name': 'gold', 'cron': '0 3 1 1 *', **values})
        self.assertIn('Created backup policy', page.text)
        policy, = self.ask('GET', '/share-backup-policies')[
            'share_backup_policies']
        return policy

    def ask(self, method, path, body=None):
        """A request by the member, with the extension."""
        return self.cloud.request(
            method, path, body, token=self.token, headers={
                'OpenStack-API-Version': 'shared-file-system 2.91, '
                                         'shared-file-system-backup 1.2'}).body

    def test_life(self):
        """Create, list, show, edit, disable, enable and delete."""
        policy = self.create(description='for all', daily='5')
        page = self.index(where=base.POLICIES)
        for text in ('gold', 'nightly: 0 3 1 1 * UTC', 'Daily: 5'):
            self.assertIn(text, page.text)
        where = base.POLICIES + policy['id'] + '/'
        page = self.visitor.get(where)
        for text in (policy['id'], 'for all', 'nightly', '0 3 1 1 *'):
            self.assertIn(text, page.text)
        page = self.visitor.get(where + 'update/')
        page = self.visitor.submit(page, '/update/', name='silver',
                                   timezone='Europe/Berlin', weekly='9')
        self.assertIn('The backup policy is changed.', page.text)
        page = self.index(where=base.POLICIES)
        for text in ('silver', 'Europe/Berlin', 'Weekly: 9', 'Daily: 5'):
            self.assertIn(text, page.text)
        for action, enabled in (('disable', False), ('enable', True)):
            self.act(f'share_backup_policies__{action}__{policy["id"]}',
                     base.POLICIES)
            self.assertEqual(enabled, self.ask(
                'GET', f'/share-backup-policies/{policy["id"]}')[
                    'share_backup_policy']['enabled'])
        self.act(f'share_backup_policies__delete__{policy["id"]}',
                 base.POLICIES)
        self.assertNotIn('silver', self.index(where=base.POLICIES).text)

    def test_wrong(self):
        """A refusal of the service is said, and can be mended."""
        page = self.visitor.get(base.POLICIES + 'create/')
        page = self.visitor.submit(page, '/create/', name='gold',
                                   cron='at noon')
        self.assertIn('Unable to create the backup policy.', page.text)
        self.assertEqual('at noon', page.form('/create/').value('cron'))

    def test_hostile_names(self):
        policy = self.create(name=base.HOSTILE.replace('\x07', ''),
                             description=base.HOSTILE.replace('\x07', ''))
        where = base.POLICIES + policy['id'] + '/'
        for page in (self.index(where=base.POLICIES),
                     self.visitor.get(where),
                     self.visitor.get(where + 'simulate/')):
            self.assertIn(base.SHOWN.replace('\\u0007', ''), page.text)
            self.assertNotIn('<script>alert', page.html)
            self.assertNotIn('\u202e', page.text)

    def test_at_work(self):
        """Assign it, have it make backups, and see which of them other
        numbers would keep; save those, told of what that deletes."""
        share = self.create_share(a='first')
        policy = self.create(daily='', weekly='', monthly='', last='5')
        where = base.POLICIES + policy['id'] + '/'
        page = self.visitor.get(where + 'assign/')
        page = self.visitor.submit(page, '/assign/', target=share['id'])
        self.assertIn('The backup policy is assigned.', page.text)
        page = self.visitor.get(where, tab='share_backup_policy__assignments')
        self.assertIn(f'share {share["id"]}', page.text)
        for count in (1, 2):
            self.act(f'share_backup_policies__run_now__{policy["id"]}',
                     base.POLICIES)
            self.wait_backups(count)
        page = self.visitor.get(where, tab='share_backup_policy__runs')
        self.assertIn('done', page.text)

        page = self.visitor.get(where + 'simulate/')
        self.assertIn('2 of 2 stay', page.text)
        page = self.visitor.submit(page, '/simulate/', last='1')
        self.assertIn('1 backup would be deleted.', page.text)
        self.assertIn('1 of 2 stay', page.text)
        self.assertEqual(2, len(self.backups()))
        page = self.visitor.submit(page, '/simulate/', ('save', '1'))
        self.assertIn('The backup policy is changed.', page.text)
        self.wait_backups(1)

        page = self.visitor.get(where, tab='share_backup_policy__assignments')
        button, = (each for form in page.forms for each in form.buttons
                   if each[1].startswith('assignments__delete__'))
        self.visitor.submit(page, where, button)
        page = self.visitor.get(where, tab='share_backup_policy__assignments')
        self.assertNotIn(share['id'], page.text)

    def wait_backups(self, count):
        """Wait until the project has so many backups, all available."""
        cloud.eventually(f'{count} backups', lambda: [
            each['status'] for each in self.backups()]
            == ['available'] * count)
