# SPDX-License-Identifier: Apache-2.0
"""Properties that restic alone does not keep, or only just does: all of them
come back."""

import json
import os
import socket
import stat
import subprocess

from manila_backup.drivers import base
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from manila_backup.drivers.restic import sidecar_scan
from manila_backup.fs import inode_flags
from tests.functional.drivers import test_restic

_SECOND = 10 ** 9
_SIZE = 256 << 20

# Modification times in nanoseconds since 1970: the first and the last that
# restic restores, those just beyond, what 32 bits of seconds hold or don't,
# and years that have more or less than four digits.
TIMES = (
    (1 << 63) - 1, 1 << 63, -(1 << 63), -(1 << 63) - 1,
    10_413_792_000 * _SECOND + 123_456_789, (1 << 31) * _SECOND + 1,
    -(1 << 31) * _SECOND - 1, -70_000_000_000 * _SECOND + 7,
    (1 << 40) * _SECOND + 1, -(1 << 40) * _SECOND + 999_999_999)

LATE = 10_413_792_000 * _SECOND + 987_654_321


def _socket(path):
    here = os.open('.', os.O_RDONLY)
    server = socket.socket(socket.AF_UNIX)
    try:
        # The path of one is short.
        os.chdir(os.path.dirname(path))
        server.bind(os.path.basename(path))
    finally:
        os.fchdir(here)
        os.close(here)
        server.close()


def far_times(root):
    """Fill a directory with one of each kind, with times far off."""
    at = root + '/'
    for number, when in enumerate(TIMES):
        trees.write(f'{at}file {number}', b'%d' % when, when)
    for name in ('directory', 'directory/in it', 'plain', b'\xff\n'):
        os.mkdir(os.path.join(os.fsencode(root), os.fsencode(name)))
    trees.write(at + 'plain/late', b'x', LATE)
    trees.write(os.fsencode(at) + b'\xff\n/\xfe', b'x', LATE)
    os.symlink('nowhere', at + 'symlink')
    os.symlink(b'\xff', at + 'odd symlink')
    os.link(at + 'symlink', at + 'directory/symlink', follow_symlinks=False)
    os.link(at + 'file 1', at + 'directory/in it/file')
    os.mkfifo(at + 'fifo')
    os.mknod(at + 'device', stat.S_IFCHR | 0o600, os.makedev(1, 3))
    _socket(at + 'socket')
    os.link(at + 'socket', at + 'plain/socket')
    trees.write(at + 'holes', b'x')
    os.truncate(at + 'holes', 8 << 20)
    trees.write(at + 'only holes', b'')
    os.truncate(at + 'only holes', 1 << 41)
    trees.write(at + 'attributes', b'x')
    os.setxattr(at + 'attributes', b'user.\xff', b'1')
    for name in ('symlink', 'odd symlink', 'fifo', 'device', 'socket',
                 'holes', 'only holes', 'attributes', b'\xff\n',
                 'directory/in it', 'directory'):
        os.utime(os.path.join(os.fsencode(root), os.fsencode(name)),
                 ns=(LATE, LATE), follow_symlinks=False)
    os.utime(at + 'plain', ns=(77, 77))
    os.utime(root, ns=(LATE + 1, LATE + 1))


