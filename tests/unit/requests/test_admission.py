# SPDX-License-Identifier: Apache-2.0

import concurrent.futures
import threading
import types
from unittest import mock

from manila_backup.db import models
from manila_backup.db import operations as db_operations
from manila_backup.db import rows
from manila_backup.db import shares as db_shares
from manila_backup.db import usage
from manila_backup.engine import capabilities
from manila_backup.engine import tasks
from manila_backup import exception
from manila_backup.requests import restores
from manila_backup import states
from tests import statuses
from tests.unit import base

_Share = states.Share
_Backup = states.Backup


class CreateBackup(base.TestCase):

    def test_writes_backup_share_and_operation(self):
        share = self.share(size=3)
        backup = self.admission.backups.create(
            base.MEMBER, share.id, 'name', 'text', {'speed': 'fast'})
        self.assertEqual(
            ('creating', 3, 'p1', 'name', 'text', 'first', 0),
            (backup.status, backup.size, backup.project_id, backup.name,
             backup.description, backup.backup_type, backup.progress))
        self.assertEqual('backup_creating', self.get_share(share.id).status)
        operation = self.operation()
        self.assertEqual(
            ('create', 'queued', backup.id, share.id, 'first',
             {'speed': 'fast'}),
            (operation.kind, operation.status, operation.backup_id,
             operation.share_id, operation.driver, operation.options))

    def test_a_wish_keeps_workers_away_that_could_not_heed_it(self):
        share = self.share(path='/srv/a', context_=base.ADMIN,
                           include_mounts=True)
        backup = self.admission.backups.create(
            base.ADMIN, share.id, options={'speed': 'fast'})
        self.assertEqual({'speed': 'fast', 'include_mounts': True},
                         self.operation().options)
        known = capabilities.Capabilities(dict.fromkeys(
            ('first', 'second'), types.SimpleNamespace(OPTIONS={'speed'})))
        self.assertTrue(known.can_do(self.operation()))
        kind = tasks.TASKS[states.Kind.BACKUP_CREATE](
            mock.MagicMock(), self.operation(), self.get_share(share.id),
            backup)
        self.assertTrue(kind.ref.include_mounts)
        self.assertEqual({'speed': 'fast'}, kind.work()[1][5])

    def test_every_other_status_of_the_share(self):
        for status in _Share:
            if status == _Share.AVAILABLE:
                continue
            share = self.share(status)
            error = (exception.Conflict if status in states.SHARE_CHANGING
                     else exception.InvalidState)
            self.assertRaises(error, self.admission.backups.create,
                              base.MEMBER, share.id)
            self.assertEqual(status, self.get_share(share.id).status)
        self.assertEqual(0, self.database.read(rows.count,
                                               models.share_backups))

    def test_share_of_another_project(self):
        share = self.share()
        self.assertRaises(exception.InvalidInput,
                          self.admission.backups.create, base.STRANGER,
                          share.id)
        backup = self.admission.backups.create(base.ADMIN, share.id)
        self.assertEqual('p1', backup.project_id)

    def test_share_with_snapshots(self):
        share = self.share()
        self.database.write(
            rows.insert, models.snapshots, id='s', project_id='p1',
            share_id=share.id, size=1, share_proto='NFS',
            status='available')
        self.assertRaises(exception.InvalidState,
                          self.admission.backups.create, base.MEMBER,
                          share.id)
        self.assertEqual('available', self.get_share(share.id).status)

    def test_options(self):
        share = self.share()
        for options, text in (
                ({'backup_type': 'third'}, 'first, second'),
                ({'colour': 'red'}, 'backup_type, speed'),
                ({'speed': 'none'}, 'speed')):
            error = self.assertRaises(
                exception.InvalidInput, self.admission.backups.create,
                base.MEMBER, share.id, options=options)
            self.assertIn(text, str(error))
        for options in (None, {}, {'backup_type': 'second'}):
            backup = self.admission.backups.create(
                base.MEMBER, share.id, options=options)
            self.assertEqual('second' if options else 'first',
                             backup.backup_type)
            share = self.share()

    def test_quotas(self):
        for name, limit in (('backups', 2), ('backup_gigabytes', 5)):
            with self.subTest(name):
                self.conf.set_override(name, limit, 'quota')
                for _ in range(2):
                    self.admission.backups.create(base.MEMBER,
                                                  self.share(size=2).id)
                share = self.share(size=2)
                error = self.assertRaises(
                    exception.QuotaExceeded, self.admission.backups.create,
                    base.MEMBER, share.id)
                self.assertIn(name, str(error))
                self.assertEqual('available',
                                 self.get_share(share.id).status)
                self.conf.clear_override(name, 'quota')
                self._forget_backups()

    def test_a_projects_own_quota_goes_before_the_default(self):
        self.database.write(rows.insert, models.quotas, project_id='p1',
                            resource='backups', hard_limit=0)
        self.assertRaises(exception.QuotaExceeded,
                          self.admission.backups.create, base.MEMBER,
                          self.share().id)

    def _forget_backups(self):
        self.database.write(lambda conn: conn.execute(
            models.share_backups.delete()))

    def test_racing_requests_on_a_share_and_on_a_quota(self):
        self.conf.set_override('backups', 3, 'quota')
        shares = [self.share().id for _ in range(5)]
        barrier = threading.Barrier(10)

        def create(share_id):
            barrier.wait()
            try:
                return self.admission.backups.create(base.MEMBER,
                                                     share_id).share_id
            except exception.ManilaBackupError as exc:
                return type(exc)

        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            found = list(pool.map(create, shares * 2))
        admitted = [each for each in found if isinstance(each, str)]
        self.assertEqual(3, len(admitted), found)
        self.assertEqual(3, len(set(admitted)))
        self.assertEqual((3, 3), self.database.read(
            usage.of_table, models.share_backups, 'p1'))

    def test_a_share_that_is_extended_just_then(self):
        self.conf.set_override('backup_gigabytes', 4, 'quota')
        share = self.share(size=1)
        self.admission.shares.extend(base.MEMBER, share.id, 5)
        # It had been read before that was committed.
        with read_first(share):
            self.assertRaises(exception.QuotaExceeded,
                              self.admission.backups.create, base.MEMBER,
                              share.id)
        self.conf.set_override('backup_gigabytes', 5, 'quota')
        with read_first(share):
            self.assertEqual(5, self.admission.backups.create(
                base.MEMBER, share.id).size)


