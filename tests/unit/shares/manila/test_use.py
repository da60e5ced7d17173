# SPDX-License-Identifier: Apache-2.0
"""Resources that are made in Manila for an attempt, and undone."""

import testtools

from manila_backup.shares import base
from manila_backup.shares.manila import access
from manila_backup.shares.manila import leftovers
from manila_backup.shares.manila import ownership
from manila_backup.shares.manila import protection
from manila_backup.shares.manila import snapshots
from tests.unit.shares.manila import fake

US = access.Grantee('ip', '192.0.2.1')
CEPH = access.Grantee('cephx', 'backup')


class TestCase(testtools.TestCase):

    version = '2.96'

    def setUp(self):
        super().setUp()
        self.manila = self.useFixture(fake.Manila(self.version))
        self.share = self.manila.add_share(snapshot_support=True,
                                           mount_snapshot_support=True)
        self.client = self.manila.client

    def access(self, grantee=US, **kwargs):
        return access.to_share(self.client, 's', grantee, fake.job(**kwargs),
                               self.manila.patience)

    def remove(self, which, protected=True):
        left = leftovers.Leftovers(self.client, 's', which)
        left.remove_uses(self.manila.patience)
        if protected:
            left.remove_protection(self.manila.patience)


class TestMarks(testtools.TestCase):

    def test_which(self):
        first, second = fake.job(1), fake.job(2)
        other = base.Job('1' + second.operation_id[1:], 'a-backup', 1)
        marked = [ownership.of(each) for each in (first, second, other)]
        for which, expected in ((ownership.Mine(second), [False, True, False]),
                                (ownership.UpTo(second), [True, True, False]),
                                (ownership.UpTo(first), [True, False, False]),
                                (ownership.Others(second),
                                 [True, False, True])):
            self.assertEqual(expected, [which(f'x {each} y')
                                        for each in marked])
            for text in (None, '', 'manila-backup', 'manila-backup:x.1'):
                self.assertFalse(which(text))


class TestAccess(TestCase):

    def test_the_least(self):
        self.access()
        self.access(attempt=1)     # no second one
        rule, = self.manila.rules.values()
        self.assertEqual(('ip', '192.0.2.1', 'ro',
                          {ownership.KEY: ownership.of(fake.job())}),
                         (rule['access_type'], rule['access_to'],
                          rule['access_level'], rule['metadata']))
        lock, = self.manila.locks.values()
        self.assertEqual(('access_rule', rule['id'], 'delete'), (
            lock['resource_type'], lock['resource_id'],
            lock['resource_action']))

    def test_to_write(self):
        self.access(read_only=False)
        rule, = self.manila.rules.values()
        self.assertEqual('rw', rule['access_level'])

    def test_a_key_is_not_for_others_to_see(self):
        self.access(CEPH)
        self.assertEqual({'delete', 'show'}, {
            each['resource_action'] for each in self.manila.locks.values()})

    def test_somebody_elses_is_used_and_left_alone(self):
        for level, read_only in (('ro', True), ('rw', True), ('rw', False)):
            self.manila.rules.clear()
            self.manila.add_rule(access_level=level)
            self.access(read_only=read_only)
            self.assertEqual([], self.manila.changes())

    def test_somebody_elses_that_will_not_do(self):
        self.manila.add_rule()
        error = self.assertRaises(base.ShareError, self.access,
                                  read_only=False)
        self.assertFalse(error.retryable)
        self.assertIn('is read-only', str(error))

    def test_somebody_elses_that_goes(self):
        self.manila.add_rule(state='denying')
        error = self.assertRaises(base.ShareError, self.access)
        self.assertTrue(error.retryable)

    def test_in_error(self):
        self.manila.rule_state = 'error'
        error = self.assertRaises(base.ShareError, self.access)
        self.assertTrue(error.retryable)
        self.assertIn('could not apply the access rule', str(error))

    def test_never_active(self):
        self.manila.rule_state = 'applying'
        error = self.assertRaises(base.ShareError, self.access)
        self.assertIn('longer than 1 s', str(error))

    def test_it_was_there_when_the_answer_was_lost(self):
        self.manila.answers['POST', '/v2/shares/s/action'] = [(400, {})]
        rules = iter([[], [self.manila.add_rule(
            metadata={ownership.KEY: ownership.of(fake.job())})]])
        real = self.client.rules
        self.client.rules = lambda id_: next(rules, None) or real(id_)
        self.access()
        self.assertEqual(1, len(self.manila.rules))


