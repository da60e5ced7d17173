# SPDX-License-Identifier: Apache-2.0
"""Backups and restores of anything that a share can have: it is in the backup,
and comes back.

In short with every run of the functional tests, and at length by
``make fidelity``.
"""

import itertools
import os
import subprocess

import hypothesis

from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from manila_backup.drivers.posix import driver
from manila_backup.drivers import progress
from manila_backup.fs import errors
from tests.functional.drivers import generated

#: What fails is told as it was found: to shrink it takes minutes, which
#: ``make fidelity`` has.
SETTINGS = hypothesis.settings(
    deadline=None, derandomize=True, database=None,
    phases=(hypothesis.Phase.generate,),
    suppress_health_check=list(hypothesis.HealthCheck))

SIZE = 1 << 30


class OnDisk(case.Case):
    """Shares and a repository on a filesystem of a kind."""

    filesystem = 'ext4'
    size = SIZE

    def make_driver(self):
        self.mount = self.loop(self.size, self.filesystem)
        self.repository = os.path.join(self.mount, 'repository')
        return driver.PosixDriver(self.repository, 2)

    def data(self, place):
        return os.path.join(self.repository, place.project_id,
                            place.share_id, place.backup_id, 'data')

    def snapshot(self, root):
        found = trees.snapshot(root)
        for facts in found.values():
            if 'holes' in facts and self.filesystem == 'xfs':
                # What it allocated in advance and has in memory is data one
                # moment and a hole the next.
                kept = sum(end - start for start, end in facts['holes'])
                facts['holes'] = (facts['size'] >> 16) - kept < 40
        return found

    def assertSame(self, one, other, ignore=()):
        super().assertSame(*(
            each if isinstance(each, dict) else self.snapshot(each)
            for each in (one, other)))

    def make_share(self, name):
        path = os.path.join(self.mount, name)
        os.mkdir(path)
        return path


class Faithful(OnDisk):

    examples = 10
    settings = SETTINGS

    def test_whatever_there_is(self):
        numbers = itertools.count(1)

        @hypothesis.settings(self.settings, max_examples=self.examples)
        @hypothesis.given(generated.TREES, generated.CHANGES)
        def run(nodes, changes):
            number = next(numbers)
            share, other = (self.make_share(f'{name}{number}')
                            for name in ('share', 'other'))
            gardener = generated.Gardener(share)
            place = case.place(number)
            try:
                gardener.plant(nodes)
                self._there(share, place, gardener)
                self._and_back(gardener, changes, place, other)
            finally:
                gardener.thaw()
                subprocess.run(['rm', '-rf', share, other], check=True)
                self.delete(place)

        run()

    def _there(self, share, place, gardener):
        report = self.backup(place, source=share)
        self.assertEqual([], self.verify(place))
        before = self.snapshot(share)
        self.assertSame(before, self.data(place))
        # What a backup has no room for is told, by name, and nothing else;
        # of hard links, by one of their names.
        told = set(report.problems)
        frozen = {tuple(before[path].get('links', [path]))
                  for path in gardener.frozen}
        self.assertEqual(len(frozen), report.problem_count, report.problems)
        for names in frozen:
            said = {f'"{errors.printable(name)}": could not keep its '
                    'immutable or append-only flag.' for name in names}
            self.assertTrue(said & told, (names, told))
        gardener.thaw()

    def _and_back(self, gardener, changes, place, other):
        before = self.snapshot(gardener.root)
        gardener.change(changes)
        report = self.restore(place, target=gardener.root)
        self._explained(before, self.snapshot(gardener.root), report)
        if not gardener.frozen:
            self.assertEqual((), report.problems)
        gardener.thaw()
        for share in (gardener.root, other):
            report = self.restore(place, target=share)
            self.assertEqual((), report.problems)
            self.assertSame(before, share)

    def _explained(self, before, now, report):
        """Check that all that differs is in the report, is below what is, or
        had to stay because of what is in it."""
        text = ' '.join(report.problems)

        def told(path):
            parts = path.split(b'/')
            return '"."' in text or (
                path not in before
                and f'"{errors.printable(path)}/' in text) or any(
                f'"{errors.printable(b"/".join(parts[:depth]))}"' in text
                for depth in range(1, len(parts) + 1))

        for path in before.keys() | now.keys():
            one, other = before.get(path, {}), now.get(path, {})
            if one != other and not any(map(told, (
                    path, *one.get('links', ()), *other.get('links', ())))):
                self.fail(f'{path}: {one} / {other}, and only this was '
                          f'told: {report.problems}')