def read_first(share):
    """Have a share be found the first time as it was before."""
    get = db_shares.get
    found = [share]

    def stale(conn, share_id, *args):
        return found.pop() if found else get(conn, share_id, *args)

    return mock.patch.object(db_shares, 'get', stale)


class WithBackup(base.TestCase):

    def setUp(self):
        super().setUp()
        self.row = self.share()
        self.backup = self.admission.backups.create(base.MEMBER, self.row.id)
        self.set(_Backup.AVAILABLE)

    def set(self, status, share=_Share.AVAILABLE):
        self.finish_all()
        self.database.write(statuses.put, models.share_backups,
                            self.backup.id, {'status': status})
        self.database.write(statuses.put, models.shares, self.row.id,
                            {'status': share})

    def statuses(self):
        return (self.get_backup(self.backup.id).status,
                self.get_share(self.row.id).status)


class DeleteBackup(WithBackup):

    def test_by_status(self):
        for status in _Backup:
            self.set(status)
            if status in (_Backup.AVAILABLE, _Backup.ERROR,
                          _Backup.ERROR_DELETING):
                self.admission.backups.delete(base.MEMBER, self.backup.id)
                self.assertEqual(('deleting', 'available'), self.statuses())
                self.assertEqual('delete', self.operation().kind)
            else:
                self.assertRaises(exception.InvalidState,
                                  self.admission.backups.delete, base.MEMBER,
                                  self.backup.id)
                self.assertEqual(status, self.statuses()[0])

    def test_another_projects(self):
        self.assertRaises(exception.NotFound, self.admission.backups.delete,
                          base.STRANGER, self.backup.id)