class FarTimesTest(test_restic.ResticMixin, case.Case):

    def setUp(self):
        super().setUp()
        # The one that holds any time.
        self.source = self.loop(_SIZE, 'btrfs')

    def _made(self):
        far_times(self.source)
        before = trees.snapshot(self.source)
        report = self.backup()
        self.assertEqual((), report.problems)
        return before

    def test_into_an_empty_share(self):
        before = self._made()
        target = self.loop(_SIZE, 'btrfs')
        self.assertEqual((), self.restore(target=target).problems)
        self.assertSame(before, target)

    def test_into_one_that_is_not_empty(self):
        before = self._made()
        for name in 'plain/late', 'file 4', 'directory':
            os.utime(os.path.join(self.source, name), ns=(1, 1))
        os.unlink(os.path.join(self.source, 'symlink'))
        self.assertEqual((), self.restore(target=self.source).problems)
        self.assertSame(before, self.source)

    def test_through_a_place_that_can_not_hold_them(self):
        before = self._made()
        self.driver.staging = os.path.join(
            self.loop(_SIZE, 'ext4', make=('-I', '256')), 'staging')
        os.utime(os.path.join(self.source, 'file 4'), ns=(1, 1))
        self.assertEqual((), self.restore(target=self.source).problems)
        self.assertSame(before, self.source)

    def test_what_the_share_can_not_hold_is_told(self):
        # Until 2038, where restic itself notices nothing.
        when = (1 << 31) * _SECOND + 4 * _SECOND
        os.mkdir(os.path.join(self.source, 'd'))
        for name, time in (('d/soon', when), ('late', LATE), ('now', 1)):
            trees.write(os.path.join(self.source, name), b'x', time)
        os.symlink('x', os.path.join(self.source, 'link'))
        os.utime(os.path.join(self.source, 'link'), ns=(when, when),
                 follow_symlinks=False)
        for name, time in ('d', when), ('.', LATE):
            os.utime(os.path.join(self.source, name), ns=(time, time))
        self.assertEqual((), self.backup().problems)
        expected = sorted(
            f'"{name}": could not keep its exact modification time.'
            for name in ('d', 'd/soon', 'late', 'link', '.'))
        target = self.loop(320 << 20, 'xfs', make=('-m', 'bigtime=0'))
        for _ in range(2):
            # Empty, and then not.
            report = self.restore(target=target)
            self.assertEqual(expected, sorted(report.problems))
            self.assertEqual(1, os.stat(
                os.path.join(target, 'now')).st_mtime_ns)

    def test_too_many_are_told(self):
        # Those that restic restores are no loss.
        for name, time in ('a', LATE), ('b', LATE), ('c', 1 << 62):
            trees.write(os.path.join(self.source, name), b'x', time)
        self.addCleanup(setattr, sidecar_scan, '_MOST', sidecar_scan._MOST)
        sidecar_scan._MOST = 1
        report = self.backup()
        self.assertEqual((1, 0), (report.problem_count, report.missing),
                         report)
        self.assertIn('a time far in the past', report.problems[0])

    def _published(self, to, change):
        """A backup whose mark was changed."""
        self.prepare(to, 1)
        prepared = self.driver.prepared(to, 1)
        about = json.loads(prepared.read())
        change(about)
        prepared.write(about)
        self.driver.publish(to, 1)

    def test_one_that_can_not_be_ends_nothing_else(self):
        # ext4 of 1 KiB blocks holds 4 TiB in a file at the most.
        trees.write(os.path.join(self.source, 'large'), b'')
        os.truncate(os.path.join(self.source, 'large'), 1 << 45)
        trees.write(os.path.join(self.source, 'late'), b'x', 1 << 62)
        self.backup()
        target = self.loop(64 << 20, make=('-b', '1024'))
        report = self.restore(target=target)
        self.assertEqual(1, report.missing)
        self.assertIn('"large": File too large', ' '.join(report.problems))
        self.assertEqual(1, report.problem_count - sum(
            'exact modification time' in text for text in report.problems))
        with open(os.path.join(target, 'late')) as file:
            self.assertEqual('x', file.read())

    def test_a_mark_of_an_earlier_release(self):
        os.mkdir(os.path.join(self.source, 'd: d'))
        for name, time in (('late', LATE), ('now', 12), ('d: d/late', LATE),
                           ('early', -(1 << 63) - 7)):
            trees.write(os.path.join(self.source, name), b'x', time)
        os.utime(os.path.join(self.source, 'd: d'), ns=(LATE, LATE))
        before = trees.snapshot(self.source)
        self._published(case.place(), lambda about: about.pop('times'))
        target = self.loop(_SIZE, 'btrfs')
        for _ in range(2):
            # Empty, and then not.
            self.assertEqual((), self.restore(target=target).problems)
            self.assertSame(before, target)
            os.utime(os.path.join(target, 'late'), ns=(1, 1))

    def test_names_that_are_not_known_in_one_of_an_earlier_release(self):
        name = os.path.join(os.fsencode(self.source), b'late \xff')
        trees.write(name, b'x', LATE)
        trees.write(os.path.join(self.source, 'now'), b'x', 12)
        self._published(case.place(), lambda about: about.pop('times'))
        said, = self.restore(target=self.loop(_SIZE, 'btrfs')).problems
        self.assertRegex(said, '^"late .*exact modification time')

    def test_a_mark_that_makes_no_sense(self):
        trees.write(os.path.join(self.source, 'late'), b'x', LATE)
        for number, bad in enumerate((
                [['late', 'x']], [['../late', LATE]], [['late', 1 << 200]],
                ['late'], 7), 1):
            to = case.place(number)
            self._published(to, lambda about, bad=bad: about.update(times=bad))
            with self.assertRaisesRegex(base.DamagedBackup,
                                        'mark is damaged'):
                self.restore(to, target=self.make(f'{number}'))