class Elsewhere(OnDisk):
    """A share on a filesystem that can hold more than the repository's."""

    def test_what_the_repository_can_not_hold(self):
        share = self.loop(SIZE, 'btrfs')
        path = os.path.join(share, 'large')
        trees.write(path, b'x')
        os.setxattr(path, 'user.fits', b'1')
        os.setxattr(path, 'user.large', os.urandom(9000))
        late = (1 << 40) * 10 ** 9 + 1
        trees.write(os.path.join(share, 'late'), b'y', late)
        os.mkdir(os.path.join(share, 'd'))
        os.setxattr(os.path.join(share, 'd'), 'btrfs.compression', b'zstd')
        report = self.backup(source=share)
        self.assertEqual(
            ['"d": could not keep its extended attribute btrfs.compression.',
             '"large": could not keep its extended attribute user.large.',
             '"late": could not keep its exact modification time.'],
            sorted(report.problems))
        self.assertEqual([], self.verify())
        # Nothing is lost: the manifest has it.
        before = trees.snapshot(share)
        again = self.loop(SIZE, 'btrfs')
        self.assertEqual((), self.restore(target=again).problems)
        self.assertSame(before, again)
        # And who can't hold it says so.
        here = self.make_share('here')
        report = self.restore(target=here)
        self.assertEqual(3, report.problem_count, report)
        self.assertIn('user.large', ' '.join(report.problems))

    def _into(self, repository):
        """Back up into another repository, restore, and return what that
        backup says that it lacks.

        :returns: dict of path to the problem.
        """
        trees.everything(self.source)
        # ext4 has no such large ones.
        os.truncate(os.path.join(self.source, 'holes only'), 1 << 30)
        before = trees.snapshot(self.source)
        other = driver.PosixDriver(repository)
        other.check(create=True)
        counted = progress.Progress()
        report = other.backup(case.place(), 1, self.source, {}, None,
                              counted)
        other.publish(case.place(), 1)
        self.assertEqual([], other.verify(case.place(), counted))
        other.restore(case.place(), 1, self.target, counted)
        self.assertSame(before, self.target)
        said = {}
        for path in before:
            start = f'"{errors.printable(path)}": could not keep its '
            found = [text for text in report.problems
                     if text.startswith(start)]
            if found:
                said[path] = found[0][len(start):]
        self.assertEqual(report.problem_count, len(said), report.problems)
        return before, said

    def test_a_repository_without_acls(self):
        path = self.loop(SIZE, 'btrfs', options='noacl')
        before, said = self._into(os.path.join(path, 'repository'))
        self.assertEqual(
            {path: f'extended attribute {name}.'
             for path, facts in before.items() for name in facts['xattrs']
             if name.startswith('system.')}, said)

    def test_a_repository_without_exact_times(self):
        path = self.loop(64 << 20, 'ext4', make=('-I', '128'))
        before, said = self._into(os.path.join(path, 'repository'))
        # A hard link's other names go without saying.
        late = {path for path, facts in before.items()
                if facts['mtime'] % 10 ** 9
                or not -2 ** 31 <= facts['mtime'] // 10 ** 9 < 2 ** 31}
        self.assertEqual(late, {path for name in said
                                for path in before[name].get(
                                    'links', (name,))})

    def test_a_repository_without_late_times(self):
        trees.write(os.path.join(self.source, 'exact'), b'', 123_456_789)
        late = (1 << 31) * 10 ** 9 + 5
        for number in range(20):
            trees.write(os.path.join(self.source, f'{number}'), b'', late)
        path = self.loop(SIZE, 'xfs', make=('-m', 'bigtime=0'))
        other = driver.PosixDriver(os.path.join(path, 'repository'), 1)
        other.check(create=True)
        report = other.backup(case.place(), 1, self.source, {}, None,
                              progress.Progress())
        self.assertEqual(20, report.problem_count, report)
        other.publish(case.place(), 1)
        self.assertEqual([], other.verify(case.place(),
                                          progress.Progress()))

    def test_a_repository_that_is_compressed(self):
        path = self.loop(SIZE, 'btrfs')
        os.setxattr(path, 'btrfs.compression', b'zstd')
        before, said = self._into(os.path.join(path, 'repository'))
        self.assertEqual({}, said)

    def test_more_attributes_than_can_be_listed(self):
        share = self.loop(SIZE, 'xfs')
        path = os.path.join(share, 'f')
        trees.write(path, b'x')
        os.setxattr(path, 'user.one', b'1')
        before = trees.snapshot(share)
        for number in range(300):
            os.setxattr(path, f'user.{"n" * 240}{number}', b'')
        with self.assertRaises(OSError):
            os.listxattr(path)
        report = self.backup(source=share)
        self.assertEqual(('"f": could not keep its extended attributes.',),
                         report.problems)
        self.assertEqual([], self.verify())
        self.restore()
        before[b'f']['xattrs'] = {}
        self.assertSame(before, self.target)

    def test_sizes_that_add_up_to_more_than_64_bits_hold(self):
        share = self.loop(SIZE, 'xfs')
        for number in range(5):
            with open(os.path.join(share, f'{number}'), 'wb') as file:
                file.truncate((1 << 63) - 1)
        other = driver.PosixDriver(os.path.join(self.loop(SIZE, 'btrfs'),
                                                'repository'))
        other.check(create=True)
        counted = progress.Progress()
        report = other.backup(case.place(), 1, share, {}, None,
                              counted)
        self.assertEqual(5 * ((1 << 63) - 1), report.bytes)
        self.assertEqual((5, (1 << 63) - 1) * 2, counted.read())


class Bounded(OnDisk):
    """Shares that would fill the memory, if all of them were held at once."""

    filesystem = 'xfs'

    def test_attributes_of_many_megabytes(self):
        share = self.make_share('share')
        value = os.urandom(60_000)
        for number in range(10):
            path = os.path.join(share, f'{number}')
            trees.write(path, b'')
            for each in range(20):
                os.setxattr(path, f'user.{each}', value)
        before = self.snapshot(share)
        self.backup(source=share)
        # None is in one block with another.
        with open(os.path.join(self.data(case.place()), '..',
                               'manifest'), 'rb') as source:
            self.assertGreaterEqual(sum(text.startswith(b'd ')
                                        for text in source), 10)
        self.assertEqual([], self.verify())
        other = self.make_share('other')
        self.restore(target=other)
        self.assertSame(before, other)


class Large(OnDisk):
    """Shares that take longer."""

    size = 8 << 30

    def _there_and_back(self):
        before = self.snapshot(self.share)
        report = self.backup(source=self.share)
        self.assertEqual((), report.problems)
        self.assertEqual(len(before) - 1, report.files)
        self.assertEqual([], self.verify())
        other = self.make_share('other')
        self.assertEqual((), self.restore(target=other).problems)
        self.assertSame(before, other)
        self.delete()
        self.assertEqual([], list(self.driver.contents()))

    def setUp(self):
        super().setUp()
        self.share = self.make_share('share')

    def test_many_entries_in_one_directory(self):
        for number in range(100_000):
            path = os.path.join(self.share, f'{number}')
            if number % 10:
                os.mknod(path)
            else:
                trees.write(path, b'%d' % number)
        self._there_and_back()

    def test_more_links_than_a_file_system_has(self):
        # Of those that are tested, tmpfs alone has no limit.
        path = self.make('memory')
        subprocess.run(['mount', '-t', 'tmpfs', 'tmpfs', path], check=True)
        self.addCleanup(subprocess.run, ['umount', path], check=True)
        first = os.path.join(path, 'first')
        trees.write(first, b'shared')
        for number in range(66_000):
            os.link(first, os.path.join(path, f'{number}'))
        report = self.backup(source=path)
        self.assertEqual([], self.verify())
        if self.filesystem == 'xfs':
            self.assertEqual((), report.problems)
            return
        self.assertIn('not a hard link of', report.problems[0])
        self.assertEqual((), self.restore(target=self.share).problems)
        numbers = {os.stat(entry).st_ino for entry in os.scandir(self.share)}
        self.assertEqual(2, len(numbers))
        self.assertEqual(66_001, len(os.listdir(self.share)))

    def test_depth_of_a_thousand_of_the_longest_names(self):
        trees.deep(self.share, 1000, 'n' * 255)
        self._there_and_back()
