# SPDX-License-Identifier: Apache-2.0
"""Nothing leads out of a root."""

import os

import testtools

from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import removal
from tests.unit.fs import base


class BeneathTest(base.TestCase):

    def where(self, fd):
        return os.path.relpath(os.readlink(f'/proc/self/fd/{fd}'),
                               os.path.realpath(self.path('root')))

    def descent(self, kind=handles.Descent, **kwargs):
        made = kind(self.root, **kwargs)
        self.addCleanup(made.close)
        return made

    def test_it_goes_where_it_is_told(self):
        descent = self.descent()
        for path in ('a/b/c', 'a', 'a/b', '.', 'a/b/c', 'a/b/c'):
            self.assertEqual(path, self.where(descent.enter(path.encode())))

    def test_a_handle_stays_what_it_was_opened_for(self):
        os.makedirs(self.path('root/d/e'))
        descent = self.descent()
        one = descent.enter(b'a/b/c')
        others = [descent.enter(path) for path in (b'd', b'd/e', b'a')]
        descent.close()
        self.assertEqual('a/b/c', self.where(one))
        self.assertEqual(['d', 'd/e', 'a'], list(map(self.where, others)))
        os.mkdir('made', dir_fd=one)
        self.assertEqual(['made'], os.listdir(self.path('root/a/b/c')))

    def test_a_handle_is_closed_with_the_last_reference(self):
        descent = self.descent()
        before = len(os.listdir('/proc/self/fd'))
        one = descent.enter(b'a/b/c')
        other = one
        descent.close()
        self.assertEqual(before + 1, len(os.listdir('/proc/self/fd')))
        del one, other
        self.assertEqual(before, len(os.listdir('/proc/self/fd')))

    def test_it_follows_no_link(self):
        os.symlink(self.path('outside'), self.path('root/link'))
        for path in (b'link', b'link/b'):
            self.assertRaises(OSError, self.descent().enter, path)
        self.assertRaises(OSError, self.descent(
            handles.MakingDescent).enter, b'link/b')

    def test_it_goes_on_after_it_failed(self):
        descent = self.descent()
        self.assertRaises(FileNotFoundError, descent.enter, b'a/b/x/y')
        self.assertEqual('a/b', self.where(descent.enter(b'a/b')))
        self.assertRaises(FileNotFoundError, descent.enter, b'a/b/x/y')
        self.assertEqual('a/b/c', self.where(descent.enter(b'a/b/c')))

    def test_few_descriptors_however_deep(self):
        descent = self.descent(handles.MakingDescent)
        before = len(os.listdir('/proc/self/fd'))
        path = b'/'.join([b'd'] * 500)
        descent.enter(path)
        self.assertLess(len(os.listdir('/proc/self/fd')), before + 70)
        for end in (b'/x', b'', b'/y/z'):
            self.assertEqual((path + end).decode(), self.where(
                descent.enter(path + end)))
        self.assertEqual('d/d/e', self.where(descent.enter(b'd/d/e')))
        removal.remove(b'd', self.root)
        self.assertEqual(['a'], os.listdir(self.path('root')))

    def test_replacing_removes_the_link_and_not_what_it_names(self):
        os.symlink(self.path('outside'), self.path('root/link'))
        descent = self.descent(handles.MakingDescent, replace=True)
        self.assertEqual('link/b', self.where(descent.enter(b'link/b')))
        self.assertEqual(['b'], os.listdir(self.path('outside')))

    def test_within(self):
        inner = os.open(self.path('root/a/b'), os.O_RDONLY)
        self.addCleanup(os.close, inner)
        self.assertTrue(handles.is_within(inner, os.fstat(self.root)))
        self.assertTrue(handles.is_within(inner, os.fstat(inner)))
        self.assertFalse(handles.is_within(self.root, os.fstat(inner)))


class PrintableTest(testtools.TestCase):
    def test_one_line_whatever_the_name(self):
        self.assertEqual('a b', errors.printable(b'a b'))
        self.assertEqual('a\\nb\\x1b', errors.printable(b'a\nb\x1b'))
        self.assertEqual('\\xff', errors.printable(b'\xff'))
        self.assertLess(len(errors.printable(b'x' * 100_000)), 500)