class AttributesTest(test_restic.ResticMixin, case.Case):
    """Attributes that restic keeps by itself, as far as it has been seen to: a
    release of it that does not would lose them silently."""

    def test_at_their_limits(self):
        share = self.loop(_SIZE, 'btrfs')
        at = os.fsencode(share) + b'/'
        for name, uid, gid in ((b'largest', (1 << 32) - 2, (1 << 32) - 2),
                               (b'signed', 1 << 31, (1 << 31) + 7)):
            trees.write(at + name, b'x')
            os.symlink('x', at + name + b' link')
            os.mkfifo(at + name + b' fifo')
            _socket(os.fsdecode(at + name + b' socket'))
            os.mkdir(at + name + b' directory')
            for kind in b'', b' link', b' fifo', b' socket', b' directory':
                os.chown(at + name + kind, uid, gid, follow_symlinks=False)
        for number, device in enumerate((
                (0, 0), (1, 3), (259, 256), (511, 262_143), (4095, 1 << 19),
                (4095, (1 << 20) - 1))):
            for kind in stat.S_IFCHR, stat.S_IFBLK:
                name = b'%d %o' % (number, kind)
                os.mknod(at + name, kind | 0o600, os.makedev(*device))
        for mode in 0o7777, 0o4111, 0o2070, 0o1001, 0o6000, 0:
            name = b'%o' % mode
            trees.write(at + name, b'x')
            os.mkdir(at + name + b' d')
            os.mkfifo(at + name + b' f')
            os.mknod(at + name + b' c', stat.S_IFCHR, os.makedev(1, 3))
            _socket(os.fsdecode(at + name + b' s'))
            for kind in b'', b' d', b' f', b' c', b' s':
                os.chmod(at + name + kind, mode)
        os.mkdir(at + b'\xff\xc0')
        for name in (b'\xff\xc0/\x80', b'\xed\xa0\x80', b'\xef\xbf\xbd',
                     b'a\xff', b'a\xfe', b'\\xff', b'"', b'\x7f\x01'):
            trees.write(at + name, name)
            os.mkfifo(at + name + b' f')
            os.symlink(name, at + name + b' l')
        for number in range(3):
            name = at + b'times %d' % number
            os.symlink('x', name)
            os.utime(name, ns=(1, (-7, 999_999_999, 10 ** 18 + 1)[number]),
                     follow_symlinks=False)
            os.setxattr(name, 'trusted.on-it', b'\0\xff',
                        follow_symlinks=False)
            os.setxattr(name, 'security.empty', b'', follow_symlinks=False)
        for size in (1 << 22) + 1, (1 << 22) + 65_537:
            with open(at + b'holes %d' % size, 'wb') as file:
                file.seek(size - 70_000)
                file.write(b'x')
                file.truncate(size)
        before = trees.snapshot(share)
        self.assertEqual((), self.backup(source=share).problems)
        target = self.loop(_SIZE, 'btrfs')
        for _ in range(2):
            self.assertEqual((), self.restore(target=target).problems)
            self.assertSame(before, target)
            os.chmod(os.path.join(target, '0'), 0o777)


class FlagsTest(test_restic.ResticMixin, case.Case):
    """Inode flags, project ids and room: restic keeps none of them."""

    def test_are_told(self):
        share = self.loop(1 << 30, 'xfs')
        for name in ('plain', 'flags', 'fixed', 'project', 'room', 'd/in'):
            path = os.path.join(share, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            trees.write(path, b'content')
        os.sync()
        for name, what, value in (
                ('.', inode_flags.FLAGS, b'40'),
                ('flags', inode_flags.FLAGS, b'40'),
                ('d', inode_flags.FLAGS, b'80'),
                ('project', inode_flags.PROJECT, b'7')):
            fd = os.open(os.path.join(share, name), os.O_RDONLY)
            self.assertTrue(inode_flags.put(fd, what, value))
            os.close(fd)
        room = os.path.join(share, 'room')
        subprocess.run(['fallocate', '-n', '-l', '1M', room], check=True)
        fixed = os.path.join(share, 'fixed')
        subprocess.run(['chattr', '+i', fixed], check=True)
        self.addCleanup(subprocess.run, ['chattr', '-i', fixed], check=True)
        report = self.backup(source=share)
        self.assertEqual(0, report.missing)
        self.assertEqual([
            f'"{name}": could not keep its {what}.' for name, what in (
                ('.', 'inode flags'), ('d', 'inode flags'),
                ('fixed', 'immutable or append-only flag'),
                ('flags', 'inode flags'), ('project', 'project id'),
                ('room', 'space allocated beyond its end'))],
            sorted(report.problems))
        self.assertEqual((), self.restore().problems)
        page = self.driver.warnings(case.place(), 0, 10)
        # The project id is nothing to its owner.
        self.assertEqual(
            [(b'.', ('flags',)), (b'd', ('flags',)), (b'fixed', ('flags',)),
             (b'flags', ('flags',)), (b'room', ('room',))],
            sorted((each.path, each.lost) for each in page.warnings))

    def test_more_holes_than_a_mark_has_are_told(self):
        path = os.path.join(self.source, 'sieve')
        with open(path, 'wb') as target:
            for number in range(10_001):
                os.pwrite(target.fileno(), b'x', number * 8192)
        report = self.backup()
        self.assertEqual(
            ('"sieve": could not keep its holes, or the room that is '
             'allocated to it.',), report.problems)
        self.assertEqual(
            [(b'sieve', ('holes',))],
            [(each.path, each.lost) for each in self.driver.warnings(
                case.place(), 0, 10).warnings])
        self.restore()
        self.assertSame(
            {name: {**facts, 'holes': None} for name, facts in
             trees.snapshot(self.source).items()},
            {name: {**facts, 'holes': None} for name, facts in
             trees.snapshot(self.target).items()})
