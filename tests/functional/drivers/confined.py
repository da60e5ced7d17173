# SPDX-License-Identifier: Apache-2.0
"""Repositories whose file system can't have every name that a share has."""

import os
from unittest import mock

from manila_backup.copying import names
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from manila_backup.drivers.posix import driver
from tests.functional.drivers import casefs

LONG = 'x' * 101
#: Names that "narrow" refuses, and how they are shown.
REFUSED = {LONG.encode(): LONG, b'a:b': 'a:b', b'no \xff': 'no \\xff'}


class Confined(case.Case):

    #: Of the file system.
    options = 'hide',

    def make_driver(self):
        above = casefs.mount(self, *self.options)
        self.repository = os.path.join(above, 'repository')
        return driver.PosixDriver(self.repository, 2, ['lost+found'])

    def at(self, *names):
        return os.path.join(os.fsencode(self.source),
                            *map(os.fsencode, names))

    def assertHolds(self, report, lacking, said):
        """Check that a backup has all but some, which it names and a restore
        leaves alone.

        :param lacking: paths of what it lacks, with all that is below.
        """
        self.assertEqual(len(lacking), report.problem_count, report.problems)
        for text in said:
            self.assertTrue(any(
                each.startswith(text) for each in report.problems),
                (text, report.problems))
        self.assertEqual([], self.verify())
        before = trees.snapshot(self.source)
        # Of each it is said that it was left alone.
        restored = self.restore(target=self.source)
        self.assertEqual(len(lacking), restored.problem_count)
        self.assertSame(before, self.source)
        expected = {path: facts for path, facts in before.items()
                    if not any(path == each or path.startswith(each + b'/')
                               for each in map(os.fsencode, lacking))}
        self.restore()
        self.assertSame(expected, self.target)


class Folding(Confined):
    """File systems on which case and Unicode normalisation don't count."""

    SAID = ('"{}" is not in the backup: the repository\'s file system takes '
            'its name for that of "{}", which is.')

    def test_files(self):
        for name in ('A.txt', 'a.txt', 'b', 'caf\u00e9', 'cafe\u0301',
                     'FILE', 'plain'):
            trees.write(self.at(name), name.encode())
        os.symlink('nowhere', self.at('B'))
        os.mkfifo(self.at('file'))
        lacking = {'a.txt': 'A.txt', 'b': 'B', 'file': 'FILE',
                   'caf\u00e9': 'cafe\u0301'}
        report = self.backup()
        self.assertHolds(report, lacking, [
            self.SAID.format(*each) for each in lacking.items()])

    def test_directories(self):
        for name in ('Docs', 'docs', 'docs/below', 'e', 'Docs/Deep'):
            os.mkdir(self.at(name))
        for path in ('Docs/a', 'docs/a', 'docs/b', 'docs/below/c', 'E',
                     'e/f', 'Docs/Deep/x', 'Docs/deep'):
            trees.write(self.at(path), path.encode())
        lacking = {'docs': 'Docs', 'e': 'E', 'Docs/deep': 'Docs/Deep'}
        report = self.backup()
        self.assertHolds(report, lacking, [
            self.SAID.format(*each) for each in lacking.items()])

    def test_hard_links(self):
        os.mkdir(self.at('d'))
        trees.write(self.at('one'), b'shared')
        for path in ('d/one', 'd/ONE', 'ONE', 'two'):
            os.link(self.at('one'), self.at(path))
        report = self.backup()
        self.assertEqual(sorted((self.SAID.format('one', 'ONE'),
                                 self.SAID.format('d/one', 'd/ONE'))),
                         sorted(report.problems))
        self.assertEqual([], self.verify())
        self.restore()
        self.assertEqual(['ONE', 'd', 'two'], sorted(os.listdir(
            self.target)))
        self.assertEqual(3, os.stat(os.path.join(
            self.target, 'd', 'ONE')).st_nlink)

    def test_one_that_is_made_meanwhile(self):
        # After the names of its directory were looked at, as a scan would
        # meet it.
        trees.write(self.at('one'), b'one')
        trees.write(self.at('two'), b'two')
        made = []

        names_ = names.Names

        class Names(names_):

            def fallen(_, directory, ignore=frozenset()):
                found = names_.fallen(_, directory, ignore)
                if not made:
                    made.append(trees.write(self.at('ONE'), b'another'))
                    os.mkfifo(self.at('TWO'))
                return found

        with mock.patch.object(names, 'Names', Names):
            report = self.backup(still=False)
        self.assertEqual(2, report.problem_count, report.problems)
        for text in report.problems:
            self.assertRegex(text, '(?i)^"(one|two)" is not in the backup: '
                             'the repository can\'t hold it')
        self.assertEqual([], self.verify())
        self.restore()
        for name in os.listdir(self.target):
            path = os.path.join(self.target, name)
            if name.lower() == 'one':
                with open(path, 'rb') as file:
                    self.assertEqual(b'one' if name == 'one' else b'another',
                                     file.read())
        self.assertEqual(2, len(os.listdir(self.target)))

    def test_a_later_attempt_takes_nothing_from_another(self):
        trees.write(self.at('a'), b'lower case', 5)
        self.prepare(case.place(), 1)
        # What is found first now is not what was stored.
        trees.write(self.at('A'), b'UPPER CASE', 5)
        report = self.backup(attempt=2)
        self.assertHolds(report, ['a'], [self.SAID.format('a', 'A')])

    def test_all_of_an_attempt_that_was_killed_is_taken_over(self):
        trees.many(self.source, 3, 10)
        self.prepare(case.place(), 1)
        report = self.backup(attempt=2)
        self.assertEqual((0, ()), (report.stored_bytes, report.problems))
        self.assertStored(self.source)
        # What is open when it is removed stays on such file systems, under
        # another name.
        place = case.place()
        self.assertEqual([], [
            name for name in os.listdir(os.path.join(
                self.repository, place.project_id, place.share_id))
            if name.startswith(('.taken', '.trash'))])

    def test_another_backup_after_it(self):
        for name in 'Aab':
            trees.write(self.at(name), name.encode() * 1000)
        for number in (1, 2):
            report = self.backup(case.place(number))
            self.assertEqual((self.SAID.format('a', 'A'),), report.problems)
            self.assertEqual([], self.verify(case.place(number)))
        self.assertEqual(0, report.stored_bytes)
        os.unlink(self.at('A'))
        self.assertEqual((), self.backup(case.place(3)).problems)
        self.assertStored(self.source, case.place(3))


