# SPDX-License-Identifier: Apache-2.0
"""What every driver that keeps trees must do.

A test class derives from :class:`Conformance` and says how to make its
driver and where that keeps a backup's tree.
"""

import datetime
import multiprocessing
import os
import pickle
import random
import shutil
import subprocess
import tempfile
import time
import unittest

from manila_backup.drivers import base
from manila_backup.drivers import progress
from tests.functional.drivers import trees

FORK = multiprocessing.get_context('fork')


def place(number=1):
    return base.Place('project', 'share-1',
                      f'00000000-0000-0000-0000-{number:012}')


class Process:
    """A driver's operation in a process that can be killed."""

    def __init__(self, function, *args):
        self.progress = progress.Progress(context=FORK)
        self._reader, writer = FORK.Pipe(duplex=False)

        def run():
            os.setpgid(0, 0)
            try:
                said = function(*args, self.progress)
            except Exception as exc:
                said = exc
            writer.send(said)

        self._process = FORK.Process(target=run)
        self._process.start()
        writer.close()

    def kill(self):
        """As a worker does: only the operation's own process."""
        self._process.kill()
        self._process.join()

    def signal(self, number):
        """Send a signal to it and to the processes that it forked."""
        os.killpg(self._process.pid, number)

    def result(self):
        """What the operation returned, or :exc:`EOFError`."""
        said = self._reader.recv()
        self._process.join()
        if isinstance(said, Exception):
            raise said
        return said

    @property
    def exitcode(self):
        self._process.join()
        return self._process.exitcode

    def wait_for_files(self, count, seconds=20):
        end = time.monotonic() + seconds
        while (self.progress.read()[0] < count and self._process.is_alive()
               and time.monotonic() < end):
            time.sleep(0.0005)


