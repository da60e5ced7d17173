# SPDX-License-Identifier: Apache-2.0
"""Operations on shares whose directories are not what they were, or never
became a share's."""

import os
import types
from unittest import mock

from manila_backup.db import models
from manila_backup.db import places
from manila_backup.db import rows
from manila_backup.drivers import progress
from manila_backup.engine import attempt
from manila_backup import exception
from manila_backup import states
from manila_backup.telemetry import metrics
from tests.unit import base
from tests.unit import repository

_Share = states.Share


class TestCase(repository.TestCase):

    def worker(self):
        return types.SimpleNamespace(
            identity='w', metrics=metrics.Worker(1),
            notifier=mock.Mock(), caller=mock.Mock(), **vars(self.tools))

    def run_next(self):
        """Do what is in the queue, in this process; its row."""
        claimed = attempt.Attempt.claim(self.worker(), self.operation().id)
        with mock.patch.object(
                claimed, '_run_child',
                lambda function, args: function(*args, progress.Progress())):
            claimed.run()
        return self.operation()

    def adopt(self, path=None):
        path = path or os.path.join(self.root, 'above', 'data')
        os.makedirs(path, exist_ok=True)
        with open(os.path.join(path, 'file'), 'w') as file:
            file.write('kept')
        row = self.admission.shares.manage(
            base.MEMBER, {'size': 1, 'share_proto': 'NFS', 'path': path})
        self.run_next()
        return self.get_share(row.id)

    def noted(self):
        return self.database.read(places.identity, places.ROOT)


class Noted(TestCase):

    def test_when_it_is_made(self):
        row = self.admission.shares.create(
            base.MEMBER, {'size': 1, 'share_proto': 'NFS'})
        self.run_next()
        share = self.get_share(row.id)
        self.assertEqual(_Share.AVAILABLE, share.status)
        self.assertEqual({'system', 'inode'}, set(share.identity))
        self.assertEqual(share.identity['system'], self.noted()['system'])

    def test_when_it_is_adopted(self):
        share = self.adopt()
        self.assertEqual(_Share.AVAILABLE, share.status)
        self.assertEqual({'system', 'inode'}, set(share.identity))
        self.assertIsNone(self.noted())

    def test_when_it_is_used_first(self):
        share = self.make_share()
        self.assertIsNone(share.identity)
        self.admission.backups.create(base.MEMBER, share.id)
        with self.assertLogs('manila_backup', 'WARNING') as logs:
            self.assertEqual('done', self.run_next().status)
        self.assertIn('no identity of its directory', ''.join(logs.output))
        self.assertIsNotNone(self.get_share(share.id).identity)
        self.assertIsNotNone(self.noted())

    def test_not_once_it_is_noted(self):
        share = self.adopt()
        self.admission.backups.create(base.MEMBER, share.id)
        with self.assertNoLogs('manila_backup', 'WARNING'):
            self.assertEqual('done', self.run_next().status)

    def test_anew_if_an_operator_trusts_it(self):
        share = self.adopt()
        os.rename(share.path, share.path + '2')
        os.mkdir(share.path)
        self.assertEqual(1, self.database.write(places.forget_share,
                                                share.id))
        self.assertEqual(0, self.database.write(places.forget_share, 'x'))
        self.assertEqual(1, self.database.write(places.forget_share))
        self.admission.backups.create(base.MEMBER, share.id)
        self.assertEqual('done', self.run_next().status)
        self.assertNotEqual(share.identity,
                            self.get_share(share.id).identity)

    def test_what_holds_them_only_once(self):
        write, note = self.database.write, places.note
        self.assertEqual({'a': 'b'}, write(note, places.ROOT, {'a': 'b'}))
        self.assertEqual({'a': 'b'}, write(note, places.ROOT, {'c': 'd'}))
        self.assertTrue(write(places.forget, places.ROOT))
        self.assertFalse(write(places.forget, places.ROOT))

    def test_what_holds_them_not_while_that_is_empty(self):
        share = self.make_share()
        os.rename(self.tools.source.path, self.tools.source.path + '2')
        os.mkdir(self.tools.source.path)
        self.conf.set_override('max_attempts', 1, 'backup')
        self.admission.backups.create(base.MEMBER, share.id)
        self.assertIn('probably not mounted', self.run_next().error)
        self.assertIsNone(self.noted())


