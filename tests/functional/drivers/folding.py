# SPDX-License-Identifier: Apache-2.0
"""Shares whose file system takes names for the same that differ in case or
Unicode normalisation."""

import os
import stat
import subprocess

from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from tests.functional.drivers import casefs
from tests.functional.drivers import hostile

E_COMPOSED, E_DECOMPOSED = 'caf\u00e9', 'cafe\u0301'


class Together(case.Case):
    """Restores of a backup from elsewhere, of more names than the share can
    have."""

    #: Of the file system.
    options = ()

    def setUp(self):
        super().setUp()
        self.share = casefs.mount(self, *self.options)

    def at(self, *names):
        return os.path.join(self.share, *names)

    def respell(self, directory, name, other):
        """Rename on any such file system."""
        path = self.at(directory, 'aside')
        os.rename(self.at(directory, name), path)
        os.rename(path, self.at(directory, other))
        self.assertIn(other, os.listdir(self.at(directory)))

    def restored(self, expected, **kwargs):
        report = self.restore(target=self.share, **kwargs)
        self.assertSame(expected, self.share)
        return report

    def test_names_that_fall_together(self):
        for name in ('A.txt', 'a.txt', 'a.TXT', 'b', E_COMPOSED,
                     E_DECOMPOSED):
            trees.write(os.path.join(self.source, name), name.encode())
        os.symlink('nowhere', os.path.join(self.source, 'B'))
        os.mkfifo(os.path.join(self.source, 'file'))
        trees.write(os.path.join(self.source, 'FILE'), b'a file')
        self.backup()
        expected = trees.snapshot(self.source)
        lost = ['a.txt', 'a.TXT', 'b', 'file',
                max(E_COMPOSED, E_DECOMPOSED, key=os.fsencode)]
        for name in lost:
            del expected[os.fsencode(name)]
        self._twice(expected, lost)
        # Whatever of them the share has.
        self.respell('', 'A.txt', 'a.txt')
        trees.write(self.at('a.txt'), b'a.txt')
        self.respell('', 'FILE', 'file')
        self._twice(expected, lost)

    def _twice(self, expected, lost):
        for _ in range(2):
            report = self.restored(expected)
            self.assertEqual(len(lost), report.problem_count,
                             report.problems)
            for name in lost:
                self.assertIn(f'"{name}" was not restored',
                              ' '.join(report.problems))

    def test_directories_that_fall_together(self):
        for name in ('Docs', 'docs', 'docs/below', 'e'):
            os.mkdir(os.path.join(self.source, name))
        for path in ('Docs/a', 'Docs/same', 'docs/b', 'docs/same',
                     'docs/below/A', 'docs/below/a', 'E', 'e/f'):
            trees.write(os.path.join(self.source, path), path.encode())
        self.backup()
        expected = trees.snapshot(self.source)
        for path in list(expected):
            if path.startswith((b'docs', b'e')):
                del expected[path]
        self._twice(expected, ['docs', 'e'])
        self.respell('', 'Docs', 'docs')
        os.unlink(self.at('E'))
        os.mkdir(self.at('e'))
        trees.write(self.at('docs', 'b'), b'too much')
        self._twice(expected, ['docs', 'e'])

    def test_hard_links_that_fall_together(self):
        for name in ('D', 'z'):
            os.mkdir(os.path.join(self.source, name))
        one = os.path.join(self.source, 'D', 'one')
        trees.write(one, b'shared')
        for path in ('D/ONE', 'z/other', 'd'):
            os.link(one, os.path.join(self.source, path))
        for path in ('x', 'X'):
            trees.write(os.path.join(self.source, path), path.encode())
        os.link(os.path.join(self.source, 'x'),
                os.path.join(self.source, 'z', 'more'))
        self.backup()
        for _ in range(2):
            report = self.restore(target=self.share)
            self.assertEqual(3, report.problem_count, report.problems)
            for name in ('D/one', 'd', 'x'):
                self.assertIn(f'"{name}" was not restored',
                              ' '.join(report.problems))
            self.assertEqual(['D', 'X', 'z'], sorted(os.listdir(
                self.share)))
            self.assertEqual(['ONE'], os.listdir(self.at('D')))
            for path, content, links in (
                    ('D/ONE', b'shared', 2), ('z/other', b'shared', 2),
                    ('X', b'X', 1), ('z/more', b'x', 1)):
                with open(self.at(path), 'rb') as file:
                    self.assertEqual(content, file.read())
                self.assertEqual(links, os.stat(self.at(path)).st_nlink)
            # What the share has under a name that is passed over may be
            # like what it should be.
            trees.write(self.at('z/more'), b'X')


