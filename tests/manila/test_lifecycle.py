# SPDX-License-Identifier: Apache-2.0
"""A backup's life, through the one endpoint, with the users' command."""

from tests.manila import base


class TestLifecycle(base.TestCase):

    def test_all_of_it(self):
        share = self.service.openstack(
            'share', 'create', 'NFS', '1', '--name', 'mine', '--share-type',
            'plain', '--wait', '-f', 'json')
        content = self.fill_share(share['id'])
        backup = self.service.openstack(
            'share', 'backup', 'create', 'mine', '--name', 'first',
            '-f', 'json')
        self.assertEqual((share['id'], 'creating', 'first'), tuple(
            backup[key] for key in ('share_id', 'status', 'name')))
        self.wait_backup(backup['id'], 'available')
        self.assert_nothing_left(share['id'])

        self.service.openstack('share', 'backup', 'set', 'first', '--name',
                               'renamed', '--description', 'of before')
        shown = self.service.openstack('share', 'backup', 'show', 'renamed',
                                       '-f', 'json')
        self.assertEqual(
            ('available', '100', 'of before', 1), tuple(shown[key] for key in (
                'status', 'progress', 'description', 'size')))
        listed, = self.service.openstack(
            'share', 'backup', 'list', '--share', 'mine', '-f', 'json')
        self.assertEqual(backup['id'], listed['ID'])

        self.change_share(share['id'])
        self.service.openstack('share', 'backup', 'restore', 'renamed',
                               '--wait')
        restored = self.wait_backup(backup['id'], 'available')
        self.assertEqual('100', restored['restore_progress'])
        self.assertEqual(content, self.share_content(share['id']))
        self.assert_nothing_left(share['id'])

        self.service.openstack('share', 'backup', 'delete', 'renamed',
                               '--wait')
        self.assertIsNone(self.show_backup(backup['id']))
        # It is the user's alone again.
        self.service.openstack('share', 'delete', 'mine', '--wait')

    def test_restore_to_another_share(self):
        one = self.manila.create_share()
        content = self.fill_share(one['id'])
        backup = self.backed_up(one['id'])
        other = self.manila.create_share(size=2)
        self.fill_share(other['id'], seed=9)
        self.service.openstack('share', 'backup', 'restore', backup['id'],
                               '--target-share', other['id'])
        self.wait_backup(backup['id'], 'available')
        self.assertEqual(content, self.share_content(other['id']))
        self.assert_nothing_left(one['id'], other['id'])

    def test_share_is_gone(self):
        """Its backups can be restored, but not to where they are from."""
        gone = self.manila.create_share()
        content = self.fill_share(gone['id'])
        backup = self.backed_up(gone['id'])
        self.manila.request('DELETE', f'/shares/{gone["id"]}', user='alice')
        self.manila.wait('shares', gone['id'], None)
        path = f'/share-backups/{backup["id"]}/action'
        refused = self.request('POST', path, {'restore': None})
        self.assertEqual(400, refused.status, refused.body)
        other = self.manila.create_share()
        self.restore(backup['id'], other['id'])
        self.assertEqual(content, self.share_content(other['id']))
        self.assert_nothing_left(gone['id'], other['id'])
        self.assertEqual(202, self.request(
            'DELETE', f'/share-backups/{backup["id"]}').status)
        self.wait_backup(backup['id'], None)

    def test_next_link(self):
        share = self.manila.create_share(user='bob')
        made = {self.backed_up(share['id'], user='bob')['id']
                for _ in range(2)}
        found = self.request('GET', '/share-backups?limit=1', user='bob').body
        link, = found['share_backup_links']
        self.assertEqual(self.service.url, link['href'].partition(
            '/share-backups')[0].removesuffix('/' + self.manila.keystone.
                                              project_id('bob')))
        rest = self.request('GET', link['href'].removeprefix(
            self.service.url), user='bob').body
        self.assertEqual(made, {each['id'] for each in (
            *found['share_backups'], *rest['share_backups'])})


