# SPDX-License-Identifier: Apache-2.0
"""Commands that the documentation has somebody type, as their parsers see
them: a page that names an option that is not there any more is wrong."""

import argparse
import contextlib
from importlib import metadata
import io
import os
import re
import shlex
from unittest import mock

from manila_backup.cmd import manage
from oslotest import base

from tests.unit import clients

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))

#: Where pages are.
_PLACES = ('README.rst', 'deploy', 'doc/source', 'packaging')

#: What somebody types, with the lines that it goes on in: after a backslash,
#: or within quotes.
_TYPED = re.compile(r"""(?mx) ^[ ]+[#$][ ](
    (?: manila-backup-manage | openstack )[ ]
    (?: '[^']*' | "[^"]*" | \\\n | [^'"\n] )* )$""")

#: What ends a command in a shell's line.
_ENDS = frozenset('|><;&()')


def _pages():
    """Iterate over the pages: (path, text)."""
    for place in _PLACES:
        place = os.path.join(_ROOT, place)
        for path in [place] if os.path.isfile(place) else sorted(
                os.path.join(folder, name)
                for folder, _, names in os.walk(place)
                for name in names if name.endswith('.rst')):
            with open(path) as file:
                yield os.path.relpath(path, _ROOT), file.read()


def typed(text):
    """Iterate over the commands of a page that are the service's or a
    client's.

    :param text: str, reStructuredText.
    :returns: lists of str, words of each, without what a shell makes of its
        output, and without the ellipsis after what there can be more of.
    """
    for line in _TYPED.findall(text):
        lexer = shlex.shlex(line.replace('\\\n', ' '), posix=True,
                            punctuation_chars=True)
        lexer.whitespace_split = True
        lexer.commenters = ''
        words = []
        for word in lexer:
            if set(word) <= _ENDS:
                break
            words.append(word)
        yield [word for word in words if word != '...']


def _documented(*program):
    """List what follows a program's name in all pages: (path, words)."""
    return [(path, words[len(program):])
            for path, text in _pages() for words in typed(text)
            if tuple(words[:len(program)]) == program]


class TypedTestCase(base.BaseTestCase):

    def test_words(self):
        self.assertEqual(
            [['openstack', '--of', 'these two', 'ID'],
             ['manila-backup-manage', 'A']],
            list(typed('Text\n\n::\n\n   # openstack --of \\\n       '
                       '"these two" ID | other\n   said\n   # other\n'
                       '   $ manila-backup-manage A ... >file\n')))


class DocumentedTestCase(base.BaseTestCase):

    def accepts(self, parser, path, words):
        """Fail unless a parser takes the words."""
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            try:
                parser.parse_args(words)
            except SystemExit:
                self.fail(f'{path}: {shlex.join(words)}: {said.getvalue()}')

    def test_manage(self):
        parser = argparse.ArgumentParser('manila-backup-manage')
        # It is oslo.config that takes it, before all others.
        parser.add_argument('--config-file')
        manage.add_parsers(parser.add_subparsers())
        found = _documented('manila-backup-manage')
        for path, words in found:
            self.accepts(parser, path, words)
        self.assertIn(('doc/source/admin/install.rst', ['db', 'version']),
                      found)

    def test_openstack(self):
        commands = {each.name: each for each in metadata.entry_points(
            group='openstack.share.v2')}
        # Those of the plug-in go before those of Manila's client.
        with open(os.path.join(clients.PLACE, 'pyproject.toml')) as file:
            commands.update(
                (name, metadata.EntryPoint(name, value, ''))
                for name, value in re.findall(
                    r'(?m)^(share_\w+) = "(.*)"$', file.read()))
        found = _documented('openstack', 'share')
        for path, words in found:
            for count in range(len(words), 0, -1):
                name = '_'.join(['share', *words[:count]])
                if name in commands:
                    break
            else:
                self.fail(f'{path}: {shlex.join(words)}: no such command')
            parser = commands[name].load()(
                mock.Mock(), None, cmd_name=name).get_parser(name)
            # Of a service it is a number.
            self.accepts(parser, path, ['1' if word == 'ID' else word
                                        for word in words[count:]])
        self.assertIn(('doc/source/admin/operations.rst',
                       ['backup', 'service', 'list']), found)
