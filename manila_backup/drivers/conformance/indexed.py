# SPDX-License-Identifier: Apache-2.0
"""More for drivers whose backups can be looked into."""

import os
import random
import stat

from manila_backup.contents import reader
from manila_backup.drivers import base
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees

_WORDS = {stat.S_IFREG: 'file', stat.S_IFDIR: 'directory',
          stat.S_IFLNK: 'symlink', stat.S_IFIFO: 'fifo',
          stat.S_IFSOCK: 'socket', stat.S_IFCHR: 'character_device',
          stat.S_IFBLK: 'block_device'}


class Indexed(case.Case):
    """Conformance tests of drivers that have
    :meth:`~manila_backup.drivers.base.BackupDriver.open_index` and
    :meth:`~manila_backup.drivers.base.BackupDriver.open_file`.
    """

    def setUp(self):
        super().setUp()
        self.folder = self.make('indexes')

    def index(self, what=None):
        """The index of a published backup."""
        found = self.driver.open_index(what or case.place(), self.folder)
        self.addCleanup(found.__exit__)
        return found

    def assertListed(self, index, directory=b'.', below=True):
        """Assert that pages of all directories are what the source has.

        :param below: bool, whether those of directories in it are.
        """
        path = os.path.join(os.fsencode(self.source), directory)
        names = sorted(name for name in os.listdir(path) if not (
            directory == b'.' and os.fsdecode(name) in self.IGNORED))
        listed, after = [], None
        while page := index.page(directory, after, 7):
            listed += page
            after = page[-1].name
        self.assertEqual(names, [each.name for each in listed])
        for each in listed:
            st = os.lstat(os.path.join(path, each.name))
            self.assertEqual(each, index.entry(each.path))
            if not each.is_stored:
                continue
            self.assertEqual(_WORDS[stat.S_IFMT(st.st_mode)], each.type)
            self.assertEqual((st.st_uid, st.st_gid, st.st_mtime_ns),
                             (each.uid, each.gid, each.mtime), each)
            if each.type == 'file':
                self.assertEqual(st.st_size, each.size)
            if each.type == 'symlink':
                self.assertEqual(os.readlink(os.path.join(path, each.name)),
                                 each.target)
            else:
                self.assertEqual(st.st_mode, each.mode)
            if each.is_directory and below:
                self.assertListed(index, each.path)

    def test_an_index_lists_what_the_share_had(self):
        self.everything()
        trees.many(self.source, 3, 20)
        report = self.backup()
        index = self.index()
        self.assertListed(index)
        index.check()
        self.assertEqual(index.about()['entries'],
                         sum(1 for _ in index.every()))
        self.assertGreaterEqual(index.about()['entries'],
                                report.files - report.problem_count)

    def test_an_index_of_an_empty_share(self):
        self.backup()
        self.assertEqual([], self.index().page(b'.'))

    def test_searching_in_an_index(self):
        trees.many(self.source, 3, 5)
        odd = os.path.join(os.fsencode(self.source), b'd1', b'f\xff*\n')
        trees.write(odd, b'12345')
        self.backup()
        index = self.index()

        def paths(**wanted):
            found, after = index.search(reader.Wanted(**wanted))
            self.assertIsNone(after)
            return [each.path for each in found]
        self.assertEqual([b'd0/f1', b'd1/f1', b'd2/f1'], paths(name='f1'))
        self.assertEqual([b'd2/f1'], paths(name='f1', under=b'd2'))
        self.assertEqual([b'd1/f\xff*\n'], paths(name='f?[*]?'))
        self.assertEqual([b'd1/f\xff*\n'], paths(
            name='f*', under=b'd1', larger=5, smaller=5))
        first, after = index.search(reader.Wanted(name='f1'), limit=1)
        rest, end = index.search(reader.Wanted(name='f1'), after)
        self.assertEqual([b'd0/f1', b'd1/f1', b'd2/f1'],
                         [each.path for each in first + rest])
        self.assertIsNone(end)
        with self.assertRaises(reader.NoSuchEntry):
            index.search(reader.Wanted(under=b'd7'))

    def test_single_directories(self):
        self.everything()
        trees.many(self.source, 2, 3)
        odd = os.path.join(os.fsencode(self.source), b'd0/\xff\n%')
        os.mkdir(odd)
        trees.write(odd + b'/\xfe', b'odd')
        os.symlink(b'\xfd\n', odd + b'/l\xffnk')
        self.backup()
        directories = [b'.', b'd0', b'd0/\xff\n%', b'd1']
        for _ in range(2):
            for path in directories:
                with self.driver.open_directory(
                        case.place(), self.folder, path) as index:
                    self.assertListed(index, path, below=False)
            # And when there is one of all.
            self.index()
        for path in (b'd7', b'd0/f0', b'd0/f0/x'):
            with self.driver.open_directory(
                    case.place(), self.folder, path) as index:
                with self.assertRaises(reader.NoSuchEntry):
                    index.page(path)

    def test_paths_that_are_not_there(self):
        trees.many(self.source, 1, 1)
        self.backup()
        index = self.index()
        for path in (b'd1', b'd0/f1', b'd0/f0/x', b'd0/../d0', b'', b'/d0'):
            with self.assertRaises(reader.NoSuchEntry):
                index.entry(path)
            with self.assertRaises(reader.NoSuchEntry):
                index.page(path)

    def test_an_index_in_depth(self):
        trees.deep(self.source, min(self.DEPTH, 100), 'n' * 30)
        self.backup()
        self.index().check()

    def test_no_index_without_a_backup(self):
        with self.assertRaises(base.DriverError):
            self.index()
        self.backup()
        self.index()
        self.delete()
        with self.assertRaises(base.DriverError):
            self.index()

    def read(self, path, offset=0, length=1 << 30):
        """Read from a file of a published backup; all of it is checked."""
        index = self.index()
        with self.driver.open_file(case.place(), self.folder, index,
                                   index.entry(path)) as found:
            found.check()
            return found.read(offset, length)

    def test_files_are_read_without_restoring(self):
        odd = b'd\xff\n%/' + b'n' * 200 + b'\xe9'
        source = os.fsencode(self.source)
        os.mkdir(os.path.join(source, b'd\xff\n%'))
        content = random.Random(1).randbytes(300_000)
        for name, data in ((b'empty', b''), (odd, b'odd'), (b'-x', b'dash'),
                           (b'large', content)):
            trees.write(os.path.join(source, name), data)
        with open(os.path.join(source, b'holes'), 'wb') as target:
            target.seek(3 << 20)
            target.write(b'end')
        os.link(os.path.join(source, b'large'), os.path.join(source, b'too'))
        self.backup()
        self.assertEqual(b'', self.read(b'empty'))
        self.assertEqual(b'odd', self.read(odd))
        self.assertEqual(b'dash', self.read(b'-x'))
        self.assertEqual(content, self.read(b'large'))
        self.assertEqual(content, self.read(b'too'))
        self.assertEqual(content[1000:1007], self.read(b'large', 1000, 7))
        self.assertEqual(content[-7:], self.read(b'large', 299_993, 99))
        self.assertEqual(b'', self.read(b'large', 300_000, 1))
        self.assertEqual(bytes(3 << 20) + b'end', self.read(b'holes'))

    def test_files_of_a_backup_that_was_deleted(self):
        trees.many(self.source, 1, 1)
        self.backup()
        index = self.index()
        one = index.entry(b'd0/f0')
        self.delete()
        with self.assertRaises(base.DriverError):
            self.driver.open_file(case.place(), self.folder, index, one)
