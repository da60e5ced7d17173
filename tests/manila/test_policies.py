# SPDX-License-Identifier: Apache-2.0
"""Backup policies beside Manila, whose users are not there any more when they
run."""

import os

import fixtures

from manila_backup import conf as config
from manila_backup.shares.manila import source
from tests.functional import cloud
from tests.functional import keystone
from tests.manila import base

HEADERS = {'OpenStack-API-Version': 'shared-file-system-backup 1.1'}

#: Seconds to wait for what is due at the next full minute, and for what takes
#: several backups beside a Manila.
_LONG = 300


class TestPolicies(base.TestCase):

    options = {'policies__interval': 0.2, 'policies__min_interval': 60,
               'policies__retry_interval': 1, 'backup__scan_interval': 0.2}

    def setUp(self):
        super().setUp()
        # A user and a project of the test's own.
        self.user = f'user-{self.id().rpartition(".")[2]}'
        self.manila.keystone.add_user(self.user, self.user, 'member')
        self.project = self.manila.keystone.project_id(self.user)

    def ask(self, status, method, path, body=None, user=None):
        answer = self.request(method, path, body, user or self.user,
                              headers=HEADERS)
        self.assertEqual(status, answer.status, answer.body)
        return answer.body

    def policy(self, kind, target, cron='0 3 1 1 *', user=None, **values):
        """A policy of the user's, assigned; its path."""
        made = self.ask(200, 'POST', '/share-backup-policies', {
            'share_backup_policy': {
                'name': 'gold', 'rules': [{'name': 'often', 'cron': cron}],
                **values}}, user)['share_backup_policy']
        path = f'/share-backup-policies/{made["id"]}'
        self.ask(200, 'POST', f'{path}/assignments', {
            'assignment': {'kind': kind, 'target': target}}, user)
        return path

    def share(self, metadata=None, **values):
        """A share of the user's; its id."""
        found = self.manila.create_share(self.user, **values)['id']
        self.fill_share(found)
        if metadata:
            self.manila.request('POST', f'/shares/{found}/metadata',
                                {'metadata': metadata}, self.user)
        return found

    def runs(self, status='done'):
        """Runs of all policies that the user has, in this status."""
        return self.service.cloud.rows(
            'SELECT share_id, backup_id, due_at FROM backup_runs '
            'WHERE project_id = :project AND status = :status '
            'ORDER BY due_at', project=self.project, status=status)

    def test_no_user_is_logged_in(self):
        share = self.share({'backup': 'gold'})
        content = self.share_content(share)
        self.share({'backup': 'silver'})
        path = self.policy('metadata', 'backup=gold', '* * * * *',
                           retention={'last': 1})
        with self.manila.without(self.user):
            first, *_ = cloud.eventually('a run', self.runs, _LONG)
        # One that comes later is taken along, and retention goes on.
        late = self.share({'backup': 'gold'})
        with self.manila.without(self.user):
            cloud.eventually('a run of the later share', lambda: late in {
                run.share_id for run in self.runs()}, _LONG)
            cloud.eventually('retention', lambda: not self.service.cloud.rows(
                'SELECT id FROM share_backups WHERE id = :id',
                id=first.backup_id), _LONG)
        self.assertEqual({share, late},
                         {run.share_id for run in self.runs()})
        self.assertEqual(['gold'], [
            each['name'] for each in self.coverage(share)['policies']])
        self.ask(202, 'POST', f'{path}/action', {'disable': None})
        cloud.eventually('the end of all runs',
                         lambda: not self.runs('queued'), _LONG)
        self.check_backup(share, content)
        self.assert_nothing_left(share, late, metadata={'backup': 'gold'})

    def coverage(self, share):
        """Return what is told of a share."""
        found, = [each for each in self.ask(
            200, 'GET', '/share-backup-coverage')['share_backup_coverage']
            if each['share_id'] == share]
        return found

    def check_backup(self, share, content):
        """The newest backup of a share is whole, and says where it is
        from."""
        last = self.coverage(share)['last_good_backup']
        found = self.ask(200, 'GET', f'/share-backups/{last["id"]}')[
            'share_backup']
        self.assertEqual(('policy', share, 'complete'), (
            found['requested_by'], found['share_id'], found['result']))
        self.assertEqual(content, self.content(
            self.service.cloud.backup_path(found)))

    def test_each_kind_of_assignment(self):
        shares = [self.share(share_type='copyable'), self.share(),
                  self.share({'a key': 'a=value'})]
        for kind, target, wanted in (
                ('share', shares[1], {shares[1]}),
                ('share_type', 'copyable', {shares[0]}),
                ('metadata', 'a key=a=value', {shares[2]}),
                ('project', self.project, set(shares))):
            path = self.policy(kind, target)
            self.ask(202, 'POST', f'{path}/action', {'run_now': {}})
            runs = self.ask(200, 'GET', f'{path}/runs')['runs']
            self.assertEqual(wanted, {run['share_id'] for run in runs}, kind)
            cloud.eventually(f'the runs for {kind}', lambda path=path: {
                run['status'] for run in self.ask(
                    200, 'GET', f'{path}/runs')['runs']} == {'done'}, _LONG)
        self.assert_nothing_left(*shares[:2])

    def test_of_other_projects_and_gone(self):
        """A policy is about none of another project's shares; and one that
        is deleted is no failure."""
        share = self.share({'mine': 'yes'})
        other = self.manila.create_share('bob')['id']
        self.manila.request('POST', f'/shares/{other}/metadata',
                            {'metadata': {'mine': 'yes'}}, 'bob')
        path = self.policy('metadata', 'mine=yes')
        self.assertEqual({'runs': 1}, self.ask(
            202, 'POST', f'{path}/action', {'run_now': {}})['run_now'])
        cloud.eventually('the run', self.runs)
        cloud.eventually('the share', lambda: self.manila.show(
            'shares', share)['status'] == 'available')
        self.manila.request('DELETE', f'/shares/{share}', user=self.user)
        self.manila.wait('shares', share, None)
        self.ask(400, 'POST', f'{path}/action', {'run_now': {}})
        backup, = self.ask(200, 'GET', '/share-backups/detail')[
            'share_backups']
        self.assertEqual('available', backup['status'])
        for orphaned, found in (True, [share]), (False, []):
            told = self.ask(200, 'POST', f'{path}/action', {
                'simulate': {'orphaned': orphaned}})['simulation']['shares']
            self.assertEqual(found, [each['share_id'] for each in told])

    def test_without_the_right_to_list(self):
        """Users who may not list the shares of all projects see none of them,
        and Manila does not say so."""
        share = self.share()
        self.manila.keystone.add_user('blind', 'service', 'member')
        path = os.path.join(self.service.cloud.root, 'blind.conf')
        with open(path, 'w') as file:
            file.write('[manila_shares]\nusername = blind\npassword = '
                       f'{keystone.password_of("blind")}\n')
        log = self.useFixture(fixtures.FakeLogger())
        for files, seen in (([], [share]), ([path], [])):
            shares = source.ManilaShares.from_conf(config.load([
                word for file in (self.service.cloud.config, *files)
                for word in ('--config-file', file)], 'test'))
            self.assertEqual(seen, [each.id for each in shares.find(
                project_id=self.project)])
        self.assertIn('share:list_all_projects', log.output)