class TestMeanwhile(base.TestCase):
    """State of things in Manila while something is done."""

    def test_backup(self):
        share = self.manila.create_share()
        mine = self.manila.allow(share['id'], '10.9.8.7')
        self.fill_share(share['id'])
        with self.manila.gate() as reached:
            backup = self.create_backup(share['id'])
            reached()
            lock, = self.locks(share['id'])
            self.assertEqual(('share', 'delete'), (
                lock['resource_type'], lock['resource_action']))
            self.assertIn(backup['id'], lock['lock_reason'])
            rule, = [each for each in self.manila.rules(share['id'])
                     if each['id'] != mine]
            self.assertEqual(('127.0.0.1', 'ro', 'active'), tuple(
                rule[key] for key in ('access_to', 'access_level', 'state')))
            for command in (
                    ('delete', share['id']),
                    ('lock', 'delete', lock['id'])):
                done = self.service.try_openstack('share', *command)
                self.assertNotEqual(0, done.returncode, command)
            self.assertEqual('available', self.manila.show(
                'shares', share['id'])['status'])
        self.wait_backup(backup['id'], 'available')
        self.assert_nothing_left(share['id'], rules=[mine])

    def test_restore(self):
        share = self.manila.create_share()
        self.fill_share(share['id'])
        backup = self.backed_up(share['id'])
        with self.manila.gate() as reached:
            self.assertEqual(202, self.request(
                'POST', f'/share-backups/{backup["id"]}/action',
                {'restore': None}).status)
            reached()
            self.assertEqual('restoring',
                             self.show_backup(backup['id'])['status'])
            lock, = self.locks(share['id'])
            self.assertIn(backup['id'], lock['lock_reason'])
            rule, = self.manila.rules(share['id'])
            self.assertEqual('rw', rule['access_level'])
            # One at a time.
            self.assertEqual(400, self.request(
                'POST', '/share-backups',
                {'share_backup': {'share_id': share['id']}}).status)
        self.wait_backup(backup['id'], 'available')
        self.assert_nothing_left(share['id'])


class TestInstants(base.TestCase):
    """Backups of types of shares that can be snapshot."""

    def check(self, share_type):
        share = self.manila.create_share(share_type=share_type)
        content = self.fill_share(share['id'])
        before = [self.manila.list(kind) for kind in ('shares', 'snapshots')]
        with self.manila.gate() as reached:
            backup = self.create_backup(share['id'])
            reached()
            self.change_share(share['id'])
        self.wait_backup(backup['id'], 'available')
        self.assert_nothing_left(share['id'])
        self.assertEqual(before, [self.manila.list(kind)
                                  for kind in ('shares', 'snapshots')])
        other = self.manila.create_share()
        self.restore(backup['id'], other['id'])
        self.assertEqual(content, self.share_content(other['id']))

    def test_mounted_snapshot(self):
        self.check('mountable')

    def test_share_from_snapshot(self):
        self.check('copyable')


class TestBoundaries(base.TestCase):
    """Whose shares and backups are whose, and how many."""

    options = {'quota__backups': 1}

    def test_other_project(self):
        share = self.manila.create_share()
        refused = self.request('POST', '/share-backups', {
            'share_backup': {'share_id': share['id']}}, user='bob')
        self.assertEqual(400, refused.status, refused.body)
        backup = self.backed_up(share['id'])
        path = f'/share-backups/{backup["id"]}'
        bobs = self.manila.create_share(user='bob')
        for method, more, body in (
                ('GET', '', None), ('DELETE', '', None),
                ('POST', '/action', {'restore': None}),
                ('POST', '/action', {'restore': bobs['id']})):
            self.assertEqual(404, self.request(
                method, path + more, body, user='bob').status)
        # Nor to a share that is not alice's.
        self.assertEqual(400, self.request(
            'POST', f'{path}/action', {'restore': bobs['id']}).status)
        self.assert_nothing_left(share['id'], bobs['id'])

        # The quota is used up, and that is alice's alone.
        refused = self.request('POST', '/share-backups', {
            'share_backup': {'share_id': share['id']}})
        self.assertEqual(403, refused.status, refused.body)
        self.backed_up(bobs['id'], user='bob')

    def test_reader(self):
        share = self.manila.create_share(user='bob')
        done = self.service.try_openstack(
            'share', 'backup', 'create', share['id'], user='rita',
            project='bob')
        self.assertIn('403', done.stderr)
        self.service.openstack('share', 'backup', 'list', '-f', 'json',
                               user='rita', project='bob')
