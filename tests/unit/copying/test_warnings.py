# SPDX-License-Identifier: Apache-2.0

import hashlib
import os
import tempfile

from oslotest import base

from manila_backup.copying import reporting
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


class Noted(base.BaseTestCase):

    def test_attributes_of_any_name(self):
        problems = reporting.Problems()
        problems.lost(b'a', [b'x:user.\xff\n\x1b'])
        self.assertEqual(
            ['"a": could not keep its extended attribute '
             'user.\\xff\\n\\x1b.'], problems.sentences)
