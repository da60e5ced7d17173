# SPDX-License-Identifier: Apache-2.0
"""``tests/functional/long`` and ``tests/manila/long``: what ``.ci/run`` leaves
to ``make test-long``."""

import ast
import collections
import os
import re

import testtools

from tests.unit import test_tools

#: Where the tests are that have such a list, and what their classes inherit
#: from.
FOLDERS = 'tests/functional', 'tests/manila'
TOPS = (*FOLDERS, 'manila_backup/drivers')


def listed(folder):
    """Read the list of a folder.

    :returns: list of (regular expression as str, comment as str).
    """
    with open(os.path.join(test_tools.ROOT, folder, 'long')) as file:
        parts = [line.partition('#') for line in file.read().splitlines()]
    return [(regex.strip(), comment.strip())
            for regex, _, comment in parts if regex.strip()]


class Tests:
    """The tests, those that classes inherit too, found without
    importing what takes seconds to import.

    :ivar names: dict of the modules' names to sets of their tests' names.
    """

    def __init__(self):
        self._bases = collections.defaultdict(set)
        self._own = collections.defaultdict(set)
        classes = {
            path[:-len('.py')].replace(os.sep, '.'): self._read(tree)
            for path, tree in test_tools.load('checks').modules(
                test_tools.ROOT, TOPS)}
        self.names = {
            module: {f'{module}.{name}.{test}'
                     for name in found for test in self._of(name)}
            for module, found in classes.items()
            if re.search(r'\.test_\w+$', module)}

    def _read(self, tree):
        """Note the classes of a module, and return their names."""
        classes = [node for node in tree.body
                   if isinstance(node, ast.ClassDef)]
        for node in classes:
            # Two of one name count as one: they may inherit too much.
            self._bases[node.name].update(
                getattr(base, 'attr', getattr(base, 'id', None))
                for base in node.bases)
            self._own[node.name].update(
                item.name for item in node.body
                if isinstance(item, ast.FunctionDef)
                and item.name.startswith('test'))
        return [node.name for node in classes]

    def _of(self, name, seen=()):
        found = set(self._own.get(name, ()))
        for base in self._bases.get(name, ()):
            # Too many have this name.
            if base not in (*seen, 'TestCase'):
                found |= self._of(base, (*seen, name))
        return found


class TestList(testtools.TestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tests = Tests()

    def _of(self, folder):
        """The modules of a folder: list of (name, names of its tests)."""
        package = folder.replace(os.sep, '.') + '.'
        return [(module, names) for module, names in self.tests.names.items()
                if module.startswith(package)]

    def test_each_line_is_of_a_test(self):
        for folder in FOLDERS:
            names = set().union(*(names for _, names in self._of(folder)))
            for regex, _ in listed(folder):
                self.assertTrue(
                    any(re.search(regex, name) for name in names), regex)

    def test_no_module_is_left_out_without_a_reason(self):
        for folder in FOLDERS:
            regexes = listed(folder)
            for module, names in self._of(folder):
                left_out = [[comment for regex, comment in regexes
                             if re.search(regex, name)] for name in names]
                if names and all(left_out):
                    self.assertTrue(
                        any(comment for comments in left_out
                            for comment in comments),
                        f'{module} is left out by {folder}/long, which does '
                        'not say why')
