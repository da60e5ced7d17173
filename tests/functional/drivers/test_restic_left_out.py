# SPDX-License-Identifier: Apache-2.0
"""Parts of a share that restic must not read, whatever they are called and
however much of them there is: those, and nothing else, are left out."""

import os
import subprocess

from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from tests.functional.drivers import test_restic

#: Names that a program could take for something else, and others that they
#: would then be of.
NAMES = {
    b'*': b'any', b'a?': b'ab', b'[a-z]': b'b', b'[!a]': b'c',
    b'\\d': b'd', b'\\\\e': b'\\e', b'**': b'f', b'!g': b'g',
    b'{h,i}': b'h', b'$HOME': b'HOME', b'~': b'~root', b'j\nk': b'k',
    b'\n': b'l', b' m ': b'm', b'#n': b'n', b'-o': b'o', b'--': b'p',
    b'q\\\n': b'q', b'\xff*': b'\xffr', b'[': b'[s', b']t[': b't[',
    b'u,v': b'u', b'"w"': b'w', b'x\ty': b'x y', b'z\r': b'z'}


class ResticLeftOutTest(test_restic.ResticMixin, case.Case):

    IGNORED = ('.ignored*', '.not[x]', '.a\\', '!.b', '.c\nd')

    def make_driver(self, *args, **kwargs):
        return super().make_driver(*args, **{'hole_limit': 1 << 20, **kwargs})

    def fill(self):
        """Have names in two directories, those that are to be left out as
        files of more holes than is allowed."""
        for directory in b'', b'in*', b'inside':
            at = os.path.join(os.fsencode(self.source), directory)
            os.makedirs(at, exist_ok=True)
            for name, other in NAMES.items():
                trees.write(os.path.join(at, other), other)
                if directory != b'inside':
                    trees.write(os.path.join(at, name), b'x')
                    os.truncate(os.path.join(at, name), 8 << 20)
                else:
                    trees.write(os.path.join(at, name), name)

    def expected(self):
        found = trees.snapshot(self.source, self.IGNORED)
        for name in NAMES:
            del found[name]
            del found[b'in*/' + name]
        return found

    def test_names_are_no_patterns(self):
        self.fill()
        report = self.backup()
        self.assertEqual(2 * len(NAMES), report.problem_count)
        self.assertStored(self.expected())
        # Nor does a restore remove them, or what is called otherwise.
        before = trees.snapshot(self.source)
        self.assertEqual(0, self.restore(target=self.source).missing)
        self.assertSame(before, self.source)

    def test_names_that_are_ignored_are_no_patterns(self):
        beside = ('.ignoredx', '.notx', '.a', '.b', '.cd', '.c')
        for name in (*self.IGNORED, *beside):
            os.mkdir(os.path.join(self.source, name))
            trees.write(os.path.join(self.source, name, 'f'), b'x')
        self.backup()
        expected = trees.snapshot(self.source, self.IGNORED)
        self.assertLessEqual({os.fsencode(name) for name in beside},
                             set(expected))
        self.assertStored(expected)

    def test_more_than_a_command_line_holds(self):
        trees.write(os.path.join(self.source, 'beside'), b'x')
        at = self.source
        for _ in range(4):
            at = os.path.join(at, 'd' * 250)
            os.mkdir(at)
            trees.write(os.path.join(at, 'beside'), b'x')
        for number in range(2_500):
            trees.write(os.path.join(at, f'{number:0250}'), b'')
            os.truncate(os.path.join(at, f'{number:0250}'), 8 << 20)
        os.mkdir(os.path.join(at, 'e'))
        before = trees.snapshot(self.source)
        for number in (1, 2):
            report = self.backup(case.place(number))
            self.assertEqual((), report.problems)
            self.assertEqual(len(before) - 1, report.files)
        subprocess.run(['find', self.source, '-mindepth', '1', '-delete'],
                       check=True)
        self.assertEqual((), self.restore(target=self.source).problems)
        self.assertSame(before, self.source)