class Narrow(Confined):
    """File systems on which names may not be long, nor be of any bytes."""

    options = 'hide', 'narrow'

    SAID = '"{}" is not in the backup: the repository can\'t hold it ('

    def test_files(self):
        for name in REFUSED:
            trees.write(self.at(name), b'refused')
        trees.write(self.at('plain'), b'kept')
        report = self.backup()
        self.assertHolds(report, list(REFUSED), [
            self.SAID.format(shown) for shown in REFUSED.values()])

    def test_directories(self):
        os.mkdir(self.at('d'))
        for name in REFUSED:
            os.makedirs(self.at('d', name, 'below'))
            trees.write(self.at('d', name, 'below', 'file'), b'refused')
            trees.write(self.at('d', name, 'file'), b'refused')
        trees.write(self.at('d', 'plain'), b'kept')
        report = self.backup()
        self.assertHolds(report, [b'd/' + name for name in REFUSED], [
            self.SAID.replace('is not', 'and what is in it is not').format(
                'd/' + shown) for shown in REFUSED.values()])

    def test_more_than_are_there_otherwise(self):
        # No sign of a share that can't be read.
        for number in range(150):
            trees.write(self.at(f'a:{number}'), b'refused')
            os.mkdir(self.at(f'b:{number}'))
        report = self.backup()
        self.assertEqual(300, report.problem_count)
        self.assertEqual([], self.verify())

    def test_hard_links(self):
        trees.write(self.at('a'), b'shared')
        for name in (LONG, 'b', 'c:d', 'e'):
            os.link(self.at('a'), self.at(name))
        report = self.backup()
        self.assertEqual(2, report.problem_count, report.problems)
        for name in (LONG, 'c:d'):
            self.assertTrue(any(text.startswith(self.SAID.format(name))
                                for text in report.problems))
        self.assertEqual([], self.verify())
        self.restore()
        self.assertEqual(['a', 'b', 'e'], sorted(os.listdir(self.target)))
        self.assertEqual(3, os.stat(os.path.join(self.target,
                                                 'a')).st_nlink)

    def test_other_kinds(self):
        os.symlink('nowhere', self.at('a:link'))
        os.mkfifo(self.at('a:fifo'))
        before = trees.snapshot(self.source)
        report = self.backup()
        self.assertEqual(2, report.problem_count)
        self.assertEqual([], self.verify())
        # They are in the manifest, which is all there is to them.
        self.restore()
        self.assertSame(before, self.target)
