# SPDX-License-Identifier: Apache-2.0

import functools
import hashlib
import os
import tempfile
from unittest import mock

from oslotest import base

from manila_backup.copying import reporting
from manila_backup.copying import tree_copy
from manila_backup.copying import warnings
from manila_backup.fs import dirent
from manila_backup import quoting

_HEAD = b'''manila-backup-manifest 2
about {"record": {"warnings": [[".", "no_snapshot", []]]}}
D /0 /0 . 755 0 0 1 1 2
D /1 /0 d%20e 755 0 0 1 1 3 lost=mode
D /2 /1 in 755 0 0 1 1 4 lost=entries,owner
d /0
F good 644 0 0 1 1 5 2 - x:*flags=AA== lost=x:*flags
F f%FF 644 0 0 1 1 5 2 - x:user.a%25b=AA== lost=x:user.a%25b,time,x:*room
H again lost=node
U busy 0
d /2
U f%25 0 why=unreadable
U later 0 why=unheard-of
U m 0 why=mounted
'''

_EXPECTED = [
    ('.', 'no_snapshot', ()),
    ('d e/in', 'partial', ()),
    ('d e/in', 'properties', ('owner',)),
    ('f%FF', 'properties', ('xattr:user.a%25b', 'time', 'room')),
    ('busy', 'changing', ()),
    ('d e/in/f%25', 'unreadable', ()),
    ('d e/in/later', 'unreadable', ()),
    ('d e/in/m', 'mounted', ()),
]


class Warnings(base.BaseTestCase):

    def manifest(self, totals, head=_HEAD):
        text = head + b'totals %b\n' % totals
        text += b'sha256 %b\n' % hashlib.sha256(text).hexdigest().encode()
        file = tempfile.TemporaryFile()
        self.addCleanup(file.close)
        file.write(text)
        file.flush()
        return file.fileno()

    def read(self, fd, skip=0, limit=100):
        page = warnings.read(fd, skip, limit)[1]
        return [(quoting.quote(each.path), str(each.code), each.lost)
                for each in page.warnings], page.complete

    def test_of_a_manifest(self):
        fd = self.manifest(b'{"problem_count": 9, "notes": '
                           b'[["d/l%20", "hard_link", []],'
                           b' ["x", "unheard-of", []]]}')
        expected = [*_EXPECTED, ('d/l ', 'hard_link', ()),
                    ('x', 'properties', ())]
        self.assertEqual((expected, True), self.read(fd))
        for skip in range(len(expected) + 1):
            self.assertEqual((expected[skip:skip + 3], True),
                             self.read(fd, skip, 3))

    def test_of_an_earlier_release(self):
        fd = self.manifest(b'{"problem_count": 8}')
        self.assertEqual((_EXPECTED, False), self.read(fd))

    def test_of_the_first_version(self):
        fd = self.manifest(
            b'{"problem_count": 2}', b'manila-backup-manifest 1\nabout {}\n'
            b'D . 755 0 0 1 1 2\nD a/%20 755 0 0 1 1 2 lost=owner\nd a/%20\n'
            b'U x 0\n')
        self.assertEqual([('a/ ', 'properties', ('owner',)),
                          ('a/ /x', 'changing', ())], self.read(fd)[0])

    def test_more_than_could_be_noted(self):
        fd = self.manifest(b'{"problem_count": 9, "notes": [], '
                           b'"notes_are_cut": true}')
        self.assertEqual((_EXPECTED, False), self.read(fd))

    def test_of_a_damaged_one(self):
        fd = self.manifest(b'{"problem_count": 9, "notes": []}')
        os.pwrite(fd, b'x', len(_HEAD) - 3)
        self.assertRaises(dirent.Malformed, warnings.read, fd, 0, 1)
        os.ftruncate(fd, len(_HEAD))
        self.assertRaises(dirent.Malformed, warnings.read, fd, 0, 1)

    def test_paths_that_have_no_room(self):
        """They are of some 100 KB: not as many at once as are asked for."""
        where = b'n' * 200 * 1024
        cut = warnings.Cut(1, 1000)
        for number in range(100):
            cut.add(functools.partial(b'%b%d'.__mod__, (where, number)),
                    'unreadable')
        self.assertEqual([b'%b%d' % (where, number) for number in
                          range(1, 1 + quoting.MOST_BYTES // len(where))],
                         [each.path for each in cut.kept])
        self.assertTrue(cut.more)
        cut = warnings.Cut(0, 1)
        for _ in range(2):
            cut.add(where * 100, 'unreadable')
        self.assertEqual((1, False), (len(cut.kept), cut.more))


class Noted(base.BaseTestCase):

    def test_no_more_than_there_is_room_for(self):
        where = b'n' * 200 * 1024
        for path in b'name', where:
            problems = reporting.Problems()
            note = warnings.note(path, 'unreadable')
            most = reporting.MAX_NOTE_BYTES // (
                len(path) + reporting.NOTE_BYTES)
            for _ in range(most + 1):
                self.assertFalse(problems.are_cut)
                problems.add('It is told.', note=note)
            self.assertEqual((most, True, most + 1), (
                len(problems.notes), problems.are_cut, problems.count))

    def test_what_a_process_could_not_note(self):
        """Its own notes are cut, not those of all together."""
        made = mock.create_autospec(tree_copy.TreeCopy, instance=True)
        made.problems = reporting.Problems()
        made.totals = {}
        made._described = ()
        made._copied = [{'problems': [], 'count': 9, 'missing': 0,
                         'notes': [], 'are_cut': True}]
        tree_copy.TreeCopy.add_up(made)
        self.assertTrue(made.problems.are_cut)

    def test_attributes_of_any_name(self):
        problems = reporting.Problems()
        problems.lost(b'a', [b'x:user.\xff\n\x1b'])
        self.assertEqual(
            ['"a": could not keep its extended attribute '
             'user.\\xff\\n\\x1b.'], problems.sentences)
