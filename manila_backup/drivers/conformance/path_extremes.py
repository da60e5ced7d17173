# SPDX-License-Identifier: Apache-2.0
"""Restores of chosen paths that are damaged, many, or killed."""

import os

from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import path_case
from manila_backup.drivers.conformance import trees
from manila_backup.path_restore import workplace

_Conflict = path_case.Conflict


class PathExtremes(path_case.PathCase):
    """Part of :class:`.path_restores.PathRestores`."""

    # -- what is damaged

    def damaged(self):
        """A tree of which two files are damaged, one with two names."""
        self.tree()
        for name in (b'd0/hurt', b'd1/too'):
            self.write(self.source, name, os.urandom(2 << 20))
        os.link(os.path.join(self.source, 'd1/too'),
                os.path.join(self.source, 'd0/name'))
        self.delete()
        self.backup()
        self.damage(b'd0/hurt')
        self.damage(b'd1/too')

    def test_damage_elsewhere_is_in_nobodys_way(self):
        self.damaged()
        self.assertRestored(self.restore_paths(b'd0/f0', b'd1/f2'),
                            created=2)
        self.assertPart(b'd0/f0')

    def test_all_but_what_is_damaged_is_restored(self):
        self.damaged()
        os.mkdir(os.path.join(self.target, 'd1'))
        self.write(self.target, 'd1/too', b'mine')
        self.write(self.target, 'd1/f1', b'mine')
        report = self.restore_paths(b'd0', b'd1',
                                    conflict=_Conflict.OVERWRITE)
        self.assertEqual((3, 3), (report.missing, report.damages),
                         report.problems)
        self.assertEqual(
            [f'"{name}" is damaged in the backup.' for name in (
                'd0/hurt', 'd0/name', 'd1/too')], sorted(report.problems))
        # A directory that is chosen is one of them.
        self.assertEqual((10, 1, 1), tuple(
            report.restored[name] for name in (
                'created', 'replaced', 'unchanged')))
        self.assertEqual(b'mine', self.read('d1/too'))
        for name in ('d0/hurt', 'd0/name'):
            self.assertFalse(os.path.lexists(os.path.join(self.target,
                                                          name)))
        for path in (b'd0/f1', b'd0/deep', b'd0/link', b'd1/f0', b'd1/f1'):
            self.assertPart(path)

    def test_nothing_but_what_is_damaged(self):
        self.damaged()
        report = self.restore_paths(b'd0/hurt')
        self.assertEqual((1, 1), (report.missing, report.damages))
        self.assertEqual(['"d0/hurt" is damaged in the backup.'],
                         [*report.problems])
        self.assertEqual([], os.listdir(os.path.join(self.target, 'd0')))

    # -- many entries

    def many(self):
        """A tree of so many entries that they are worth several processes."""
        trees.many(self.source, 3, 130, size=600)
        trees.many(os.path.join(self.source, 'd0'), 2, 300, seed=2, size=600)
        os.makedirs(os.path.join(self.source, 'd0/d1/empty/er'))
        for number in range(20):
            os.link(os.path.join(self.source, f'd0/d0/f{number}'),
                    os.path.join(self.source, f'd1/link{number}'))
            os.link(os.path.join(self.source, f'd2/f{number}'),
                    os.path.join(self.source, f'd2/another{number}'))
            os.symlink(f'f{number}',
                       os.path.join(self.source, f'd0/d1/symlink{number}'))
        os.chmod(os.path.join(self.source, 'd0/d1'), 0o711)
        os.utime(os.path.join(self.source, 'd0/d1'), ns=(10 ** 18,) * 2)
        self.backup()

    def test_many_entries(self):
        self.many()
        report = self.restore_paths(b'.', target=b'new')
        # What leads there is not counted.
        self.assertRestored(report, created=3 * 131 + 2 * 301 + 62)
        self.assertSame(trees.snapshot(self.source, self.IGNORED),
                        os.path.join(self.target, 'new'))
        # And where some of it is there already.
        os.makedirs(os.path.join(self.target, 'd0/d1'))
        report = self.restore_paths(b'd0', b'd1/f7')
        self.assertRestored(report, created=report.files - 2,
                            unchanged=2)
        self.assertPart(b'd0/d0')
        self.assertPart(b'd0/f3')

    def test_many_entries_of_which_one_is_damaged(self):
        self.many()
        self.write(self.source, 'd0/d1/hurt', os.urandom(2 << 20))
        self.delete()
        self.backup()
        self.damage(b'd0/d1/hurt')
        report = self.restore_paths(b'd0')
        self.assertEqual((1, 1, ['"d0/d1/hurt" is damaged in the backup.']), (
            report.missing, report.damages, [*report.problems]))
        os.unlink(os.path.join(self.source, 'd0/d1/hurt'))
        os.utime(os.path.join(self.source, 'd0/d1'), ns=(os.stat(os.path.join(
            self.target, 'd0/d1')).st_mtime_ns,) * 2)
        self.assertPart(b'd0')

    def test_kills_amid_many_entries(self):
        self.many()
        self.write(self.target, 'mine', b'stays')
        os.utime(self.target, ns=(10 ** 18, 10 ** 18))
        choice = self.choose(b'.', target=b'new')
        for attempt, count in enumerate((1, 300, 900), 1):
            running = case.Process(self.driver.restore_paths, case.place(),
                                   attempt, self.target, choice, self.folder)
            running.wait_for_files(count)
            running.kill()
            # Those that it has started end with it.
            self.eventually(lambda running=running: not running.left())
            self.assertIn(
                {name for name in os.listdir(self.target)
                 if not name.startswith('.')}, ({'mine'}, {'mine', 'new'}))
        report = self.restore_paths(b'.', attempt=4, target=b'new')
        self.assertEqual(0, report.missing, report.problems)
        self.assertSame(trees.snapshot(self.source, self.IGNORED),
                        os.path.join(self.target, 'new'))

    # -- kills

    def test_what_a_killed_process_left(self):
        trees.many(self.source, 3, 40)
        self.write(self.source, 'd0/large', os.urandom(8 << 20))
        self.backup()
        os.utime(self.target, ns=(10 ** 18, 10 ** 18))
        os.mkdir(os.path.join(self.target, 'd1'))
        self.write(self.target, 'd1/f3', b'mine')
        os.utime(self.target, ns=(10 ** 18, 10 ** 18))
        choice = self.choose(b'.', conflict=_Conflict.OVERWRITE)
        for attempt, count in enumerate((1, 20, 60), 1):
            running = case.Process(self.driver.restore_paths, case.place(),
                                   attempt, self.target, choice, self.folder)
            running.wait_for_files(count)
            running.kill()
            self.assertWhole()
        self.restore_paths(b'.', attempt=4, conflict=_Conflict.OVERWRITE)
        for number in range(3):
            self.assertPart(b'd%d' % number)
        self.assertEqual(10 ** 18, os.stat(self.target).st_mtime_ns)

    def assertWhole(self):
        """Assert that each file is either what was there or what the backup
        has."""
        one = trees.snapshot(self.source)
        for path, facts in trees.snapshot(self.target).items():
            if path in one and 'content' in facts and (
                    self.read(path) != b'mine'):
                self.assertEqual(one[path]['content'], facts['content'])

    def test_cleaning_after_a_kill(self):
        trees.many(self.source, 3, 40)
        self.backup()
        self.write(self.target, 'mine', b'stays')
        os.utime(self.target, ns=(10 ** 18, 10 ** 18))
        choice = self.choose(b'.', target=b'new')
        running = case.Process(self.driver.restore_paths, case.place(), 1,
                               self.target, choice, self.folder)
        running.wait_for_files(20)
        running.kill()
        fd = os.open(self.target, os.O_RDONLY)
        try:
            workplace.clean(fd, choice.workplace, lambda: None)
        finally:
            os.close(fd)
        found = set(os.listdir(self.target))
        self.assertIn(found, ({'mine'}, {'mine', 'new'}))
        self.assertEqual(10 ** 18, os.stat(self.target).st_mtime_ns)