class RestoreBackup(WithBackup):

    def test_by_status_of_the_backup(self):
        for status in _Backup:
            self.set(status)
            if status == _Backup.AVAILABLE:
                found = self.admission.backups.restore(base.MEMBER,
                                                       self.backup.id)
                self.assertEqual(self.row.id, found[1])
                self.assertEqual(('restoring', 'backup_restoring'),
                                 self.statuses())
            else:
                self.assertRaises(exception.InvalidState,
                                  self.admission.backups.restore,
                                  base.MEMBER, self.backup.id)
                self.assertEqual((status, 'available'), self.statuses())

    def test_by_status_of_the_share(self):
        for status in _Share:
            if status in (_Share.AVAILABLE, _Share.BACKUP_RESTORING_ERROR):
                continue
            self.set(_Backup.AVAILABLE, status)
            error = (exception.Conflict if status in states.SHARE_CHANGING
                     else exception.InvalidState)
            self.assertRaises(error, self.admission.backups.restore,
                              base.MEMBER, self.backup.id)
            self.assertEqual(('available', status), self.statuses())

    def test_where_a_restore_failed(self):
        other = self.share(_Share.BACKUP_RESTORING_ERROR)
        self.set(_Backup.AVAILABLE, _Share.BACKUP_RESTORING_ERROR)
        for target in other.id, None:
            self.admission.backups.restore(base.MEMBER, self.backup.id, target)
            self.assertEqual('backup_restoring',
                             self.get_share(target or self.row.id).status)
            # Called off before any worker has it, it is what it was.
            self.admission.backups.reset_status(base.ADMIN, self.backup.id,
                                                'available')
            self.assertEqual('backup_restoring_error',
                             self.get_share(target or self.row.id).status)

    def test_to_another_share(self):
        other = self.share()
        self.admission.backups.restore(base.MEMBER, self.backup.id, other.id)
        self.assertEqual(('restoring', 'available'), self.statuses())
        self.assertEqual('backup_restoring',
                         self.get_share(other.id).status)

    def test_of_paths(self):
        # It may be smaller than all of the backup.
        self.database.write(rows.update, models.share_backups,
                            self.backup.id, {'size': 2})
        _, share_id, operation_id = self.admission.backups.restore(
            base.MEMBER, self.backup.id, paths=restores.Paths(
                ['db'], 'new', 'skip'))
        self.assertEqual(self.row.id, share_id)
        self.assertEqual(('restoring', 'backup_restoring'), self.statuses())
        operation = self.operation(operation_id)
        self.assertEqual(
            {'source_share_id': self.row.id, 'paths': ['db'],
             'target_path': 'new', 'conflict': 'skip'}, operation.options)
        known = capabilities.Capabilities({'first': base.Driver()})
        self.assertTrue(known.can_do(operation))

    def test_to_a_new_share(self):
        values = {'size': 1, 'share_proto': 'NFS'}
        share = self.admission.shares.create(base.MEMBER, values,
                                             self.backup.id)
        self.assertEqual(('restoring', 'available'), self.statuses())
        operation = self.operation()
        self.assertEqual(('restore', share.id, True), (
            operation.kind, operation.share_id,
            operation.options['makes_share']))
        # Called off before any worker has it, there is none.
        self.admission.backups.reset_status(base.ADMIN, self.backup.id,
                                            'available')
        self.assertEqual('error', self.get_share(share.id).status)
        for context_, size in ((base.STRANGER, 1), (base.MEMBER, 1)):
            if context_ is base.MEMBER:
                self.database.write(rows.update, models.share_backups,
                                    self.backup.id, {'size': 2})
            self.assertRaises(
                exception.InvalidInput, self.admission.shares.create,
                context_, dict(values, size=size), self.backup.id)
        self.assertEqual(('available', 'available'), self.statuses())

    def test_of_paths_to_where_they_can_not_be(self):
        for target in ('.', 'lost+found', 'lost+found/x',
                       '.manila-backup-1', '%2Emanila-backup-1/x'):
            self.assertRaises(
                exception.InvalidInput, self.admission.backups.restore,
                base.MEMBER, self.backup.id,
                paths=restores.Paths(['db'], target))
        with mock.patch.object(base.Driver, 'RESTORES_PATHS', False):
            self.assertRaises(
                exception.InvalidInput, self.admission.backups.restore,
                base.MEMBER, self.backup.id, paths=restores.Paths(['db']))
        self.assertEqual(('available', 'available'), self.statuses())

    def test_to_a_share_that_is_too_small_or_not_ours(self):
        self.database.write(rows.update, models.share_backups,
                            self.backup.id, {'size': 2})
        for other in (self.share(), self.share(context_=base.STRANGER,
                                               size=9)):
            self.assertRaises(exception.InvalidInput,
                              self.admission.backups.restore, base.MEMBER,
                              self.backup.id, other.id)

    def test_to_a_share_that_is_shrunk_just_then(self):
        self.database.write(rows.update, models.share_backups,
                            self.backup.id, {'size': 2})
        other = self.share(size=3)
        self.admission.shares.extend(base.MEMBER, other.id, 1, shrink=True)
        with read_first(other):
            self.assertRaises(exception.InvalidInput,
                              self.admission.backups.restore, base.MEMBER,
                              self.backup.id, other.id)
        self.assertEqual('available', self.get_share(other.id).status)

    def test_to_a_share_that_a_snapshot_is_made_of(self):
        other = self.share()
        self.admission.snapshots.create(base.MEMBER, other.id)
        self.assertRaises(exception.Conflict, self.admission.backups.restore,
                          base.MEMBER, self.backup.id, other.id)
        self.finish_all()
        self.database.write(lambda conn: conn.execute(
            models.snapshots.update().values(status='available')))
        self.admission.backups.restore(base.MEMBER, self.backup.id, other.id)