class Base(unittest.TestCase):
    """Directories for one test, and short forms of the operations."""

    def setUp(self):
        super().setUp()
        umask = os.umask(0o022)
        self.addCleanup(os.umask, umask)
        self.scratch = tempfile.mkdtemp()
        # shutil.rmtree() is recursive, and some trees are deep.
        self.addCleanup(subprocess.run, ['rm', '-rf', self.scratch],
                        check=True)
        self.source = self.make('source')
        self.target = self.make('target')
        self.driver = self.make_driver()
        self.driver.check(create=True)

    def make(self, name):
        path = os.path.join(self.scratch, name)
        os.mkdir(path)
        return path

    def loop(self, size, kind='ext4', make=(), options='rw'):
        """Mount a filesystem of so many bytes; its path."""
        path = tempfile.mkdtemp(dir=self.scratch)
        image = path + '.image'
        with open(image, 'wb') as target:
            target.truncate(size)
        done = subprocess.run(
            [f'mkfs.{kind}', '-q', *make, image], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(0, done.returncode, done.stdout)
        subprocess.run(['mount', '-o', f'loop,{options}', image, path],
                       check=True)
        self.addCleanup(subprocess.run, ['umount', path], check=True)
        return path

    def backup(self, to=None, attempt=1, options=None, source=None,
               record=None, still=True):
        to = to or place()
        counted = progress.Progress()
        report = self.driver.backup(to, attempt, source or self.source,
                                    options or {}, record, counted)
        self.driver.publish(to, attempt)
        if still:
            done, size, files, total = counted.read()
            self.assertEqual((files, total), (done, size))
        return report

    def restore(self, of=None, attempt=1, target=None):
        return self.driver.restore(of or place(), attempt,
                                   target or self.target,
                                   progress.Progress())

    def delete(self, what=None):
        self.driver.delete(what or place(), progress.Progress())

    def verify(self, what=None):
        return self.driver.verify(what or place(), progress.Progress())

    def assertSame(self, one, other, ignore=()):
        if not isinstance(one, dict):
            one = trees.snapshot(one, ignore)
        if not isinstance(other, dict):
            other = trees.snapshot(other, ignore)
        said = trees.differences(one, other)
        if said:
            self.fail(said)

    def states(self):
        return sorted((stored.state.value, stored.attempt)
                      for stored in self.driver.contents())


class Conformance(Base):
    """Inherit from this together with ``make_driver`` and ``data``."""

    # -- faithful

    def test_everything_and_back(self):
        trees.everything(self.source)
        report = self.backup()
        self.assertEqual((), report.problems)
        self.assertEqual([], self.verify())
        before = trees.snapshot(self.source)
        self.assertEqual(len(before) - 1, report.files)
        self.assertSame(before, self.data(place()))
        self.restore()
        self.assertSame(before, self.target)
        for path in ('sparse', 'holes only'):
            self.assertLess(
                os.stat(os.path.join(self.target, path)).st_blocks, 1000)

    def test_restore_undoes_every_change(self):
        trees.everything(self.source)
        before = trees.snapshot(self.source)
        self.backup()
        trees.mutate(self.source)
        report = self.restore(target=self.source)
        self.assertEqual((), report.problems)
        self.assertSame(before, self.source)

    def test_restore_of_what_is_equal_writes_nothing(self):
        trees.everything(self.source)
        self.backup()
        self.restore()
        before = self.inodes(self.target)
        report = self.restore()
        self.assertEqual(0, report.stored_bytes)
        self.assertEqual(before, self.inodes(self.target))

    def inodes(self, root):
        found = {}
        for where, directories, files in os.walk(os.fsencode(root)):
            for name in directories + files:
                st = os.lstat(os.path.join(where, name))
                found[os.path.join(where, name)] = (st.st_ino,
                                                    st.st_ctime_ns)
        return found

    def test_paths_longer_than_any_path_may_be(self):
        trees.deep(self.source, 60)
        before = trees.snapshot(self.source)
        self.backup()
        self.assertEqual([], self.verify())
        self.restore()
        self.assertSame(before, self.target)
        trees.deep(self.target, 40, 'extra')
        self.restore()
        self.assertSame(before, self.target)
        self.delete()

    def test_depth_of_a_thousand(self):
        trees.deep(self.source, 1000, 'd')
        before = trees.snapshot(self.source)
        self.backup()
        self.restore()
        self.assertSame(before, self.target)
        self.delete()
        self.assertEqual([], self.states())

    def test_names_that_are_ignored(self):
        for root in (self.source, self.target):
            os.mkdir(os.path.join(root, 'lost+found'))
            trees.write(os.path.join(root, 'lost+found', 'x'),
                        root.encode())
        os.mkdir(os.path.join(self.source, 'd'))
        trees.write(os.path.join(self.source, 'd', 'lost+found'), b'kept')
        report = self.backup()
        self.assertEqual(2, report.files)
        self.assertFalse(os.path.exists(os.path.join(self.data(place()),
                                                     'lost+found')))
        self.restore()
        self.assertSame(self.source, self.target, ignore=['lost+found'])
        with open(os.path.join(self.target, 'lost+found', 'x'), 'rb') as one:
            self.assertEqual(self.target.encode(), one.read())

    def test_an_empty_share(self):
        report = self.backup()
        self.assertEqual(0, report.files)
        trees.many(self.target, 2, 3)
        self.restore()
        self.assertEqual([], os.listdir(self.target))

    # -- coming and going

    def test_nothing_is_visible_before_it_is_published(self):
        trees.many(self.source, 2, 3)
        self.driver.backup(place(), 3, self.source, {}, None,
                           progress.Progress())
        self.assertEqual([('partial', 3)], self.states())
        with self.assertRaises(base.DriverError):
            self.restore()
        with self.assertRaises(base.DriverError):
            self.driver.publish(place(), 2)
        self.driver.publish(place(), 3)
        self.driver.publish(place(), 3)
        self.assertEqual([('published', None)], self.states())
        self.assertSame(self.source, self.data(place()))

    def test_discard_takes_only_what_was_not_published(self):
        trees.many(self.source, 2, 3)
        self.backup(place(1))
        self.driver.backup(place(2), 2, self.source, {}, None,
                           progress.Progress())
        self.driver.discard(place(2), 1)
        self.assertEqual([('partial', 2), ('published', None)],
                         sorted(self.states(), key=str))
        self.driver.discard(place(2), 2)
        self.driver.discard(place(2), 2)
        self.driver.discard(place(1), 9)
        self.assertEqual([('published', None)], self.states())

    def test_contents_say_whose_and_how_far(self):
        trees.many(self.source, 2, 3)
        self.backup(place(1))
        elsewhere = base.Place('another', 'share-2', place(2).backup_id)
        self.driver.backup(elsewhere, 4, self.source, {}, None,
                           progress.Progress())
        self.assertEqual(
            {base.Stored(place(1), base.StoredState.PUBLISHED),
             base.Stored(elsewhere, base.StoredState.PARTIAL, 4)},
            set(self.driver.contents()))

    def test_delete_removes_every_attempt(self):
        # Their numbers are another operation's, and mean nothing to it.
        trees.many(self.source, 2, 3)
        self.driver.backup(place(), 7, self.source, {}, None,
                           progress.Progress())
        self.driver.backup(place(2), 7, self.source, {}, None,
                           progress.Progress())
        self.delete()
        self.assertEqual([place(2)], [stored.place for stored in
                                      self.driver.contents()])

    def test_discard_completes_a_killed_delete(self):
        trees.many(self.source, 20, 40)
        self.backup(place(1))
        self.backup(place(2))
        process = Process(self.driver.delete, place(1))
        process.wait_for_files(200)
        process.kill()
        self.driver.discard(place(1), 0)
        self.assertEqual([base.Stored(place(2), base.StoredState.PUBLISHED)],
                         list(self.driver.contents()))
        self.assertEqual([], self.verify(place(2)))

    def test_removed_by_several_at_once(self):
        trees.many(self.source, 20, 40)
        self.driver.backup(place(), 3, self.source, {}, None,
                           progress.Progress())

        def discard(_):
            self.driver.discard(place(), 3)

        for each in [Process(discard) for _ in range(4)]:
            self.assertIsNone(each.result())
        self.assertEqual([], self.states())

    def test_a_description(self):
        trees.many(self.source, 2, 3)
        record = {'version': 1, 'backup': {'name': 'n\u00e4me \U0001f4be',
                                           'size': 3}, 'share': None}
        began = datetime.datetime.now(datetime.timezone.utc)
        report = self.backup(record=record)
        said = self.driver.describe(place())
        self.assertEqual((report.files, report.bytes, record),
                         (said.files, said.bytes, said.record))
        self.assertLessEqual(
            began, datetime.datetime.fromisoformat(said.created_at))
        self.backup(place(2))
        self.assertIsNone(self.driver.describe(place(2)).record)

    def test_a_description_of_nothing(self):
        with self.assertRaises(base.DriverError):
            self.driver.describe(place())
        self.driver.backup(place(), 1, self.source, {}, None,
                           progress.Progress())
        with self.assertRaises(base.DriverError):
            self.driver.describe(place())

    def test_room_of_its_own(self):
        trees.write(os.path.join(self.source, 'large'), os.urandom(1 << 20))
        os.link(os.path.join(self.source, 'large'),
                os.path.join(self.source, 'again'))
        self.backup()
        found = self.driver.unique_bytes(place(), progress.Progress())
        if found is None:
            self.skipTest('this driver can not tell')
        self.assertGreaterEqual(found, 1 << 20)
        self.assertLess(found, 2 << 20)

    def test_delete_leaves_other_backups_whole(self):
        trees.everything(self.source)
        self.backup(place(1))
        self.backup(place(2))
        self.delete(place(1))
        self.delete(place(1))
        self.assertEqual([], self.verify(place(2)))
        self.restore(place(2))
        self.assertSame(self.source, self.target)
        self.delete(place(2))
        self.assertEqual([], self.states())

    def test_a_backup_published_before_a_crash_is_not_made_again(self):
        trees.many(self.source, 2, 3)
        first = self.backup(attempt=1)
        trees.many(self.source, 3, 3, seed=1)
        self.assertEqual(first, self.backup(attempt=2))
        self.driver.publish(place(), 2)
        self.assertEqual([], self.verify())

    def test_ids_that_are_no_names(self):
        for bad in ('', '.', '..', 'a/b', '/', '.partial.x.1', 'a\0b',
                    'x' * 300):
            for where in (base.Place(bad, 's', 'b'),
                          base.Place('p', bad, 'b'),
                          base.Place('p', 's', bad)):
                with self.subTest(where=where):
                    with self.assertRaises(base.DriverError):
                        self.driver.backup(where, 1, self.source, {}, None,
                                           progress.Progress())
                    with self.assertRaises(base.DriverError):
                        self.driver.discard(where, 1)

    def test_a_driver_can_be_pickled(self):
        copy = pickle.loads(pickle.dumps(self.driver))
        copy.check(create=True)

    # -- errors

    def test_a_share_that_is_not_there(self):
        with self.assertRaisesRegex(base.DriverError, 'nowhere'):
            self.backup(source=os.path.join(self.scratch, 'nowhere'))
        self.assertEqual([], self.states())

    def test_a_share_and_a_repository_within_one_another(self):
        for source in (self.scratch, self.data(place())):
            os.makedirs(source, exist_ok=True)
            with self.assertRaisesRegex(base.DriverError, 'within'):
                self.backup(place(2), source=source)

    # -- damage

    def damaged(self, damage):
        """Do a damage to the stored tree; both must see it."""
        trees.many(self.source, 3, 5)
        os.symlink('somewhere', os.path.join(self.source, 'd0', 'link'))
        self.backup()
        damage(self.data(place()))
        said = self.verify()
        self.assertTrue(said)
        trees.many(self.target, 2, 2, seed=7)
        before = trees.snapshot(self.target)
        with self.assertRaises(base.DamagedBackup):
            self.restore()
        self.assertSame(before, self.target)
        return ' '.join(said)

    def test_a_bit_flipped(self):
        def flip(data):
            path = os.path.join(data, 'd1', 'f3')
            st = os.stat(path)
            with open(path, 'r+b') as target:
                byte = target.read(1)
                target.seek(0)
                target.write(bytes([byte[0] ^ 1]))
            os.utime(path, ns=(st.st_mtime_ns, st.st_mtime_ns))
        self.assertIn('"d1/f3"', self.damaged(flip))

    def test_a_file_truncated(self):
        said = self.damaged(lambda data: os.truncate(
            os.path.join(data, 'd0', 'f1'), 1))
        self.assertIn('"d0/f1"', said)

    def test_a_backup_that_is_not_there(self):
        self.assertEqual(1, len(self.verify()))
        self.driver.backup(place(), 1, self.source, {}, None,
                           progress.Progress())
        self.assertEqual(1, len(self.verify()))

    def test_a_file_for_another(self):
        def change(data):
            os.unlink(os.path.join(data, 'd2', 'f0'))
            trees.write(os.path.join(data, 'd2', 'stowaway'), b'')
        said = self.damaged(change)
        self.assertIn('"d2/f0"', said)
        self.assertIn('"d2/stowaway"', said)

    def test_names_of_any_bytes_are_told(self):
        def change(data):
            os.unlink(os.path.join(os.fsencode(data),
                                   b'\xff"\\\n\x1b[31m\xe2\x80\xae'))
        trees.write(os.path.join(os.fsencode(self.source),
                                 b'\xff"\\\n\x1b[31m\xe2\x80\xae'), b'x')
        said = self.damaged(change)
        self.assertIn(r'"\xff\"\\\n\x1b[31m\u202e" is missing', said)

    def test_a_file_removed(self):
        said = self.damaged(lambda data: os.unlink(
            os.path.join(data, 'd2', 'f0')))
        self.assertIn('"d2/f0"', said)

    def test_a_directory_removed(self):
        said = self.damaged(lambda data: shutil.rmtree(
            os.path.join(data, 'd2')))
        self.assertIn('"d2"', said)

    def test_a_file_added(self):
        said = self.damaged(lambda data: trees.write(
            os.path.join(data, 'd2', 'stowaway'), b''))
        self.assertIn('"d2/stowaway"', said)

    def test_two_files_swapped(self):
        def swap(data):
            one, two = (os.path.join(data, 'd1', name)
                        for name in ('f0', 'f1'))
            os.rename(one, one + '.')
            os.rename(two, one)
            os.rename(one + '.', two)
        self.damaged(swap)

    def test_a_link_that_points_elsewhere(self):
        def turn(data):
            path = os.path.join(data, 'd0', 'link')
            os.unlink(path)
            os.symlink('/etc', path)
        self.assertIn('"d0/link"', self.damaged(turn))

    def test_attributes_changed(self):
        trees.everything(self.source)
        self.backup()
        data = self.data(place())
        os.chmod(os.path.join(data, 'mode4'), 0o666)
        os.utime(os.path.join(data, 'dir'), ns=(1, 1))
        os.removexattr(os.path.join(data, 'dir', 'plain'), 'user.comment')
        said = self.verify()
        self.assertEqual(3, len(said), said)

    # -- processes that die

    def test_a_backup_killed_and_tried_again(self):
        trees.many(self.source, 20, 40)
        for number in range(3):
            os.link(os.path.join(self.source, 'd0', f'f{number}'),
                    os.path.join(self.source, 'd1', f'link{number}'))
        before = trees.snapshot(self.source)
        numbers = random.Random(5)
        for attempt in range(1, 7):
            process = Process(self.driver.backup, place(), attempt,
                              self.source, {}, None)
            process.wait_for_files(numbers.randrange(800))
            process.kill()
            self.assertNotIn('published', str(self.states()))
        report = self.backup(attempt=7)
        self.assertEqual(len(before) - 1, report.files)
        self.assertEqual([('published', None)], self.states())
        self.assertEqual([], self.verify())
        self.assertSame(before, self.data(place()))

    def test_a_restore_killed_and_tried_again(self):
        trees.everything(self.source)
        trees.many(self.source, 20, 40)
        before = trees.snapshot(self.source)
        self.backup()
        numbers = random.Random(6)
        for attempt in range(1, 7):
            process = Process(self.driver.restore, place(), attempt,
                              self.target)
            process.wait_for_files(numbers.randrange(800))
            process.kill()
        self.restore(attempt=7)
        self.assertSame(before, self.target)

    def test_copiers_die_with_their_operation(self):
        trees.many(self.source, 30, 60)
        process = Process(self.driver.backup, place(), 1, self.source, {},
                          None)
        process.wait_for_files(100)
        process.kill()
        time.sleep(0.05)
        done = process.progress.read()
        time.sleep(0.1)
        self.assertEqual(done, process.progress.read())

    def test_an_operation_without_a_lease_ends(self):
        trees.many(self.source, 10, 30)
        late = progress.Progress(context=FORK)
        late.extend(-1)
        worker = FORK.Process(target=self.driver.backup, args=(
            place(), 1, self.source, {}, None, late))
        worker.start()
        worker.join()
        self.assertEqual(progress.FENCED_EXIT, worker.exitcode)
        self.assertNotIn('published', str(self.states()))

    def test_a_killed_delete_is_completed(self):
        trees.many(self.source, 20, 40)
        self.backup()
        process = Process(self.driver.delete, place())
        process.wait_for_files(200)
        process.kill()
        self.assertNotIn('published', str(self.states()))
        self.delete()
        self.assertEqual([], self.states())

    # -- hostile shares

    def test_fifos_do_not_block(self):
        for name in ('a', 'b'):
            os.mkfifo(os.path.join(self.source, name))
        self.backup()
        self.restore()
        self.assertSame(self.source, self.target)
