# SPDX-License-Identifier: Apache-2.0

import os
import uuid

from manila_backup.db import models
from manila_backup.db import operations as db_operations
from manila_backup.db import rows
from manila_backup.drivers import base as drivers
from manila_backup.drivers.posix import driver as posix
from manila_backup.drivers import progress
from manila_backup.engine import tasks
from manila_backup.maintenance import sweep
from manila_backup import states
from tests.unit import base
from tests.unit import repository


class Here:
    """A turn that nobody else wants."""

    def keep(self):
        pass

    def run(self, function, *args):
        return function(*args, progress.Progress())


HERE = Here()


class Racing(posix.PosixDriver):
    """Something happens once the repository was looked at."""

    then = None

    def contents(self):
        found = list(super().contents())
        if self.then:
            self.then()
        return iter(found)


class Sweeps(repository.TestCase):

    def sweep(self, turn=HERE, **kwargs):
        """Sweep; returns what was done, as a list of (what, done)."""
        return [(each.what, each.done) for each in
                sweep.Sweep(self.tools, turn, **kwargs).run()]

    def cancel(self, kind):
        self.admission.backups.reset_status(base.ADMIN, kind.backup.id,
                                            'error')

    # -- what stays

    def test_nothing_to_do(self):
        backup = self.make_backup()
        self.assertEqual([], self.sweep())
        self.assertEqual([backup.id], self.names(self.place(backup)))

    def test_what_a_live_operation_owns(self):
        kind = self.begin_backup(attempts=3)
        names = self.names(kind.place)
        self.assertEqual(2, len(names))
        self.assertEqual([], self.sweep(unknown=True))
        # Published, and its worker died before it could say so.
        kind.publish()
        self.assertEqual([], self.sweep(unknown=True))
        self.assertIn(kind.backup.id, self.names(kind.place))

    def test_what_waits_to_be_tried_again(self):
        kind = self.begin_backup()
        self.database.write(db_operations.release, kind.operation, 60.0,
                            True, 'why')
        self.assertEqual([], self.sweep())
        self.assertEqual(1, len(self.names(kind.place)))

    def test_what_is_still_being_called_off(self):
        kind = self.begin_backup()
        self.cancel(kind)
        self.assertEqual([], self.sweep())
        self.assertEqual(1, len(self.names(kind.place)))

    def test_what_an_administrator_may_set_back(self):
        backup = self.make_backup()
        for status in ('error', 'creating', 'deleting', 'restoring'):
            self.set_backup(backup.id, status=status)
            self.assertEqual([], self.sweep(unknown=True))
        self.assertEqual([], self.driver.verify(self.place(backup),
                                                progress.Progress()))

    def test_what_another_database_may_know(self):
        backup = self.make_backup()
        place = self.place(backup)
        self.plant(f'.partial.{uuid.uuid4()}.1', place)
        self.forget()
        names = self.names(place)
        for turn in (HERE, None):
            self.assertEqual([('attempt', 'unknown'), ('backup', 'unknown')],
                             self.sweep(turn))
        self.assertEqual(names, self.names(place))
        self.assertEqual([('attempt', 'would be removed'),
                          ('backup', 'would be removed')],
                         self.sweep(None, unknown=True))
        self.assertEqual(names, self.names(place))
        self.assertEqual([('attempt', 'removed'), ('backup', 'removed')],
                         self.sweep(unknown=True))
        self.assertEqual([], self.names(place))

    def test_an_operation_that_begins_while_the_sweep_looks(self):
        # A deletion, of a backup that had seemed to be one that failed.
        self.driver = self.tools.drivers['posix'] = Racing(self.driver.path)
        backup = self.make_backup()
        self.set_backup(backup.id, status=states.Backup.ERROR_DELETING)
        self.driver.then = lambda: self.admission.backups.delete(
            base.MEMBER, backup.id)
        self.assertEqual([], self.sweep())
        self.assertEqual([backup.id], self.names(self.place(backup)))

    def test_a_backup_that_begins_while_the_sweep_looks(self):
        self.driver = self.tools.drivers['posix'] = Racing(self.driver.path)
        done = self.make_backup()
        begun = []
        self.driver.then = lambda: begun.append(self.begin_backup())
        self.assertEqual([], self.sweep(unknown=True))
        self.assertEqual([], self.driver.verify(self.place(done),
                                                progress.Progress()))
        begun[0].publish()

    # -- what goes

    def test_what_finished_operations_left(self):
        for status in (states.Operation.DONE, states.Operation.FAILED):
            kind = self.begin_backup(attempts=12)
            self.finish(kind, status)
            self.assertEqual([('attempt', 'would be removed')] * 2,
                             self.sweep(None))
            self.assertEqual(2, len(self.names(kind.place)))
            self.assertEqual([('attempt', 'removed')] * 2, self.sweep())
            self.assertEqual([], self.names(kind.place))
            self.assertEqual([], self.sweep())

    def test_what_was_called_off(self):
        kind = self.begin_backup()
        self.cancel(kind)
        self.finish(kind, states.Operation.CANCELLED, kind.cancelled)
        self.assertEqual([('attempt', 'removed')], self.sweep())
        self.assertEqual([], self.names(kind.place))

    def test_attempts_beside_a_finished_backup(self):
        backup = self.make_backup()
        place = self.place(backup)
        self.plant(f'.partial.{backup.id}.1', place)
        self.plant(f'.taken.{backup.id}.1', place)
        self.assertEqual([('attempt', 'removed')] * 2, self.sweep())
        self.assertEqual([backup.id], self.names(place))
        self.assertEqual([], self.driver.verify(place, progress.Progress()))

    def test_interrupted_deletions(self):
        backup = self.make_backup()
        place = self.place(backup)
        self.plant(f'.trash.{backup.id}.0123abcd', place)
        self.plant(f'.trash.{uuid.uuid4()}.0123abcd', place)
        self.admission.backups.delete(base.MEMBER, backup.id)
        self.assertEqual([('deletion', 'removed')], self.sweep())
        self.assertEqual([f'.trash.{backup.id}.0123abcd', backup.id],
                         self.names(place))
        self.finish_all()
        self.assertEqual([('deletion', 'removed')], self.sweep())
        self.assertEqual([backup.id], self.names(place))

    def test_a_backup_whose_row_was_deleted(self):
        backup = self.make_backup()
        place = self.place(backup)
        self.admission.backups.delete(base.MEMBER, backup.id)
        kind = tasks.TASKS[states.Kind.BACKUP_DELETE](
            self.tools, self.claim(), None, self.get_backup(backup.id))
        self.finish(kind, states.Operation.DONE, kind.succeeded, None)
        self.assertIsNone(self.get_backup(backup.id))
        self.assertEqual([('backup', 'removed')], self.sweep())
        self.assertEqual([], self.names(place))

    def test_a_backup_whose_deletion_failed(self):
        backup = self.make_backup()
        self.set_backup(backup.id, status=states.Backup.ERROR_DELETING)
        self.assertEqual([('backup', 'removed')], self.sweep())
        self.assertEqual('error_deleting', self.get_backup(backup.id).status)
        self.assertEqual([], self.names(self.place(backup)))

    # -- trouble

    def test_a_repository_that_is_not_there_does_not_hide_the_others(self):
        kind = self.begin_backup()
        self.finish(kind, states.Operation.FAILED)
        self.tools.drivers = {
            'away': posix.PosixDriver(os.path.join(self.root, 'away')),
            'posix': self.driver}
        self.assertEqual([('repository', 'failed'), ('attempt', 'removed')],
                         self.sweep())

    def test_what_can_not_be_removed_does_not_hide_the_rest(self):
        class Stubborn(posix.PosixDriver):
            def discard(self, place, attempt):
                if place == stays.place:
                    raise drivers.DriverError('It will not go.')
                super().discard(place, attempt)

        stays, goes = self.begin_backup(), self.begin_backup()
        self.finish_all()
        self.tools.drivers['posix'] = Stubborn(self.driver.path)
        self.assertEqual([('attempt', 'failed'), ('attempt', 'removed')],
                         sorted(self.sweep()))
        self.assertEqual([], self.names(goes.place))

    # -- snapshots

    def snapshot(self, *names):
        """A snapshot's row, with these directories below .snapshots."""
        share = self.make_share()
        row = self.admission.snapshots.create(base.MEMBER, share.id)
        for name in names:
            os.makedirs(os.path.join(
                self.tools.source.snapshot_directory(share, row.id) + name,
                'd'))
        return row

    def left(self):
        return [each[1:] for each in self.tools.source.snapshots()]

    def test_snapshots(self):
        row = self.snapshot('', '.1', '.2')
        self.assertEqual([], self.sweep(unknown=True))
        self.finish_all()
        self.assertEqual([('snapshot', 'removed')] * 2, self.sweep())
        self.assertEqual([(row.id, False)], self.left())
        self.database.write(rows.delete, models.snapshots, row.id)
        self.assertEqual([('snapshot', 'removed')], self.sweep())
        self.assertEqual([], self.left())

    def test_snapshots_of_another_database(self):
        row = self.snapshot('', '.1')
        self.database.write(rows.delete, models.snapshots, row.id)
        self.forget()
        self.assertEqual([('snapshot', 'unknown')] * 2, self.sweep())
        self.assertEqual(2, len(self.left()))
        self.assertEqual([('snapshot', 'removed')] * 2,
                         self.sweep(unknown=True))
        self.assertEqual([], self.left())

    # -- what backups are copied from

    def test_what_attempts_were_copied_from(self):
        kind = self.begin_backup()
        folder = os.path.join(self.tools.source.path, '.held',
                              kind.backup.share_id)
        os.makedirs(os.path.join(folder, f'{kind.backup.id}.1', 'd'))
        os.makedirs(os.path.join(folder, f'{uuid.uuid4()}.1'))
        self.assertEqual([('source', 'unknown')], self.sweep())
        self.cancel(kind)
        self.finish(kind, states.Operation.CANCELLED, kind.cancelled)
        self.assertEqual(
            [('attempt', 'removed'), ('source', 'removed'),
             ('source', 'unknown')], sorted(self.sweep()))
        self.assertEqual(1, len(list(self.tools.source.held())))
        self.sweep(unknown=True)
        self.assertEqual([], list(self.tools.source.held()))
        self.assertFalse(os.path.exists(os.path.dirname(folder)))