class Folding(Together):
    """All of it."""

    def test_a_file_that_was_renamed_by_case(self):
        trees.write(self.at('report.txt'), b'content')
        trees.write(self.at('other'), b'x')
        os.symlink('report.txt', self.at('link'))
        os.mkfifo(self.at('fifo'))
        trees.write(self.at(E_COMPOSED), b'coffee')
        before = trees.snapshot(self.share)
        self.backup(source=self.share)
        for name, other in (('report.txt', 'REPORT.TXT'), ('link', 'LINK'),
                            ('fifo', 'Fifo'), (E_COMPOSED, E_DECOMPOSED)):
            self.respell('', name, other)
        trees.write(self.at('Extra'), b'to be removed')
        self.assertEqual((), self.restored(before).problems)

    def test_one_that_was_also_changed(self):
        trees.write(self.at('report.txt'), b'content')
        before = trees.snapshot(self.share)
        self.backup(source=self.share)
        self.respell('', 'report.txt', 'Report.TXT')
        trees.write(self.at('Report.TXT'), b'another one')
        self.assertEqual((), self.restored(before).problems)
        self.respell('', 'report.txt', 'Report.TXT')
        os.unlink(self.at('report.txt'))
        os.mkdir(self.at('Report.Txt'))
        self.assertEqual((), self.restored(before).problems)

    def test_directories_that_were_renamed_by_case(self):
        os.makedirs(self.at('docs', 'below', 'deep'))
        for path in ('docs/a', 'docs/below/b', 'docs/below/deep/c'):
            trees.write(self.at(path), path.encode())
        before = trees.snapshot(self.share)
        self.backup(source=self.share)
        self.respell('docs/below', 'deep', 'DEEP')
        self.respell('docs', 'below', 'Below')
        self.respell('', 'docs', 'DOCS')
        os.unlink(self.at('docs/below/b'))
        os.mkdir(self.at('Extra'))
        self.assertEqual((), self.restored(before).problems)

    def test_hard_links_that_were_renamed_by_case(self):
        os.mkdir(self.at('d'))
        trees.write(self.at('one'), b'shared')
        for name in ('two', 'three', 'd/one'):
            os.link(self.at('one'), self.at(name))
        before = trees.snapshot(self.share)
        self.backup(source=self.share)
        self.respell('', 'one', 'ONE')
        self.respell('', 'three', 'THREE')
        os.link(self.at('one'), self.at('four'))
        self.assertEqual((), self.restored(before).problems)

    def test_backups_of_one_that_was_renamed_in_between(self):
        trees.many(self.share, 2, 5)
        first = trees.snapshot(self.share)
        self.backup(case.place(1), source=self.share)
        self.respell('', 'd0', 'D0')
        self.respell('d1', 'f0', 'F0')
        second = trees.snapshot(self.share)
        self.backup(case.place(2), source=self.share)
        for number, expected in ((1, first), (2, second), (1, first)):
            self.assertEqual([], self.verify(case.place(number)))
            self.assertEqual((), self.restored(
                expected, of=case.place(number)).problems)

    def test_everything_else_is_as_anywhere(self):
        trees.many(self.source, 3, 10)
        for where, _, files in os.walk(self.source):
            for name in files[:3]:
                os.chmod(os.path.join(where, name), 0o640)
        self.backup()
        self.assertEqual((), self.restored(
            trees.snapshot(self.source)).problems)
        subprocess.run(['rm', '-rf', self.at('d0')], check=True)
        os.chmod(self.at('d1/f1'), stat.S_IRUSR)
        self.assertEqual((), self.restored(
            trees.snapshot(self.source)).problems)


class StillFolding(Folding):
    """File systems on which renaming by case alone does nothing."""

    options = ('still',)


class HostileFolding(hostile.Hostile):
    """A hostile share on such a file system."""

    def make(self, name):
        if not hasattr(self, 'share'):
            self.share = casefs.mount(self)
        path = os.path.join(self.share, name)
        os.mkdir(path)
        return path
