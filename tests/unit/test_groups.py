# SPDX-License-Identifier: Apache-2.0
"""Tests that share what takes long to make run in one process: stestr's
groups in tox.ini."""

import ast
import glob
import os
import re

import testtools

from tests.unit import test_tools

GABBITS = os.path.join(test_tools.ROOT, 'tests', 'functional', 'gabbi',
                       'gabbits', '*.yaml')


def of_tox():
    """Return the pattern of a group's name, as a compiled expression."""
    with open(os.path.join(test_tools.ROOT, 'tox.ini')) as file:
        return re.compile(
            re.search('--group-regex "(.*)"', file.read()).group(1))


class Classes:
    """The classes of the functional tests, found without importing what takes
    seconds to import.

    :ivar names: list of their names, with those of their modules.
    """

    def __init__(self):
        self._known = {}    # (end of the module's name, name) -> bases, own
        self.names = []
        for path, tree in test_tools.load('checks').modules(
                test_tools.ROOT, ['tests/functional']):
            module = path.removesuffix('.py').replace(os.sep, '.')
            for node in tree.body:
                if isinstance(node, ast.ClassDef):
                    self.names.append(f'{module}.{node.name}')
                    self._known[self._key(self.names[-1])] = (
                        [ast.unparse(each) for each in node.bases],
                        {getattr(each, 'name', None) for each in node.body})

    @staticmethod
    def _key(name):
        # Modules are imported by the end of their names.
        return tuple(name.split('.')[-2:])

    def set_up(self, name):
        """Tell whether a class has ``setUpClass``, of its own or inherited."""
        key = self._key(name)
        bases, own = self._known.get(key, ((), ()))
        return 'setUpClass' in own or any(
            self.set_up(each if '.' in each else f'{key[0]}.{each}')
            for each in bases)


class TestGroups(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.regex = of_tox()

    def _group(self, name):
        found = self.regex.match(name)
        return found and found.group(0)

    def test_requests_of_a_gabbit(self):
        # Or each process sends those that come before its own as well.
        groups = set()
        for path in glob.glob(GABBITS):
            file = os.path.basename(path).removesuffix('.yaml')
            with open(path) as text:
                names = re.findall('(?m)^ *- name: (.+)', text.read())
            found = {self._group(
                f'tests.functional.gabbi.test_api.{file}_'
                f'{name.lower().replace(" ", "_")}.test_request')
                for name in names}
            self.assertEqual(1, len(found), file)
            groups |= found
        self.assertNotIn(None, groups)
        # Others may do those of another one.
        self.assertEqual(len(glob.glob(GABBITS)), len(groups))

    def test_classes_that_set_something_up(self):
        classes = Classes()
        found = [name for name in classes.names
                 if re.search(r'\.test_\w+\.\w+$', name)
                 and classes.set_up(name)]
        self.assertNotEqual([], found)
        for name in found:
            self.assertIsNotNone(self._group(f'{name}.test'), name)
