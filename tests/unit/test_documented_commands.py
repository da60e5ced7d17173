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

from tests import documented
from tests.unit import clients


class TypedTestCase(base.BaseTestCase):

    def test_words(self):
        page = ('Text\n\n::\n\n   # openstack --of \\\n       "these two" ID'
                ' | other\n   said\n   # other\n'
                '   $ manila-backup-manage A ... >file\n')
        self.assertEqual(
            [['openstack', '--of', 'these two', 'ID'],
             ['manila-backup-manage', 'A']], list(documented.typed(page)))


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
        found = documented.commands('manila-backup-manage')
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
        found = documented.commands('openstack', 'share')
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
