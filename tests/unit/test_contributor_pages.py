# SPDX-License-Identifier: Apache-2.0
"""Existence of what the pages for contributors name."""

import ast
import os
import re

from oslotest import base

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
_PAGES = os.path.join(_ROOT, 'doc/source/contributor')

# Where what the pages name by a path may be.
_BELOW = '', 'manila_backup', 'tests', 'tests/manila'

# Made by a command that the page tells.
_MADE = frozenset(('cover/index.html',))

# The paths in it are a repository's.
_OTHER_PATHS = frozenset(('repository-format.rst',))


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


def _pages():
    """List the pages, as dict of name to text."""
    found = {}
    for name in sorted(os.listdir(_PAGES)):
        if name.endswith('.rst'):
            with open(os.path.join(_PAGES, name)) as file:
                found[name] = file.read()
    return found


def _dotted(text):
    """List the modules of ours, and what is in them, that a page names."""
    return re.findall(r'`~?((?:tests|manila_backup)\.[\w.]*\w)`', text)


def _paths(text):
    """List the paths of files and packages that a page names."""
    return re.findall(r'``(\w+(?:/[\w.-]+)+/?)``', text)


def _is_file(path):
    return any(os.path.exists(os.path.join(_ROOT, top, path + suffix))
               for top in _BELOW for suffix in ('', '.py'))


def _modules():
    """List the names of all files of ours with Python in them."""
    tops = 'manila_backup', 'tests', 'tools', 'benchmarks', 'doc', 'clients'
    return {name for top in tops
            for _, _, names in os.walk(os.path.join(_ROOT, top))
            for name in names if name.endswith('.py')}


def _packages():
    top = os.path.join(_ROOT, 'manila_backup')
    return {name for name in os.listdir(top)
            if os.path.isfile(os.path.join(top, name, '__init__.py'))}


class ContributorPages(base.BaseTestCase):

    def test_dotted_names_exist(self):
        named = {(page, name) for page, text in _pages().items()
                 for name in _dotted(text)}
        self.assertIn(('invariants.rst', 'manila_backup.db.queue.claim'),
                      named)
        self.assertEqual([], [each for each in sorted(named)
                              if not _exists(each[1])])

    def test_paths_exist(self):
        named = {(page, path) for page, text in _pages().items()
                 if page not in _OTHER_PATHS
                 for path in _paths(text) if path not in _MADE}
        self.assertIn(('architecture.rst', 'engine/worker'), named)
        self.assertEqual([], [each for each in sorted(named)
                              if not _is_file(each[1])])

    def test_modules_exist(self):
        there = _modules()
        named = {(page, name) for page, text in _pages().items()
                 for name in re.findall(r'``(\w+\.py)``', text)}
        self.assertIn(('testing.rst', 'hostile.py'), named)
        self.assertEqual([], [each for each in sorted(named)
                              if each[1] not in there])

    def test_each_package_is_in_the_table(self):
        _, table = _pages()['architecture.rst'].split('\nThe packages\n')
        self.assertEqual(
            _packages(), set(re.findall(r'^   \* - ``(\w+)``', table, re.M)))

    def test_each_package_is_in_the_picture(self):
        picture, _ = _pages()['architecture.rst'].split("\nA request's way\n")
        words = set(re.findall(r'\w+', picture))
        self.assertEqual(set(), _packages() - words)

    def test_each_module_of_the_conformance_suite_is_described(self):
        page = _pages()['drivers.rst']
        with open(os.path.join(_ROOT, 'manila_backup', 'drivers',
                               'conformance', 'suite.py')) as file:
            tree = ast.parse(file.read())
        modules = [alias.name for node in tree.body
                   if isinstance(node, ast.ImportFrom)
                   for alias in node.names]
        self.assertNotEqual([], modules)
        self.assertEqual([], [each for each in modules
                              if f'``{each}``' not in page])

    def test_is_able_to_miss_one(self):
        here = 'tests.unit.test_contributor_pages'
        for name in ('tests.unit', here, f'{here}.ContributorPages',
                     f'{here}._PAGES',
                     f'{here}.ContributorPages.test_is_able_to_miss_one'):
            self.assertTrue(_exists(name), name)
        for name in ('none', 'tests.unit.test_none', 'tests.none.x',
                     f'{here}.None_', f'{here}.ContributorPages.test_none',
                     f'{here}._PAGES.x'):
            self.assertFalse(_exists(name), name)
        self.assertTrue(_is_file('unit/test_contributor_pages'))
        self.assertFalse(_is_file('unit/test_none'))
