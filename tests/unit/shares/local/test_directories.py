# SPDX-License-Identifier: Apache-2.0

import os
from unittest import mock

import fixtures
from oslotest import base

from manila_backup.drivers import progress
from manila_backup.fs import handles
from manila_backup.fs import identity
from manila_backup.fs import mount_table
from manila_backup.fs import syscalls
from manila_backup.shares import base as shares
from manila_backup.shares import local
from manila_backup.shares.local import directories


class TestCase(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.root = os.path.realpath(self.useFixture(
            fixtures.TempDir()).path)

    def make(self, *names):
        path = os.path.join(self.root, *names)
        os.makedirs(path)
        return path


class Opening(TestCase):

    def opens(self):
        return syscalls.open_plain, syscalls.open_stepwise

    def test_a_directory_and_the_root(self):
        path = self.make('a', 'b')
        for function in self.opens():
            for name in path, '/':
                fd = function(name, handles.DIRECTORY)
                self.addCleanup(os.close, fd)
                self.assertTrue(os.path.samestat(os.fstat(fd),
                                                 os.stat(name)))

    def test_no_symbolic_link_anywhere(self):
        self.make('a', 'b')
        os.symlink('a', os.path.join(self.root, 'link'))
        os.symlink('b', os.path.join(self.root, 'a', 'last'))
        for function in self.opens():
            for name in 'link/b', 'a/last', 'link/last', 'link':
                self.assertRaises(OSError, function,
                                  os.path.join(self.root, name),
                                  handles.DIRECTORY)

    def test_not_by_a_descriptor_either(self):
        fd = os.open(self.root, handles.DIRECTORY)
        self.addCleanup(os.close, fd)
        for function in self.opens():
            self.assertRaises(OSError, function, f'/proc/self/fd/{fd}',
                              handles.DIRECTORY)

    def test_a_kernel_without_the_call(self):
        path = self.make('a', 'b')
        error = OSError(38, 'not there')
        with mock.patch.object(syscalls, '_openat2', side_effect=error):
            os.close(syscalls.open_plain(path, handles.DIRECTORY))
            os.rename(path, path + '2')
            os.symlink('b2', path)
            self.assertRaises(OSError, syscalls.open_plain, path,
                              handles.DIRECTORY)


class Identity(TestCase):

    def of(self, path):
        fd = os.open(path, handles.DIRECTORY)
        try:
            return identity.of(fd)
        finally:
            os.close(fd)

    def test_one_directory_from_others(self):
        path = self.make('a')
        found = self.of(path)
        self.assertEqual(found, self.of(path))
        other = self.of(self.make('b'))
        self.assertEqual(found['system'], other['system'])
        self.assertNotEqual(found['inode'], other['inode'])
        os.rename(path, path + '2')
        self.assertEqual(found, self.of(path + '2'))

    def test_one_file_system_from_others(self):
        found = {self.of(path)['system']
                 for path in (self.root, '/proc', '/sys')}
        self.assertEqual(3, len(found))

    def test_a_file_system_that_is_mounted_nowhere(self):
        with mock.patch.object(identity, '_mount', lambda fd: (None, None)):
            self.assertRegex(self.of(self.root)['system'], r'device:\d+:\d+')


class Above(TestCase):
    """Directories that may be above one that is adopted."""

    def check(self, *names):
        directories.check_above(os.path.join(self.root, *names))

    def refused(self, *names):
        return str(self.assertRaises(shares.ShareError, self.check, *names))

    def test_others_can_write(self):
        self.make('a', 'b', 'c')
        self.check('a', 'b', 'c')
        for mode in 0o775, 0o757, 0o777:
            os.chmod(os.path.join(self.root, 'a'), mode)
            said = self.refused('a', 'b', 'c')
            self.assertIn(f'{self.root}/a is above it, and others can write',
                          said)
            self.assertIn('chmod go-w', said)

    def test_to_the_share_itself_they_may(self):
        os.chmod(self.make('a', 'b'), 0o777)
        self.check('a', 'b')

    def of_another(self, path):
        """Have a directory belong to another user."""
        found, there = os.fstat, os.stat(path)

        def fstat(fd):
            st = found(fd)
            if os.path.samestat(st, there):
                st = os.stat_result((*st[:4], 4711, *st[5:]))
            return st

        return mock.patch.object(directories.os, 'fstat', fstat)

    def test_a_sticky_directory(self):
        path = self.make('a', 'b')
        os.chmod(os.path.dirname(path), 0o1777)
        self.check('a', 'b')
        with self.of_another(path):
            self.assertIn('belongs to the user 4711', self.refused('a', 'b'))

    def test_another_users_directory(self):
        path = self.make('a', 'b')
        with self.of_another(path):
            self.check('a', 'b')
        with self.of_another(os.path.dirname(path)):
            self.assertIn('belongs to the user 4711', self.refused('a', 'b'))

    def test_what_is_below(self):
        below = directories.is_below
        self.assertTrue(below('/srv/a', ['/']))
        self.assertTrue(below('/srv/a/b', ['/x', '/srv/a/']))
        for allowed in ([], ['/srv/a/b'], ['/srv/a/b/'], ['/srv/a/b/c'],
                        ['/srv/a/'[:-1] + 'x']):
            self.assertFalse(below('/srv/a/b', allowed))


class Swapped(TestCase):
    """An adopted share whose path leads elsewhere by now."""

    def setUp(self):
        super().setUp()
        self.source = local.LocalShares(os.path.join(self.root, 'shares'))
        self.secret = self.make('secret', 'data')
        self.path = self.make('above', 'data')
        for path in (self.secret, self.path):
            with open(os.path.join(path, 'file'), 'w') as file:
                file.write(path)
        share = shares.ShareRef('a', 'p', self.path)
        self.share = shares.ShareRef('a', 'p', self.path,
                                     self.source.adopt(share))
        self.progress = progress.Progress()

    def use(self, read_only):
        job = shares.Job('op', 'b', 1, read_only)
        with self.source.use(self.share, job, self.progress) as view:
            return os.listdir(view.path)

    def all(self):
        """Functions for all that is done to a share, by name."""
        return {
            'backup': lambda: self.use(True),
            'restore': lambda: self.use(False),
            'snapshot': lambda: self.source.create_snapshot(
                self.share, 's', 1, self.progress),
            'remove': lambda: self.source.remove(self.share, self.progress)}

    def assertRefused(self, said):
        os.makedirs(self.source.path, exist_ok=True)
        for name, function in self.all().items():
            error = self.assertRaises(shares.ShareError, function)
            self.assertIn(said, str(error), name)
        self.assertEqual(['file'], os.listdir(self.secret))

    def test_by_a_link_above_it(self):
        above = os.path.dirname(self.path)
        os.rename(above, above + '2')
        os.symlink(os.path.dirname(self.secret), above)
        self.assertRefused('through a symbolic link')

    def test_by_a_link_in_its_place(self):
        os.rename(self.path, self.path + '2')
        os.symlink(self.secret, self.path)
        self.assertRefused('through a symbolic link')

    def test_by_another_directory(self):
        os.rename(self.path, self.path + '2')
        os.rename(self.secret, self.path)
        self.secret = self.path
        self.assertRefused('another directory than')
        self.assertRefused('manila-backup-manage share trust a')

    def test_by_one_on_another_file_system(self):
        self.share.identity['system'] = 'uuid:of-another'
        self.assertRefused('probably not mounted')

    def test_gone(self):
        os.rename(self.path, self.path + '2')
        self.assertRefused('can\'t be reached')

    def test_back_again(self):
        os.rename(self.path, self.path + '2')
        os.rename(self.path + '2', self.path)
        for read_only in True, False:
            self.assertEqual(['file'], self.use(read_only))

    def test_while_it_is_used(self):
        for job in shares.Job('op', 'b', 1, False), shares.Job('op', 'b', 1):
            with mock.patch.object(directories.Directory, 'check_still',
                                   autospec=True) as check:
                with self.source.use(self.share, job,
                                     self.progress) as view:
                    os.rename(self.path, self.path + '2')
                    os.symlink(self.secret, self.path)
                    # It is the one that it was.
                    with open(os.path.join(view.path, 'file')) as file:
                        self.assertEqual(self.path, file.read())
                    self.assertEqual(0, check.call_count)
                self.assertEqual(1, check.call_count)
            with self.assertRaisesRegex(shares.ShareError, 'through a'):
                self.use(job.read_only)
            os.unlink(self.path)
            os.rename(self.path + '2', self.path)

    def test_what_went_away_while_it_was_used_is_told(self):
        for read_only in True, False:
            job = shares.Job('op', 'b', 1, read_only)

            def use(job):
                with self.source.use(self.share, job, self.progress):
                    os.rename(self.path, self.path + '2')

            error = self.assertRaises(shares.ShareError, use, job)
            self.assertIn('while it was used', str(error))
            self.assertTrue(error.retryable)
            os.rename(self.path + '2', self.path)

    def test_one_that_nothing_is_noted_of_is_not_emptied_blindly(self):
        share = shares.ShareRef('a', 'p', self.path)
        os.chmod(os.path.dirname(self.path), 0o777)
        self.assertRaises(shares.ShareError, self.source.remove, share,
                          self.progress)
        self.assertEqual(['file'], os.listdir(self.path))
        os.chmod(os.path.dirname(self.path), 0o755)
        self.source.remove(share, self.progress)
        self.assertEqual([], os.listdir(self.path))


class OwnShares(TestCase):
    """Shares that the service makes, and the directory that holds them."""

    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.root, 'state', 'shares')
        self.progress = progress.Progress()
        self.source = local.LocalShares(self.path)

    def share(self, source=None, **kwargs):
        source = source or self.source
        share = shares.ShareRef('a', 'p', **kwargs)
        return shares.ShareRef('a', 'p', None, source.create(share),
                               source.identify_root(['a']))

    def modes(self, *paths):
        return [os.stat(path).st_mode & 0o7777 for path in paths]

    def all(self, share):
        def use():
            with self.source.use(share, shares.Job('op', 'b', 1),
                                 self.progress):
                pass

        return (use, lambda: self.source.create(share),
                lambda: self.source.create_snapshot(share, 's', 1,
                                                    self.progress),
                lambda: self.source.remove_snapshot(share, 's',
                                                    self.progress),
                lambda: self.source.remove(share, self.progress))

    def test_are_for_the_services_user_only(self):
        umask = os.umask(0)
        self.addCleanup(os.umask, umask)
        for mode in 'auto', 'live':
            self.source = local.LocalShares(
                os.path.join(self.root, mode, 'shares'), mode)
            share = self.share()
            self.source.create_snapshot(share, 's', 1, self.progress)
            path = self.source.path
            snapshots = os.path.join(path, '.snapshots')
            self.assertEqual([0o700] * 5, self.modes(
                os.path.dirname(path), path, os.path.join(path, 'a'),
                snapshots, os.path.join(snapshots, 'a')))

    def test_may_be_reachable_if_that_is_wanted(self):
        umask = os.umask(0o077)
        self.addCleanup(os.umask, umask)
        self.share(local.LocalShares(self.path, exported=True))
        self.assertEqual([0o711, 0o755], self.modes(
            self.path, os.path.join(self.path, 'a')))

    def test_the_directory_that_holds_them_is_another_one(self):
        share = self.share()
        os.rename(self.path, self.path + '2')
        os.mkdir(self.path)
        os.mkdir(os.path.join(self.path, 'a'))
        for function in self.all(share):
            error = self.assertRaises(shares.ShareError, function)
            self.assertIn('share trust local_shares', str(error))
        self.assertEqual(['a'], os.listdir(self.path))
        self.assertEqual([], os.listdir(os.path.join(self.path, 'a')))

    def test_the_directory_that_holds_them_is_gone(self):
        share = self.share()
        os.rename(self.path, self.path + '2')
        for function in self.all(share):
            error = self.assertRaises(shares.ShareError, function)
            self.assertTrue(error.retryable)
        self.assertEqual(['shares2'],
                         os.listdir(os.path.dirname(self.path)))

    def test_one_is_another(self):
        share = self.share()
        path = os.path.join(self.path, 'a')
        os.rename(path, path + '2')
        os.mkdir(path)
        use, _, snapshot, _, remove = self.all(share)
        for function in use, snapshot, remove:
            error = self.assertRaises(shares.ShareError, function)
            self.assertIn('another directory', str(error))
        self.assertTrue(os.path.isdir(path))

    def test_an_empty_directory_is_not_taken_for_the_one_that_holds_them(
            self):
        error = self.assertRaises(
            shares.ShareError, self.source.identify_root, ['a', 'b'])
        self.assertTrue(error.retryable)
        os.makedirs(self.path)
        error = self.assertRaises(
            shares.ShareError, self.source.identify_root, ['a', 'b'])
        self.assertIn('probably not mounted', str(error))
        os.mkdir(os.path.join(self.path, 'b'))
        self.source.identify_root(['a', 'b'])


