# SPDX-License-Identifier: Apache-2.0
"""The manifest's format, line by line."""

import itertools
import os
import tempfile
import zlib

import testtools

from manila_backup.copying import manifest
from manila_backup.copying import manifest_index
from manila_backup.copying import tree
from manila_backup.drivers import base
from manila_backup.fs import dirent

NAMES = (b'plain', b'with space', b'new\nline', b'\xff\xfe', b'%41', b'a=b',
         b'\x01\x7f', b'x' * 255)


def entry(kind, name=b'n', **kwargs):
    fields = {'mode': 0o4755, 'uid': 1, 'gid': 2, 'mtime': -3, 'ctime': 4,
              'inode': 5, **kwargs}
    return dirent.Entry(kind, name, **fields)


class LineTest(testtools.TestCase):
    def assertKept(self, one):
        text = dirent.line(one)
        self.assertTrue(text.endswith(b'\n'))
        self.assertNotIn(b'\n', text[:-1])
        self.assertEqual(one, dirent.parse(text[:-1]))
        self.assertEqual(one.size, dirent.size_of(text))

    def test_every_kind_comes_back(self):
        for name in NAMES:
            self.assertKept(entry(b'F', name, size=9, extra=b'abc'))
            self.assertKept(entry(b'D', name + b'/' + name))
            self.assertKept(entry(b'L', name, size=len(name), extra=name))
            self.assertKept(entry(b'P', name))
            self.assertKept(entry(b'S', name))
            self.assertKept(entry(b'C', name, extra=os.makedev(1, 3)))
            self.assertKept(entry(b'B', name, extra=os.makedev(300, 70000)))

    def test_attributes_come_back(self):
        self.assertKept(entry(
            b'F', size=0, extra=b'd',
            xattrs=(('user.a=b', b'\0\n'), ('user.empty', b''),
                    ('user. \n\udcff', b'=' * 5)),
            lost=(b'owner', b'x:user.a,b=c')))

    def test_what_is_no_entry(self):
        for text in (b'', b'F', b'X n 1 2 3 4 5 6', b'P n 9 2 3 4 5 6',
                     b'P n 7 2 3 4 5', b'F n 7 2 3 4 5 6 7', b'H n'):
            self.assertRaises(dirent.Malformed, dirent.parse, text)

    def test_names_that_would_lead_astray(self):
        for name in (b'', b'.', b'..', b'a%2Fb', b'a/b', b'a%00'):
            self.assertRaises(dirent.Malformed, dirent.checked_name,
                              name)
        for path in (b'', b'/', b'/etc', b'a/../b', b'..', b'a//b', b'a/',
                     b'./a', b'a/%2E%2E'):
            self.assertRaises(dirent.Malformed, dirent.checked_path,
                              path)


class ManifestCase(testtools.TestCase):
    def write(self, *lines, files, version=manifest.SECOND, paths=None):
        target = tempfile.TemporaryFile()
        self.addCleanup(target.close)
        body = tempfile.TemporaryFile()
        self.addCleanup(body.close)
        text = b''.join(lines)
        body.write(text)
        body.flush()
        with manifest.Writer(os.dup(target.fileno()), {'backup_id': 'b'},
                             version, paths) as writer:
            writer.copy(body.fileno(), 0, len(text))
            self.digest = writer.finish({'files': files})
        return target.fileno()


