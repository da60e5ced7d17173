# SPDX-License-Identifier: Apache-2.0

import os
import shutil

from manila_backup.db import models
from manila_backup.drivers import base as drivers
from manila_backup.drivers.posix import driver as posix
from manila_backup.maintenance import inspection
from manila_backup import states
from tests.unit import base
from tests.unit import repository


class Meanwhile(posix.PosixDriver):
    """Something happens while a backup is verified."""

    then = None

    def verify(self, place, progress):
        self.then()
        return super().verify(place, progress)


class Audits(repository.TestCase):

    def setUp(self):
        super().setUp()
        self.audit = inspection.Inspection(self.database, self.tools.drivers)

    def data(self, row, *path):
        return os.path.join(self.folder(self.place(row)), row.id, 'data',
                            *path)

    def damage(self, row, content=b'C'):
        path = self.data(row, 'd', 'f')
        mtime = os.stat(path).st_mtime_ns
        with open(path, 'r+b') as file:
            file.write(content)
        os.utime(path, ns=(mtime, mtime))

    def verify(self, targets, **kwargs):
        """Dict of id to (result, marked)."""
        return {found.backup_id: (found.result, found.marked)
                for found in (each if isinstance(each, inspection.Verdict)
                              else self.audit.verify(each, **kwargs)
                              for each in targets)}

    def test_sound(self):
        rows = [self.make_backup() for _ in range(2)]
        self.assertEqual({row.id: ('sound', False) for row in rows},
                         self.verify(self.audit.all()))
        found = self.get_backup(rows[0].id)
        self.assertEqual(('complete', 'sound'),
                         (found.result, found.verified_result))
        self.assertIsNotNone(found.verified_at)

    def found(self, row):
        found = self.get_backup(row.id)
        return found.status, found.result, found.verified_result

    def test_sound_again(self):
        rows = [self.make_backup() for _ in range(4)]
        self.set_backup(rows[1].id, result='incomplete', warning_count=3,
                        missing_count=1)
        # Of an earlier release, which did not count; and one that failed.
        unknown = dict.fromkeys(('result', 'warning_count', 'missing_count'))
        self.set_backup(rows[2].id, **unknown)
        self.set_backup(rows[3].id, **unknown, status='error', progress=20)
        for row in rows:
            self.damage(row)
        self.verify(self.audit.all())
        self.assertEqual(
            [*[('error', 'damaged', 'damaged')] * 3, ('error', None, None)],
            [self.found(row) for row in rows])
        self.assertEqual('damaged', self.get_backup(rows[0].id).status_code)
        for row in rows:
            self.damage(row, b'c')
        self.verify(self.audit.all())
        self.assertEqual(
            [('error', 'complete', 'sound'), ('error', 'incomplete', 'sound'),
             ('error', None, 'sound'), ('error', None, None)],
            [self.found(row) for row in rows])

    def test_damaged(self):
        row, other = self.make_backup(), self.make_backup()
        self.damage(row)
        self.assertEqual({row.id: ('damaged', True),
                          other.id: ('sound', False)},
                         self.verify(self.audit.named([row.id, other.id])))
        found = self.get_backup(row.id)
        self.assertEqual('error', found.status)
        self.assertIn('"d/f"', found.fail_reason)
        self.assertEqual('available', self.get_backup(other.id).status)
        # A second time, it says so again.
        self.assertEqual(('damaged', True), self.verify(
            self.audit.all())[row.id])

    def test_damaged_but_only_looked_at(self):
        row = self.make_backup()
        self.damage(row)
        self.assertEqual({row.id: ('damaged', False)},
                         self.verify(self.audit.all(), mark=False))
        self.assertEqual(('available', 'complete', None), self.found(row))

    def test_a_tree_that_is_gone_is_damage(self):
        row = self.make_backup()
        shutil.rmtree(os.path.join(self.folder(self.place(row)), row.id))
        self.assertEqual({row.id: ('damaged', True)},
                         self.verify(self.audit.all()))
        # One in error is not expected to be there.
        self.assertEqual({}, self.verify(self.audit.all()))

    def test_a_repository_that_is_gone_is_no_damage(self):
        row = self.make_backup()
        targets = list(self.audit.all())
        os.rename(self.driver.path, self.driver.path + '.away')
        self.assertEqual({row.id: ('failed', False)}, self.verify(targets))
        self.assertEqual('available', self.get_backup(row.id).status)
        os.mkdir(self.driver.path)
        self.assertEqual({row.id: ('failed', False)}, self.verify(targets))
        self.assertEqual('available', self.get_backup(row.id).status)

    def test_a_driver_that_is_not_enabled_is_no_damage(self):
        row = self.make_backup()
        self.set_backup(row.id, backup_type='other')
        self.assertEqual({row.id: ('failed', False)},
                         self.verify(self.audit.all()))

    def test_being_restored(self):
        row = self.make_backup()
        self.damage(row)
        self.admission.backups.restore(base.MEMBER, row.id)
        self.assertEqual({row.id: ('damaged', False)},
                         self.verify(self.audit.all()))
        self.assertEqual('restoring', self.get_backup(row.id).status)

    def test_deleted_while_it_is_read(self):
        row = self.make_backup()
        self.driver = Meanwhile(self.driver.path, 1)
        self.tools.drivers['posix'] = self.driver

        def then():
            self.admission.backups.delete(base.MEMBER, row.id)
            self.damage(row)

        self.driver.then = then
        self.assertEqual({row.id: ('gone', False)},
                         self.verify(self.audit.all()))
        self.assertEqual('deleting', self.get_backup(row.id).status)

    def test_gone_while_it_is_read(self):
        row = self.make_backup()
        self.driver = Meanwhile(self.driver.path, 1)
        self.tools.drivers['posix'] = self.driver

        def then():
            self.damage(row)
            self.database.write(lambda conn: conn.execute(
                models.share_backups.delete()))

        self.driver.then = then
        self.assertEqual({row.id: ('gone', False)},
                         self.verify(self.audit.named([row.id])))

    def test_what_is_not_finished_is_not_verified(self):
        kind = self.begin_backup()
        self.assertEqual([], list(self.audit.all()))
        # Nor in the moment when it is published and not yet said to be.
        kind.publish()
        self.assertEqual([], list(self.audit.all()))

    def test_what_the_database_does_not_know(self):
        row = self.make_backup()
        self.forget()
        self.assertEqual({row.id: ('sound', False)},
                         self.verify(self.audit.all()))
        self.damage(row)
        for targets in self.audit.all(), self.audit.named([row.id]):
            self.assertEqual({row.id: ('damaged', False)},
                             self.verify(targets))

    def test_which(self):
        row = self.make_backup()
        self.assertEqual(1, len(list(self.audit.all('p1'))))
        self.assertEqual([], list(self.audit.all('p2')))
        self.assertEqual({'nothing': ('gone', False)},
                         self.verify(self.audit.named(['nothing'])))
        self.forget()
        self.assertEqual(1, len(list(self.audit.all('p1'))))
        self.assertEqual([], list(self.audit.all('p2')))
        self.assertEqual(
            [inspection.Target('posix', self.place(row), None)],
            list(self.audit.named([row.id])))

    def test_a_long_reason_is_cut(self):
        said = inspection.reason_of(
            [f'"{n}" is missing.' for n in range(1000)])
        self.assertLess(len(said), 1000)
        self.assertIn('980 more', said)

    def test_list(self):
        row = self.make_backup()
        found, = self.audit.list()
        self.assertEqual(
            (row.id, 'p1', 'posix', True, 'available', 2, 7, None),
            tuple(found[name] for name in (
                'backup_id', 'project_id', 'driver', 'known', 'status',
                'files', 'bytes', 'problem')))
        self.assertGreater(found['unique_bytes'], 0)
        self.forget()
        os.unlink(os.path.join(self.folder(self.place(row)), row.id,
                               'manifest'))
        found, = self.audit.list()
        self.assertEqual((False, None), (found['known'], found['status']))
        self.assertIn('manifest', found['problem'])

    def test_two_drivers_with_one_repository(self):
        row = self.make_backup()
        self.tools.drivers['again'] = self.driver
        self.assertEqual([('posix', self.place(row))],
                         list(self.audit.published()))

    def test_only_what_is_available_is_marked(self):
        row = self.make_backup()
        target, = self.audit.all()
        for status in states.Backup:
            self.set_backup(row.id, status=status, fail_reason=None)
            self.database.write(self.audit._conclude, target, 'damaged',
                                ['bad'], True)
            self.assertEqual(
                'error' if status == states.Backup.AVAILABLE else status,
                self.get_backup(row.id).status)
        self.assertIsInstance(target.place, drivers.BackupReference)
