# SPDX-License-Identifier: Apache-2.0
"""Entries that restic could not read or write, one or many."""

import os

from manila_backup.drivers import base
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from manila_backup.fs import errnos
from tests.functional.drivers import test_restic
from tests.functional import odd_files


class ResticAbsentTest(test_restic.ResticMixin, case.Case):

    def fill(self, root, *names):
        """Make files with their own names as content."""
        for name in names:
            path = os.path.join(root, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            trees.write(path, os.fsencode(name))

    def test_stays_where_it_is(self):
        shown, share = self.make('shown'), self.make('share')
        self.fill(shown, 'good', 'bad', 'd/bad', 'd/good', 'in/it')
        with open(os.path.join(os.fsencode(shown), b'd', b'bad\xff'),
                  'wb') as target:
            target.write(b'x')
        odd = odd_files.mount(self, shown, share, [
            ['open', '/bad', 'EIO'], ['open', '/d/bad', 'EACCES'],
            ['open', '/d/bad\udcff', 'EIO'], ['opendir', '/in', 'EIO']])
        report = self.backup(source=share)
        said = '\n'.join(report.problems)
        for name in ('"bad"', '"d/bad"', '"in"'):
            self.assertIn(name, said)
        odd.set([])
        before = trees.snapshot(shown)
        trees.write(os.path.join(shown, 'good'), b'changed')
        trees.write(os.path.join(shown, 'late'), b'late')
        report = self.restore(target=share)
        self.assertEqual(0, report.missing)
        self.assertSame(before, shown)

    def test_what_can_not_be_looked_at(self):
        shown, share = self.make('shown'), self.make('share')
        self.fill(shown, 'good', 'bad', 'd/bad', 'zz')
        odd = odd_files.mount(self, shown, share, [
            ['getattr', '/bad', 'EIO'], ['getattr', '/d/bad', 'EIO']])
        report = self.backup(source=share)
        self.assertEqual((2, 2), (report.problem_count, report.missing),
                         report.problems)
        self.assertEqual(
            {(b'bad', 'unreadable'), (b'd/bad', 'unreadable')},
            {(each.path, str(each.code)) for each in
             self.driver.warnings(case.place(), 0, 10).warnings})
        odd.set([])
        self.restore()
        self.assertEqual({b'.', b'good', b'd', b'zz'},
                         set(trees.snapshot(self.target)))

    def test_what_went_away_is_not_told(self):
        shown, share = self.make('shown'), self.make('share')
        self.fill(shown, 'good', 'there', 'gone', 'd/gone')
        odd_files.mount(self, shown, share, [
            ['getattr', '/gone', 'ENOENT'], ['getattr', '/d/gone', 'ENOENT'],
            ['open', '/there', 'ENOENT']])
        report = self.backup(source=share)
        said, = report.problems
        self.assertIn('"there" is not in the backup', said)

    def test_a_file_system_that_is_broken_is_no_entrys_fault(self):
        shown, share = self.make('shown'), self.make('share')
        trees.many(shown, 1, errnos.FEW + 1)
        trees.write(os.path.join(shown, 'bad'), b'x')
        odd = odd_files.mount(self, shown, share)
        for number, (rules, said, retryable) in enumerate((
                ([['open', '*', 'EIO']], 'more than could be', False),
                ([['open', '*', 'EIO'], ['opendir', '*', 'EIO']],
                 'Input/output error', False),
                ([['open', '/bad', 'ETIMEDOUT']], 'timed out', True),
                ([['read', '/bad', 'ENOTCONN']], 'not connected', True)), 1):
            with self.subTest(said):
                odd.set(rules)
                with self.assertRaisesRegex(base.DriverError, said) as got:
                    self.backup(case.place(number), source=share)
                self.assertEqual(retryable, got.exception.retryable)
        odd.set([])
        self.assertEqual((), self.backup(source=share).problems)

    def test_what_can_not_be_written(self):
        self.fill(self.source, 'a', 'bad', 'd/bad', 'zz')
        before = trees.snapshot(self.source)
        self.backup()
        shown, share = self.make('shown'), self.make('share')
        odd = odd_files.mount(self, shown, share, [
            [call, path, 'EIO'] for call in ('create', 'write')
            for path in ('/bad', '/d/bad')])
        report = self.restore(target=share)
        self.assertEqual((2, 2), (report.missing, report.problem_count),
                         report.problems)
        self.assertEqual(set(before) - {b'bad', b'd/bad'},
                         set(trees.snapshot(shown)))
        odd.set([])
        self.restore(target=share)
        self.assertSame(before, shown)

    def test_what_a_share_can_not_hold(self):
        self.source = self.loop(320 << 20, 'btrfs')
        at = self.source + '/'
        self.fill(self.source, 'd/file', 'zz')
        os.symlink('x/' * 1500, at + 'd/long')
        for name in ('d/file', 'd'):
            for attribute, size in (('a', 1), ('big', 12_000), ('c', 2)):
                os.setxattr(at + name, f'user.{attribute}', b'v' * size)
        before = trees.snapshot(self.source)
        self.backup()
        target = self.loop(320 << 20, 'xfs')
        for _ in range(2):
            report = self.restore(target=target)
            self.assertEqual((1, 1), (report.missing, report.problem_count),
                             report.problems)
            self.assertIn('"d/long"', report.problems[0])
            now = trees.snapshot(target)
            self.assertEqual(set(before) - {b'd/long'}, set(now))
            for path in b'd', b'd/file', b'zz':
                self.assertEqual(before[path], now[path])
            trees.write(os.path.join(target, 'zz'), b'changed')

    def test_attributes_after_one_that_does_not_fit(self):
        """restic stops at the first that it can't set; a file system lists
        them as it likes."""
        self.source = self.loop(320 << 20, 'xfs')
        at = self.source + '/'
        self.fill(self.source, 'd/file', 'd/odd\udcff')
        for name in ('d/file', 'd', 'd/odd\udcff'):
            for attribute, size in (('aaa', 1), ('big', 30_000), ('zzz', 2)):
                os.setxattr(at + name, f'user.{attribute}', b'v' * size)
        trees.write(at + 'd/time', b'x', 1)
        before = trees.snapshot(self.source)
        self.backup()
        target = self.loop(64 << 20, 'ext4', make=('-I', '256'))
        for _ in range(2):
            report = self.restore(target=target)
            self.assertEqual(0, report.missing)
            self.assertEqual(
                [f'"{name}": could not keep its extended attribute user.big.'
                 for name in ('d', 'd/file', 'd/odd\\xff')],
                sorted({text.replace('\\\\', '\\')
                        for text in report.problems}))
            now = trees.snapshot(target)
            self.assertEqual(before[b'd/time'], now[b'd/time'])
            for name in ('d', 'd/file', 'd/odd\udcff'):
                self.assertEqual(['user.aaa', 'user.zzz'], sorted(
                    os.listxattr(os.path.join(target, name))))
            trees.write(os.path.join(target, 'd', 'time'), b'changed')

    def test_attributes_that_a_file_system_does_not_have(self):
        """restic passes over those, and says nothing."""
        shown, share = self.make('shown'), self.make('share')
        self.fill(self.source, *(f'd/{number}' for number in range(30)), 'b')
        os.mkfifo(os.path.join(self.source, 'fifo'))
        for number in range(30):
            os.setxattr(os.path.join(self.source, f'd/{number}'), 'user.a',
                        b'1')
        os.setxattr(os.path.join(self.source, 'b'), 'user.b', b'1')
        os.setxattr(os.path.join(self.source, 'fifo'), 'trusted.c', b'1')
        self.backup()
        odd = odd_files.mount(self, shown, share, [
            [call, '*', 'EOPNOTSUPP'] for call in (
                'listxattr', 'setxattr', 'getxattr')])
        report = self.restore(target=share)
        self.assertEqual((0, 32), (report.missing, report.problem_count),
                         report.problems)
        said = '\n'.join(report.problems)
        for text in ('"d/29": could not keep its extended attribute user.a',
                     '"b": could not keep its extended attribute user.b',
                     '"fifo": could not keep its extended attribute trus'):
            self.assertIn(text, said)
        odd.set([])
        self.restore()
        self.assertSame(self.source, self.target)

    def test_attributes_that_can_not_be_read(self):
        shown, share = self.make('shown'), self.make('share')
        self.fill(shown, 'a', 'b', 'c', 'd')
        for name in 'abcd':
            os.setxattr(os.path.join(shown, name), 'user.a', b'1')
        odd_files.mount(self, shown, share, [
            ['getxattr', '/a', 'EIO'], ['listxattr', '/b', 'EIO'],
            ['listxattr', '/c', 'EOPNOTSUPP']])
        report = self.backup(source=share)
        self.assertEqual(
            [f'"{name}": could not keep its extended attributes.'
             for name in 'ab'], sorted(report.problems))
        self.assertEqual((), self.restore().problems)
        self.assertEqual(['a', 'b', 'c', 'd'], sorted(
            os.listdir(self.target)))
        self.assertEqual(['user.a'], os.listxattr(
            os.path.join(self.target, 'd')))

    def test_other_names_of_what_can_not_be_written(self):
        self.fill(self.source, 'a/file', 'zz')
        for name in ('a/other', 'b'):
            os.link(os.path.join(self.source, 'a/file'),
                    os.path.join(self.source, name))
        before = trees.snapshot(self.source)
        self.backup()
        shown, share = self.make('shown'), self.make('share')
        odd = odd_files.mount(self, shown, share, [
            ['write', f'/{name}', 'EIO'] for name in ('a/file', 'b')])
        report = self.restore(target=share)
        self.assertEqual((3, 3), (report.missing, report.problem_count),
                         report.problems)
        now = trees.snapshot(shown)
        self.assertEqual({b'.', b'a', b'zz'}, set(now))
        self.assertEqual(before[b'zz'], now[b'zz'])
        odd.set([])
        self.restore(target=share)
        self.assertSame(before, shown)

    def test_what_a_file_system_takes_and_does_not_keep(self):
        self.fill(self.source, 'd/file')
        os.chown(os.path.join(self.source, 'd/file'), 5, 6)
        self.backup()
        shown, share = self.make('shown'), self.make('share')
        odd_files.mount(self, shown, share, [
            ['ignored', '/d/file', 'chown']])
        report = self.restore(target=share)
        self.assertEqual(
            ['"d/file": could not keep its owner and group.'],
            list(report.problems))

    def test_attributes_that_a_share_has_no_room_for(self):
        self.source = self.loop(320 << 20, 'btrfs')
        at = self.source + '/'
        self.fill(self.source, 'd/file', 'd/zz')
        for name in ('d/file', 'd'):
            for attribute, size in (('a', 1), ('big', 12_000), ('c', 2)):
                os.setxattr(at + name, f'user.{attribute}', b'v' * size)
        self.backup()
        target = self.loop(64 << 20, 'ext4', make=('-I', '256'))
        for _ in range(2):
            report = self.restore(target=target)
            self.assertEqual(0, report.missing)
            self.assertEqual(
                [f'"{name}": could not keep its extended attribute user.big.'
                 for name in ('d', 'd/file')], sorted(report.problems))
            for name in ('d', 'd/file'):
                self.assertEqual(['user.a', 'user.c'], sorted(
                    os.listxattr(os.path.join(target, name))))
            trees.write(os.path.join(target, 'd', 'zz'), b'changed')

    def test_what_staging_can_not_hold(self):
        self.source = self.loop(320 << 20, 'btrfs')
        at = self.source + '/'
        self.fill(self.source, 'd/file', 'zz')
        os.symlink('x/' * 1500, at + 'd/long')
        os.symlink(b'\xff/' * 1500, at + 'd/odd')
        os.setxattr(at + 'd/file', 'user.big', b'v' * 12_000)
        before = trees.snapshot(self.source)
        self.backup()
        self.driver.staging = os.path.join(
            self.loop(128 << 20, 'ext4', make=('-b', '1024')), 'staging')
        trees.write(at + 'zz', b'changed')
        report = self.restore(target=self.source)
        self.assertEqual(2, report.missing, report.problems)
        self.assertEqual(3, report.problem_count, report.problems)
        said = '\n'.join(report.problems)
        for text in ('"d/long": File name too long',
                     '"d/odd" could not be made',
                     '"d/file": could not keep its extended attribute '
                     'user.big'):
            self.assertIn(text, said)
        # What was not to be had beside it stays as it is.
        now = trees.snapshot(self.source)
        self.assertEqual(set(before), set(now))
        for path in b'd/long', b'd/odd', b'zz':
            self.assertEqual(before[path], now[path])

    def test_what_of_an_entry_can_not_be_set(self):
        self.fill(self.source, 'a', 'owner', 'time', 'zz', 'none/in')
        os.chown(os.path.join(self.source, 'owner'), 1, 1)
        for name, mode in (('owner', 0o6755), ('a', 0o640)):
            os.chmod(os.path.join(self.source, name), mode)
        os.setxattr(os.path.join(self.source, 'owner'), 'user.x', b'1')
        os.mkfifo(os.path.join(self.source, 'fifo'))
        before = trees.snapshot(self.source)
        self.backup()
        shown, share = self.make('shown'), self.make('share')
        odd = odd_files.mount(self, shown, share, [
            ['chown', '/owner', 'EPERM'], ['utimens', '/time', 'EINVAL'],
            # It is root's already.
            ['chown', '/zz', 'EPERM'], ['setxattr', '/owner', 'EIO'],
            ['chmod', '/a', 'EIO'],
            ['mknod', '/fifo', 'EPERM'], ['mkdir', '/none', 'EACCES']])
        report = self.restore(target=share)
        said = '\n'.join(report.problems)
        for text in ('"fifo": Operation not permitted',
                     '"none": Permission denied',
                     '"none/in": Permission denied',
                     '"owner": could not keep its extended attribute user.x, '
                     'owner and group',
                     '"a": could not keep its mode',
                     '"time": could not keep its exact modification time'):
            self.assertIn(text, said)
        self.assertEqual((2, 6), (report.missing, report.problem_count),
                         report.problems)
        now = trees.snapshot(shown)
        self.assertEqual(set(before) - {b'fifo', b'none', b'none/in'},
                         set(now))
        # Nobody runs it with the rights of another owner.
        self.assertEqual(0o755, os.stat(
            os.path.join(shown, 'owner')).st_mode & 0o7777)
        odd.set([])
        self.restore(target=share)
        self.assertSame(before, shown)
