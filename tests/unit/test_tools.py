# SPDX-License-Identifier: Apache-2.0
"""The tools that checks and environments stand on."""

import importlib
import os
import sys

import fixtures
import testtools

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


def load(name):
    """A module of ``tools``, which is no package."""
    folder = os.path.join(ROOT, 'tools')
    # They import one another as scripts do.
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module(name)


class TestImports(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.tool = load('check_imports')
        self.root = self.useFixture(fixtures.TempDir()).path
        for names in self.tool.PARTS.values():
            for name in names:
                if name.endswith('.txt'):
                    self.write(name, '')
        self.write('setup.cfg', '[extras]\n' + ''.join(
            f'{extra} =\n    of-{extra}>=1\n' for extra in self.tool.EXTRAS))

    def write(self, path, text):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as file:
            file.write(text)

    def assertFaults(self, *expected):
        found = self.tool.check(self.root)
        self.assertEqual(len(expected), len(found), found)
        for words, line in zip(expected, found):
            for word in words:
                self.assertIn(word, line)

    def test_what_is_declared(self):
        self.write('requirements.txt',
                   'oslo.config>=1 # Apache-2.0\nPyYAML>=6\n'
                   'bcrypt # not imported: others do\n')
        self.write('manila_backup/other.py', '')
        self.write('manila_backup/module.py',
                   'import os\nimport yaml\nfrom oslo_config import cfg\n'
                   'from manila_backup import other\nimport other\n')
        self.assertFaults()

    def test_what_is_not_declared(self):
        self.write('manila_backup/module.py', 'import os\nimport yaml.x\n')
        self.write('tests/test_module.py', 'def f():\n    import kombu\n')
        self.assertFaults(
            ('manila_backup/module.py:2: pyyaml', 'requirements.txt'),
            ('tests/test_module.py:2: kombu', 'test-requirements.txt'))

    def test_the_tests_declarations_are_not_the_services(self):
        self.write('test-requirements.txt', 'kombu>=5\n')
        self.write('tests/test_module.py', 'import kombu\n')
        self.write('manila_backup/module.py', 'import kombu\n')
        self.assertFaults(('manila_backup/module.py:1: kombu',))

    def test_an_extra_is_for_functions_and_for_its_part(self):
        self.write('manila_backup/module.py',
                   'def f():\n    import of_castellan\nimport of_manila\n')
        self.write('manila_backup/shares/manila/module.py',
                   'import of_manila\nimport of_castellan\n')
        self.assertFaults(
            ('manila_backup/module.py:3: of-manila',),
            ('manila_backup/shares/manila/module.py:2: of-castellan',))

    def test_what_nobody_imports(self):
        self.write('requirements.txt', 'kombu>=5\n')
        self.write('tests/test_module.py', 'import kombu\n')
        self.assertFaults(('requirements.txt: kombu', 'not imported'))


class TestPipSettings(testtools.TestCase):

    def test_files_and_variables(self):
        tool = load('pip_settings')
        found = tool.settings(
            ":env:.find-links='/wheels'\n"
            "global.find-links='/others'\n"
            "global.extra-index-url='\\nfile:///a\\nfile:///b'\n"
            "global.index-url='file:///c'\n"
            "global.timeout='60'\n"
            "freeze.constraint='c.txt'\n")
        self.assertEqual(
            ['UV_INDEX_STRATEGY=unsafe-best-match',
             'UV_INDEX=file:///a file:///b', 'UV_FIND_LINKS=/wheels'],
            tool.variables(found, {'UV_DEFAULT_INDEX': 'mine'}))

    def test_nothing(self):
        tool = load('pip_settings')
        self.assertEqual([tool.LIKE_PIP],
                         tool.variables(tool.settings(''), {}))


class TestMessage(testtools.TestCase):

    def test_what_passes(self):
        faults = load('check_message').faults
        for text in ('Do it\n\nSince it was not done.\n',
                     'x' * 72 + '\n\nReason\n# a comment\n',
                     'Do it\n\nReason\n# ---- >8 ----\ndiff --git\n',
                     "Merge branch 'x'\n", 'fixup! ' + 'x' * 80):
            self.assertEqual([], faults(text), text)

    def test_what_does_not(self):
        faults = load('check_message').faults
        for text, words in (('', 'empty'),
                            ('x' * 73 + '\n\nReason', '73 characters'),
                            ('Do it\nReason', 'line after'),
                            ('Do it', 'no body'),
                            ('Do it\n\nChange-Id: I1234', 'no body'),
                            ('Do it\n\n# a comment', 'no body')):
            self.assertIn(words, ' '.join(faults(text)), text)


class TestDocstrings(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.tool = load('check_docstrings')
        self.root = self.useFixture(fixtures.TempDir()).path
        os.mkdir(os.path.join(self.root, 'manila_backup'))

    def check(self, text):
        path = os.path.join(self.root, 'manila_backup', 'module.py')
        with open(path, 'w') as file:
            file.write(text)
        return self.tool.check(self.root)

    def test_good(self):
        self.assertEqual([], self.check(
            '"""Whatsoever."""\nclass A:\n    """The rows."""\n'
            '    def b(self):\n        """Tell whether."""\n'
            'def c():\n    pass\n'))

    def test_bad(self):
        for words in ('What it is.', 'Whether it is.', 'How, and why.',
                      'The same of a share.'):
            for head, indent in (('', ''), ('class A:\n', '    '),
                                 ('def a():\n', '    '),
                                 ('async def a():\n', '    ')):
                found = self.check(f'{head}{indent}"""{words}"""\n')
                self.assertEqual(1, len(found), (words, head))
                self.assertIn('module.py:', found[0])

    def test_ours(self):
        self.assertEqual([], self.tool.check(ROOT))


class TestNames(testtools.TestCase):

    def check(self, **modules):
        root = self.useFixture(fixtures.TempDir()).path
        os.mkdir(os.path.join(root, 'manila_backup'))
        for name, text in modules.items():
            with open(os.path.join(root, 'manila_backup', f'{name}.py'),
                      'w') as file:
                file.write(text)
        return load('check_names').check(root)

    def test_what_is_there(self):
        self.assertEqual([], self.check(
            a='import os\nKNOWN = 1\n\n\nclass A:\n    pass\n',
            __init__='',
            b='import manila_backup\nfrom manila_backup import a\n'
              'a.A(a.KNOWN, a.os, a.__name__)\nmanila_backup.a\n',
            c='from manila_backup import a as b\n\n\ndef d(b):\n'
              '    b.anything\n'))

    def test_what_is_not(self):
        found = self.check(
            a='OLD = 1\n', b='from manila_backup import a\n',
            c='from manila_backup import a as other\n\nother.NEW\n',
            d='from manila_backup import b\n\nb.a.OLD\nb.older\n')
        self.assertEqual([
            'manila_backup/c.py:3: manila_backup.a has no NEW',
            'manila_backup/d.py:4: manila_backup.b has no older'], found)


class TestLengths(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.tool = load('check_lengths')

    def check(self, path, lines):
        root = self.useFixture(fixtures.TempDir()).path
        path = os.path.join(root, path)
        os.makedirs(os.path.dirname(path))
        with open(path, 'w') as file:
            file.write('# A line.\n' * lines)
        return self.tool.check(root)

    def test_short_enough(self):
        self.assertEqual([], self.check('tests/module.py', 500))

    def test_too_long(self):
        self.assertIn('tests/module.py has 501',
                      *self.check('tests/module.py', 501))
