# SPDX-License-Identifier: Apache-2.0
"""What the page of the invariants names is there."""

import ast
import os
import re

from oslotest import base

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
_PAGE = os.path.join(_ROOT, 'doc/source/contributor/invariants.rst')


def _exists(name):
    """Tell whether a dotted name is a module, or defined in one."""
    parts = name.split('.')
    for length in range(len(parts), 0, -1):
        path = os.path.join(_ROOT, *parts[:length])
        if os.path.isdir(path):
            return length == len(parts)
        if os.path.isfile(f'{path}.py'):
            with open(f'{path}.py') as file:
                return _defines(ast.parse(file.read()), parts[length:])
    return False


def _defines(node, names):
    for name in names:
        node = next((each for each in getattr(node, 'body', ())
                     if name in _names(each)),
                    None)
        if node is None:
            return False
    return True


def _names(node):
    if isinstance(node, ast.Assign):
        return [getattr(each, 'id', None) for each in node.targets]
    return [getattr(node, 'name', None)]


class Invariants(base.BaseTestCase):

    def test_what_is_named_exists(self):
        with open(_PAGE) as file:
            named = re.findall(r'``((?:tests|manila_backup)\.[\w.]+)``',
                               file.read())
        self.assertNotEqual([], named)
        self.assertEqual([], [each for each in named if not _exists(each)])

    def test_is_able_to_miss_one(self):
        for name in ('tests.unit.test_invariants',
                     'tests.unit.test_invariants.Invariants',
                     'tests.unit.test_invariants._PAGE',
                     'tests.unit.test_invariants.Invariants.'
                     'test_is_able_to_miss_one', 'tests.unit'):
            self.assertTrue(_exists(name), name)
        for name in ('tests.unit.test_none', 'tests.none.x',
                     'tests.unit.test_invariants.None_',
                     'tests.unit.test_invariants.Invariants.test_none',
                     'tests.unit.test_invariants._PAGE.x', 'none'):
            self.assertFalse(_exists(name), name)