class Elsewhere(TestCase):
    """A share's directory is another one by now."""

    def setUp(self):
        super().setUp()
        self.share_row = self.adopt()
        self.path = self.share_row.path
        self.conf.set_override('max_attempts', 1, 'backup')

    def swap(self):
        os.rename(self.path, self.path + '2')
        os.mkdir(self.path)
        with open(os.path.join(self.path, 'secret'), 'w'):
            pass

    def status(self):
        return self.get_share(self.share_row.id).status

    def test_backup(self):
        self.swap()
        row = self.admission.backups.create(base.MEMBER, self.share_row.id)
        self.assertEqual('failed', self.run_next().status)
        self.assertEqual(_Share.AVAILABLE, self.status())
        backup = self.get_backup(row.id)
        self.assertEqual('error', backup.status)
        self.assertIn('another directory', backup.fail_reason)
        self.assertEqual([], self.names(self.place(row)))

    def test_restore_leaves_all_as_it_was(self):
        row = self.make_backup(self.share_row)
        self.swap()
        for gone in False, True:
            if gone:
                os.rename(self.path, self.path + '3')
            self.admission.backups.restore(base.MEMBER, row.id)
            operation = self.run_next()
            self.assertEqual(('failed', 1), (operation.status,
                                             operation.attempt))
            self.assertEqual(_Share.AVAILABLE, self.status())
            backup = self.get_backup(row.id)
            self.assertEqual('available', backup.status)
            self.assertIsNotNone(backup.fail_reason)
        self.assertEqual(['secret'], os.listdir(self.path + '3'))

    def test_restore_that_was_begun_before(self):
        row = self.make_backup(self.share_row)
        self.admission.backups.restore(base.MEMBER, row.id)
        self.claim('w0', -1)
        self.swap()
        self.assertEqual('failed', self.run_next().status)
        self.assertEqual(_Share.BACKUP_RESTORING_ERROR, self.status())

    def test_snapshot(self):
        self.make_share()
        self.swap()
        row = self.admission.snapshots.create(base.MEMBER, self.share_row.id)
        self.assertEqual('failed', self.run_next().status)
        self.assertEqual('error', self.database.read(
            rows.get, models.snapshots, row.id).status)

    def test_delete(self):
        self.swap()
        self.admission.shares.delete(base.MEMBER, self.share_row.id)
        self.assertEqual('failed', self.run_next().status)
        self.assertEqual(_Share.ERROR_DELETING, self.status())
        self.assertEqual(['secret'], os.listdir(self.path))


class NeverAdopted(TestCase):

    def test_is_not_emptied(self):
        path = os.path.join(self.root, 'above', 'data')
        os.makedirs(path)
        os.chmod(os.path.dirname(path), 0o777)
        for force in False, True:
            share = self.adopt(path)
            self.assertEqual(_Share.MANAGE_ERROR, share.status)
            self.admission.shares.delete(base.ADMIN, share.id, force)
            self.assertEqual('done', self.run_next().status)
            self.assertIsNone(self.get_share(share.id))
            self.assertEqual(['file'], os.listdir(path))

    def test_is_told_at_once_where_it_may_not_be(self):
        values = {'size': 1, 'share_proto': 'NFS'}
        for allowed, path in (([], '/srv/a'), (['/srv/a'], '/srv/a'),
                              (['/srv/a/'], '/srv/ab/c')):
            self.conf.set_override('adopt_below', allowed, 'local_shares')
            error = self.assertRaises(
                exception.InvalidInput, self.admission.shares.manage,
                base.ADMIN, dict(values, path=path))
            self.assertIn('adopt_below', str(error))
        self.conf.set_override('adopt_below', ['/srv/a/'], 'local_shares')
        self.admission.shares.manage(base.ADMIN, dict(values, path='/srv/a/b'))


class Snapshots(TestCase):

    def snapshot(self, share):
        return self.admission.snapshots.create(base.MEMBER, share.id)

    def left(self):
        return list(self.tools.source.snapshots())

    def test_progress_and_what_was_not_kept(self):
        share = self.make_share()
        row = self.snapshot(share)
        create = self.tools.source._snapshots.create

        def told(*args):
            report = create(*args)
            return type(report)(report.files, report.bytes, 0,
                                ('"f" is not there.',), 1)

        with mock.patch.object(self.tools.source._snapshots, 'create', told):
            operation = self.run_next()
        self.assertEqual(('done', '"f" is not there.'),
                         (operation.status, operation.error))
        self.assertEqual([(share.id, row.id, False)], self.left())

    def test_called_off(self):
        share = self.make_share()
        row = self.snapshot(share)
        made = self.operation()
        claimed = attempt.Attempt.claim(self.worker(), made.id)
        os.makedirs(self.tools.source.snapshot_directory(share, row.id)
                    + '.1/data')
        self.admission.snapshots.reset_status(base.ADMIN, row.id, 'error')
        self.assertEqual(('cancelled', made.id), self.bus.calls[-1])
        self.assertEqual('cancelling', self.operation(made.id).status)
        # What is left of it goes first.
        self.assertRaises(exception.Conflict, self.admission.snapshots.delete,
                          base.MEMBER, row.id)
        with mock.patch.object(claimed, '_work',
                               side_effect=attempt.CalledOff()):
            claimed.run()
        self.assertEqual('cancelled', self.operation(made.id).status)
        self.assertEqual([], self.left())
        self.admission.snapshots.delete(base.MEMBER, row.id)
        self.assertEqual('done', self.run_next().status)