class ManifestTest(ManifestCase):
    def test_what_is_written_is_read(self):
        lines = [dirent.line(entry(b'D', b'.')),
                 dirent.line(entry(b'D', b'd')),
                 b'd .\n',
                 dirent.line(entry(b'F', b'a', size=10, extra=b'x')),
                 b'c d\n', b'H b\n',
                 b'd d\n', b'U busy 0\n',
                 dirent.line(entry(b'B', extra=1), [b'node'])]
        found = manifest.Manifest(self.write(*lines, files=4))
        self.assertEqual({'backup_id': 'b'}, found.about)
        self.assertEqual(self.digest, found.digest)
        self.assertEqual((4, 3, 10), (found.entries, found.stored_entries,
                                      found.bytes))
        self.assertEqual({b'd': {b'busy', b'n'}}, found.unstored)
        self.assertEqual([b'.', b'd'], [
            path for span in found.directories
            for path, _ in found.described(span)])
        groups = [(path, text[:3], [where for where, _ in links])
                  for span in found.blocks
                  for path, text, links in found.groups(span)]
        self.assertEqual([(b'.', b'F a', [b'd']), (b'd', b'U b', []),
                          (b'd', b'B n', [])], groups)

    def test_blocks_hold_all_entries_once(self):
        lines = [b'd .\n'] + [
            b'd x%d\n' % (number // 10) if number % 10 == 0 else
            dirent.line(entry(b'F', b'%d' % number, size=1 << 20,
                              extra=b'x'))
            for number in range(3000)]
        found = manifest.Manifest(self.write(*lines, files=2700))
        self.assertGreater(len(found.blocks), 20)
        names = [text.split()[1] for span in found.blocks
                 for _, text, _ in found.groups(span)]
        self.assertEqual([b'%d' % number for number in range(3000)
                          if number % 10], names)

    def test_any_byte_changed_is_found(self):
        fd = self.write(dirent.line(entry(b'D', b'.')), b'd .\n',
                        dirent.line(entry(b'P', b'p')), files=1)
        good = os.pread(fd, 10000, 0)
        for at in range(len(good)):
            os.pwrite(fd, bytes([good[at] ^ 1]), at)
            self.assertRaises((dirent.Malformed, ValueError, IndexError,
                               AttributeError, KeyError),
                              manifest.Manifest, fd)
            os.pwrite(fd, good[at:at + 1], at)
        manifest.Manifest(fd)

    def test_a_check_without_the_entries(self):
        for count in (1, 40_000):
            fd = self.write(b'd .\n', *[
                dirent.line(entry(b'P', b'p%d' % number))
                for number in range(count)], files=count)
            found = manifest.Manifest(fd)
            self.assertEqual(found.about, manifest.check(fd))
            size = os.fstat(fd).st_size
            for at in (0, 30, size // 2, size - 1):
                good = os.pread(fd, 1, at)
                os.pwrite(fd, bytes([good[0] ^ 1]), at)
                self.assertRaises(dirent.Malformed, manifest.check, fd)
                os.pwrite(fd, good, at)
            for cut in (size - 1, size // 2, 80, 10, 0):
                os.ftruncate(fd, cut)
                self.assertRaises(dirent.Malformed, manifest.check, fd)


class VersionsTest(ManifestCase):
    """Directories are called by numbers, or, in the first version, by their
    paths; readers give paths for both."""

    def lines(self):
        long = b'x' * 200
        return [
            dirent.line(entry(b'D', b'.', extra=(0, 0))),
            dirent.line(entry(b'D', b'a b', extra=(1, 0))),
            dirent.line(entry(b'D', b'\xff', extra=(2, 1), xattrs=(
                ('user.a', b'1'),))),
            *(dirent.line(entry(b'D', long, extra=(number, number - 1)))
              for number in range(3, 1003)),
            b'd /2\n',
            dirent.line(entry(b'F', b'f', size=3, extra=b'x')),
            b'c /1002\n', b'H g\n', b'c /0\n', b'H h\n',
            b'd /1002\n', b'U busy 0\n',
            b'd /1\n', dirent.line(entry(b'S', b's'), [b'node'])]

    def written(self, version):
        lines = self.lines()
        text = tempfile.TemporaryFile()
        self.addCleanup(text.close)
        journal = tree.Tree(text.fileno())
        offset = 0
        for each in lines:
            text.write(each)
            if each.startswith(b'D '):
                journal.add(each, offset)
            offset += len(each)
        text.flush()
        return self.write(*lines, files=1006, version=version, paths=journal)

    def test_both_say_the_same(self):
        deep = b'/'.join([b'a b', b'\xff'] + [b'x' * 200] * 1000)
        sizes = []
        for version in (manifest.FIRST, manifest.SECOND):
            fd = self.written(version)
            sizes.append(os.fstat(fd).st_size)
            found = manifest.Manifest(fd)
            described = [each for span in found.directories
                         for each in found.described(span)]
            self.assertEqual([b'.', b'a b', b'a b/\xff'],
                             [path for path, _ in described[:3]])
            self.assertEqual(deep, described[-1][0])
            self.assertEqual((('user.a', b'1'),), described[2][1].xattrs)
            self.assertEqual(described[::-1], [
                each for span in reversed(found.directories)
                for each in found.described(span, backwards=True)])
            groups = [(path, text.split()[1], list(links))
                      for span in found.blocks
                      for path, text, links in found.groups(span)]
            self.assertEqual(
                [(b'a b/\xff', b'f', [(deep, b'H g'), (b'.', b'H h')]),
                 (deep, b'busy', []), (b'a b', b's', [])], groups)
            self.assertEqual({b'busy'}, found.unstored_in(*described[-1]))
            self.assertEqual({b's'}, found.unstored_in(*described[1]))
            self.assertEqual(set(), found.unstored_in(*described[2]))
            self.assertEqual({deep: {b'busy'}, b'a b': {b's'}},
                             dict(found.unstored_names()))
            self.assertEqual((1006, 1005, 3), (
                found.entries, found.stored_entries, found.bytes))
            self._look_up(fd, deep)
        # Each name once.
        self.assertGreater(sizes[0], 1000 * 500 * 200)
        self.assertLess(sizes[1], 1000 * 300)

    def _look_up(self, fd, deep):
        index = manifest_index.Index(fd, every=True)
        self.assertEqual([3], [dirent.parse(text).size for text in
                               index.find(b'a b/\xff', b'f')])
        self.assertEqual([], list(index.find(deep, b'f')))
        self.assertTrue(index.has(b'a b/\xff', b'f'))
        self.assertTrue(index.has(deep, b'g'))
        self.assertFalse(index.has(deep, b's'))
        for path in (b'.', b'a b', b'a b/\xff', deep):
            self.assertIsNotNone(index.directory(path))
        self.assertIsNone(index.directory(b'x'))

    def test_numbers_that_are_none(self):
        good = self.lines()
        for at, text in ((1, b'D /2 /0 n 7 2 3 4 5 6\n'),
                         (1, b'D /1 /1 n 7 2 3 4 5 6\n'),
                         (1, b'D /1 /-1 n 7 2 3 4 5 6\n'),
                         (1003, b'd /1003\n'), (1003, b'd /\n'),
                         (1003, b'd /x\n'), (1005, b'c /2000\n')):
            lines = list(good)
            lines[at] = text
            self.assertRaises(dirent.Malformed, manifest.Manifest,
                              self.write(*lines, files=1006))

    def test_a_version_that_is_not_known(self):
        fd = self.written(3)
        for function in (manifest.Manifest, manifest.check):
            exc = self.assertRaises(base.DriverError, function, fd)
            self.assertNotIsInstance(exc, base.DamagedBackup)
            self.assertTrue(exc.retryable)
            self.assertIn('version 3', exc.message)


class IndexTest(testtools.TestCase):
    def test_files_are_found_by_path_and_name(self):
        source = tempfile.TemporaryFile()
        self.addCleanup(source.close)
        for directory in (b'.', b'a', b'a/b'):
            source.write(b'd %b\n' % directory)
            for name in NAMES:
                source.write(dirent.line(entry(
                    b'F', name, size=len(directory), extra=b'x')))
        source.write(b'F torn 755 1')
        source.flush()
        index = manifest_index.Index(source.fileno())
        self.assertEqual(3 * len(NAMES), len(index))
        for directory in (b'.', b'a', b'a/b'):
            for name in NAMES:
                sizes = {dirent.parse(text).size
                         for text in index.find(directory, name)}
                self.assertEqual({len(directory)}, sizes)
                self.assertTrue(index.has(directory, name))
            self.assertFalse(index.has(directory, b'other'))

    def test_names_with_the_same_hash_are_told_apart(self):
        seen = {}
        for number in itertools.count():
            one = b'd%d' % number
            key = zlib.crc32(b'f', zlib.crc32(one)) & manifest_index._HASH
            other = seen.setdefault(key, one)
            if other != one:
                break
        source = tempfile.TemporaryFile()
        self.addCleanup(source.close)
        for directory in (one, other):
            source.write(b'd %b\n' % directory)
            source.write(dirent.line(entry(b'F', b'f', extra=directory)))
        source.flush()
        index = manifest_index.Index(source.fileno())
        for directory in (one, other):
            self.assertEqual([directory], [
                dirent.parse(text).extra
                for text in index.find(directory, b'f')])

    def test_lines_longer_than_what_is_read_at_once(self):
        source = tempfile.TemporaryFile()
        self.addCleanup(source.close)
        long = b'/'.join([b'x' * 200] * 1000)
        source.write(b'd %b\n' % long)
        lines = [dirent.line(entry(
            b'F', b'f%d' % number, extra=b'x',
            xattrs=(('user.x', bytes(size)),)))
            for number, size in enumerate((60_000, 10, 200_000, 0))]
        source.writelines(lines)
        source.flush()
        index = manifest_index.Index(source.fileno())
        for number in (2, 0, 3, 1):
            self.assertEqual([lines[number][:-1]],
                             list(index.find(long, b'f%d' % number)))
