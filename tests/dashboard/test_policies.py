# SPDX-License-Identifier: Apache-2.0
"""The panel of backup policies."""

import datetime
import uuid

import sqlalchemy as sa

from manila_backup.db import models
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

    def test_runs(self):
        """Runs by their status and their share, and by pages."""
        shares = [self.create_share() for _number in range(2)]
        policy = self.create_policy(shares[0])
        where = base.POLICIES + policy['id'] + '/'
        for count, share in enumerate(shares, 1):
            self.ask('POST', f'/share-backup-policies/{policy["id"]}'
                             f'/assignments', {'assignment': {
                                 'kind': 'share', 'target': share['id']}})
            self.ask('POST', f'/share-backup-policies/{policy["id"]}/action',
                     {'run_now': {'share_id': share['id']}})
            self.wait_backups(count)
        cloud.eventually('two runs', lambda: self._shown(
            where, status='done').count('a href') == 2, pause=0.5)
        self.assertIn('There are none.', self._shown(where, status='missed'))
        found = self._shown(where, status='done', share_id=shares[0]['id'])
        self.assertIn(shares[0]['id'], found)
        self.assertNotIn(shares[1]['id'], found)
        self.assertIn('Unable to retrieve the runs.', self.visitor.get(
            where, tab='share_backup_policy__runs', share_id='x').text)

    def test_pages_of_runs(self):
        """More runs than a page has."""
        share = self.create_share()
        policy = self.create_policy(share)
        self._note_runs(policy, share, 150)
        where = base.POLICIES + policy['id'] + '/'
        page = self.visitor.get(where, tab='share_backup_policy__runs',
                                status='missed')
        self.assertEqual(100, page.text.count('missed: late'))
        page = self.visitor.get(where + page.links['Older'])
        self.assertEqual(50, page.text.count('missed: late'))
        self.assertNotIn('Older', page.links)

    def _note_runs(self, policy, share, count):
        """Have a policy have had runs."""
        start = datetime.datetime(2026, 1, 1)
        rule, = policy['rules']
        with self.cloud.engine.begin() as conn:
            conn.execute(sa.insert(models.backup_runs), [{
                'id': str(uuid.uuid4()), 'policy_id': policy['id'],
                'rule_id': rule['id'], 'share_id': share['id'],
                'project_id': self.keystone.project_id(self.project),
                **dict.fromkeys(('due_at', 'start_at', 'start_until'),
                                start + datetime.timedelta(days=number)),
                'status': 'missed', 'reason': 'late'}
                for number in range(count)])

    def _shown(self, where, **query):
        """The HTML of the rows of runs that there are for some filters."""
        page = self.visitor.get(where, tab='share_backup_policy__runs',
                                **query)
        return page.html.partition('id="runs"')[2].partition('</table>')[0]

    def wait_backups(self, count):
        """Wait until the project has so many backups, all available."""
        cloud.eventually(f'{count} backups', lambda: [
            each['status'] for each in self.backups()]
            == ['available'] * count)
