# SPDX-License-Identifier: Apache-2.0
"""Base class of the tests of drivers that can restore chosen paths."""

import os

from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from manila_backup.drivers import progress
from manila_backup.fs import name_keys
from manila_backup.path_restore import selection

Conflict = selection.Conflict

_TOKEN = 'operation'


class PathCase(case.Case):
    """A directory for indexes, and short forms of what is done."""

    def damage(self, path):
        """Damage the content of a file in the published backup, and of no
        other file.

        :param path: bytes, of a file of more than 1 MiB, in the share.
        """
        raise NotImplementedError

    def setUp(self):
        super().setUp()
        self.folder = self.make('indexes')

    def choose(self, *paths, target=None, conflict=Conflict.FAIL):
        return selection.Selection(paths, target, conflict, _TOKEN)

    def restore_paths(self, *paths, attempt=1, changes=True, **choice):
        """Restore paths of the published backup to the target."""
        counted = progress.Progress()
        try:
            report = self.driver.restore_paths(
                case.place(), attempt, self.target,
                self.choose(*paths, **choice), self.folder, counted)
        finally:
            self.assertEqual(changes, counted.has_changed())
            self.assertEqual([], [
                name for name in os.listdir(os.fsencode(self.target))
                if name.startswith(name_keys.TEMPORARY)])
        done, size, files, total = counted.read()
        self.assertEqual((files, total), (done, size))
        self.assertEqual((files, total), (report.files, report.bytes))
        return report

    def assertRestored(self, report, **counts):
        """Assert what was done; of what is not given, nothing was."""
        self.assertEqual(([], 0), ([*report.problems], report.missing))
        self.assertEqual(
            dict.fromkeys(('created', 'replaced', 'renamed', 'unchanged',
                           'skipped'), 0) | counts, report.restored)

    def tree(self):
        """A small tree, backed up."""
        trees.many(self.source, 2, 3)
        os.makedirs(os.path.join(self.source, 'd0', 'deep', 'er'))
        self.write(self.source, 'd0/deep/er/file', b'far below')
        os.symlink('f0', os.path.join(self.source, 'd0', 'link'))
        self.backup()

    @staticmethod
    def write(root, path, data):
        trees.write(os.path.join(os.fsencode(root), os.fsencode(path)), data)

    def read(self, path):
        with open(os.path.join(os.fsencode(self.target),
                               os.fsencode(path)), 'rb') as file:
            return file.read()

    def assertPart(self, path, of=None):
        """Assert that an entry, with all below it, is as in the source."""
        one, other = (trees.snapshot(each)
                      for each in (self.source, self.target))
        of = of or path

        def below(found, top):
            return {name[len(top):]: {
                key: value for key, value in facts.items() if key != 'links'}
                for name, facts in found.items()
                if name == top or name.startswith(top + b'/')}
        self.assertEqual(below(one, path), below(other, of))