class Mounts(TestCase):

    def test_what_should_be_mounted_and_is_not(self):
        fstab = os.path.join(self.root, 'fstab')
        path = self.make('a b', 'data')
        with open(fstab, 'w') as file:
            file.write('# comment\n\nUUID=x / ext4 defaults 0 1\n'
                       'UUID=y none swap sw 0 0\n'
                       f'server:/x {self.root}/a\\040b nfs noauto 0 0\n')
        source = local.LocalShares(os.path.join(self.root, 'a b', 'shares'))
        share = shares.ShareRef('a', 'p', path)
        source.adopt(share)
        with mock.patch.object(mount_table, '_FSTAB', fstab):
            for function in (lambda: source.adopt(share),
                             lambda: source.identify(share),
                             lambda: source.identify_root([])):
                error = self.assertRaises(shares.ShareError, function)
                self.assertIn(f'mounted at {self.root}/a b, although',
                              str(error))
                self.assertTrue(error.retryable)
            other = self.make('a')
            source.adopt(shares.ShareRef('a', 'p', other))
            # What should be mounted in a share matters if it is part of it.
            for read_only in (True, False):
                job = shares.Job('op', 'b', 1, read_only)
                for include, path_ in ((False, self.root), (True, path)):
                    with source.use(shares.ShareRef(
                            'a', 'p', path_, include_mounts=include), job,
                            progress.Progress()):
                        pass
                with self.assertRaises(shares.ShareError) as got:
                    with source.use(shares.ShareRef(
                            'a', 'p', self.root, include_mounts=True), job,
                            progress.Progress()):
                        pass
                self.assertIn(f'mounted at {self.root}/a b, although',
                              str(got.exception))
        self.assertEqual(['data'], os.listdir(os.path.dirname(path)))
        with mock.patch.object(mount_table, '_FSTAB', fstab + '2'):
            self.assertEqual([], mount_table.to_be_mounted())


class Adopting(TestCase):

    def test_only_below_what_is_allowed(self):
        path = self.make('a', 'b')
        share = shares.ShareRef('a', 'p', path)
        for allowed, may in (((self.root,), True), ((), False),
                             ((path,), False), (('/',), True)):
            source = local.LocalShares(os.path.join(self.root, 'shares'),
                                       adopt_below=allowed)
            if may:
                source.adopt(share)
            else:
                error = self.assertRaises(shares.ShareError, source.adopt,
                                          share)
                self.assertIn('adopt_below', str(error))

    def test_not_where_others_can_replace_it(self):
        path = self.make('a', 'b')
        os.chmod(os.path.dirname(path), 0o777)
        source = local.LocalShares(os.path.join(self.root, 'shares'))
        error = self.assertRaises(shares.ShareError, source.adopt,
                                  shares.ShareRef('a', 'p', path))
        self.assertIn('others can write to it', str(error))