class TestProtection(TestCase):

    def test_lock_and_metadata(self):
        protection.begin(self.client, self.share, fake.job())
        protection.begin(self.client, self.share, fake.job())
        lock, = self.manila.locks.values()
        said = ('backup_creating: share backup a-backup '
                f'({ownership.of(fake.job())})')
        self.assertEqual(('share', 's', 'delete', said), (
            lock['resource_type'], lock['resource_id'],
            lock['resource_action'], lock['lock_reason']))
        self.assertEqual({ownership.KEY: said}, self.share['metadata'])
        self.remove(ownership.UpTo(fake.job()))
        self.assertEqual(({}, {}), (self.manila.locks,
                                    self.share['metadata']))

    def test_others_stay(self):
        self.client.lock('share', 's', 'delete', 'mine!')
        self.client.set_metadata('s', mine='too')
        self.manila.add_rule()
        before = len(self.manila.changes())
        self.remove(ownership.UpTo(fake.job()))
        self.assertEqual(before, len(self.manila.changes()))


class TestOlderManila(TestCase):

    version = '2.45'

    def test_metadata_says_so(self):
        protection.begin(self.client, self.share, fake.job(read_only=False))
        self.access()
        self.assertEqual({}, self.manila.locks)
        self.assertIn('backup_restoring',
                      self.share['metadata'][ownership.KEY])
        self.remove(ownership.UpTo(fake.job()))
        self.assertEqual(({}, {}), (self.manila.rules,
                                    self.share['metadata']))


class TestSnapshots(TestCase):

    def take(self, attempt=1):
        return snapshots.take(self.client, self.share, US, fake.job(attempt),
                              self.manila.patience)

    def test_once(self):
        for _ in range(2):
            self.assertEqual([{'path': 'h:/snapshot'}], self.take().exports)
        snapshot, = self.manila.snapshots.values()
        self.assertEqual(ownership.of(fake.job()), snapshot['name'])

    def test_not_allowed(self):
        for name in ('mount_snapshot_support', 'snapshot_support'):
            self.share[name] = False
            error = self.assertRaises(snapshots.Impossible, self.take)
            self.assertIsNone(error.reason)
        self.assertEqual([], self.manila.changes())

    def test_refused(self):
        self.manila.answers['POST', '/v2/snapshots'] = [(413, {})]
        error = self.assertRaises(snapshots.Impossible, self.take)
        self.assertIn('Not today (HTTP 413)', error.reason)

    def test_earlier_attempts_go(self):
        self.take(1)
        self.take(2)
        self.remove(ownership.Others(fake.job(2)))
        snapshot, = self.manila.snapshots.values()
        self.assertEqual(ownership.of(fake.job(2)), snapshot['name'])
        self.remove(ownership.UpTo(fake.job(2)))
        self.assertEqual({}, self.manila.snapshots)

    def test_one_that_can_not_be_deleted(self):
        self.take()
        snapshot, = self.manila.snapshots.values()
        snapshot['status'] = 'error_deleting'
        error = self.assertRaises(base.ShareError, self.remove,
                                  ownership.UpTo(fake.job()))
        self.assertIn('could not delete it', str(error))
        # Not more than once.
        self.assertEqual(1, sum('action' in path for _, path
                                in self.manila.changes()) - 1)


class TestGone(TestCase):

    def test_nothing_is_left_of_a_share_that_is_gone(self):
        protection.begin(self.client, self.share, fake.job())
        self.manila.shares.clear()
        self.remove(ownership.UpTo(fake.job()))
        self.assertEqual({}, self.manila.locks)

    def test_what_is_stuck_is_not_in_the_way(self):
        self.manila.snapshots['x'] = {
            'id': 'x', 'share_id': 's', 'status': 'error_deleting',
            'name': ownership.of(fake.job())}
        self.access(attempt=2)
        self.manila.rules.clear()
        left = leftovers.Leftovers(self.client, 's',
                                   ownership.Others(fake.job(3)))
        for _ in range(3):
            left.begin_removal(self.manila.patience)
        self.access(attempt=2)
        left.remove_rules(self.manila.patience)
        self.assertEqual({}, self.manila.rules)