class ShareSetAvailable(WithBackup):
    """By an administrator, while something is being done to it."""

    def setUp(self):
        super().setUp()
        self.other = self.share()

    def _set_available(self, share):
        self.admission.shares.reset_status(base.ADMIN, share.id, 'available')

    def _assert_nothing_may_begin(self, share):
        for request in (self.admission.backups.create,
                        self.admission.shares.delete,
                        self.admission.shares.unmanage):
            self.assertRaises(exception.Conflict, request, base.MEMBER,
                              share.id)
        self.assertRaises(exception.Conflict, self.admission.backups.restore,
                          base.MEMBER, self.backup.id, share.id)
        self.assertEqual('available', self.get_share(share.id).status)

    def test_while_it_is_made(self):
        share = self.admission.shares.create(
            base.MEMBER, {'size': 1, 'share_proto': 'NFS'})
        self._set_available(share)
        self._assert_nothing_may_begin(share)
        self.finish_all()
        self.admission.shares.unmanage(base.MEMBER, share.id)

    def test_while_it_is_restored_to(self):
        second = self.admission.backups.create(base.MEMBER, self.row.id)
        self.set(_Backup.AVAILABLE)
        self.database.write(statuses.put, models.share_backups, second.id,
                            {'status': 'available'})
        self.admission.backups.restore(base.MEMBER, second.id, self.other.id)
        self._set_available(self.other)
        self._assert_nothing_may_begin(self.other)
        self.assertEqual('restore', self.claim().kind)
        self._assert_nothing_may_begin(self.other)

    def test_before_it_is_removed(self):
        self.admission.shares.delete(base.MEMBER, self.other.id)
        id_ = self.operation().id
        self._set_available(self.other)
        self.assertEqual('cancelled', self.operation(id_).status)
        self.assertIsNone(self.claim())
        self.assertEqual('available', self.get_share(self.other.id).status)
        self.admission.backups.create(base.MEMBER, self.other.id)

    def test_while_it_is_removed(self):
        self.admission.shares.delete(base.MEMBER, self.other.id)
        self.assertEqual('share_delete', self.claim().kind)
        self.assertRaises(exception.Conflict, self._set_available, self.other)
        self.assertEqual('deleting', self.get_share(self.other.id).status)
        self.assertEqual('running', self.operation().status)


class ResetStatus(WithBackup):

    def test_sets_what_is_asked_for(self):
        for status in states.BACKUP_RESET:
            self.admission.backups.reset_status(base.ADMIN, self.backup.id,
                                                str(status))
            self.assertEqual(status, self.statuses()[0])
        self.assertRaises(exception.InvalidInput,
                          self.admission.backups.reset_status, base.ADMIN,
                          self.backup.id, 'error_deleting')

    def test_frees_the_share_of_a_queued_operation_at_once(self):
        self.admission.backups.restore(base.MEMBER, self.backup.id)
        operation = self.operation()
        self.admission.backups.reset_status(base.ADMIN, self.backup.id,
                                            'error')
        self.assertEqual(('error', 'available'), self.statuses())
        self.assertEqual('cancelled', self.operation(operation.id).status)

    def test_one_that_was_handed_over_leaves_leftovers_to_a_worker(self):
        self.admission.backups.restore(base.MEMBER, self.backup.id)
        self.database.write(db_operations.release, self.claim())
        self.admission.backups.reset_status(base.ADMIN, self.backup.id,
                                            'error')
        self.assertEqual(('error', 'backup_restoring'), self.statuses())
        found = self.claim('w2')
        self.assertEqual(('cancelling', 2), (found.status, found.attempt))
        self.assertEqual(('cancelled', found.id), self.bus.calls[-1])

    def test_leaves_the_share_to_the_worker_of_a_running_one(self):
        self.admission.backups.restore(base.MEMBER, self.backup.id)
        running = self.claim()
        self.admission.backups.reset_status(base.ADMIN, self.backup.id,
                                            'error')
        self.assertEqual(('error', 'backup_restoring'), self.statuses())
        self.assertEqual('cancelling', self.operation(running.id).status)
        self.assertEqual(('cancelled', running.id), self.bus.calls[-1])
        # What comes next on the backup waits for that.
        self.admission.backups.delete(base.MEMBER, self.backup.id)
        self.assertIsNone(self.claim())
