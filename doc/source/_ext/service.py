# SPDX-License-Identifier: Apache-2.0
"""Directives that take documentation from the code, at each build.

``command-help:: COMMAND``
    what ``COMMAND --help`` prints.
``subcommands:: COMMAND``
    a section for each command below ``COMMAND``, with its help.
``microversions:: [MODULE]``
    the versions of the API, and what each changes, as ``microversions`` in
    ``manila_backup.api`` or another module there says.

The commands run in processes of their own: other extensions, which list the
options of libraries, have those use eventlet here, and the service does not
bear that.
"""

import argparse
import contextlib
import importlib
import importlib.metadata
import io
import json
import os
import re
import subprocess
import sys

from docutils import nodes
from docutils.parsers import rst

#: Characters of a line of help.
WIDTH = '79'


def _literal(text):
    return nodes.literal_block(text, text, language='none')


def help_of(name):
    """The help of a command, and of all commands below it.

    :param name: str, of one of the service's console scripts.
    :returns: list of [str, words after the name; str, the help].
    """
    done = subprocess.run([sys.executable, __file__, name], text=True,
                          stdout=subprocess.PIPE, check=True,
                          env={**os.environ, 'COLUMNS': WIDTH})
    # Where the builder's home is, is the builder's matter.
    return json.loads(done.stdout.replace(os.path.expanduser('~'), '~'))


def _say(name):
    """Print, as JSON, what :func:`help_of` returns."""
    script, = importlib.metadata.entry_points(
        group='console_scripts', name=name)
    sys.argv = [name, '--help']
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        script.load()()
    found = [['', said.getvalue()]]
    if name == 'manila-backup-manage':
        from manila_backup.cmd import manage

        parser = argparse.ArgumentParser(name)
        manage.add_parsers(parser.add_subparsers())
        found += [[each.prog.partition(' ')[2], each.format_help()]
                  for each in _commands(parser)]
    print(json.dumps(found))


def _commands(parser):
    """The parsers of the commands below one, in order; not those of groups of
    commands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                below = list(_commands(each))
                yield from below or [each]


class CommandHelp(rst.Directive):

    required_arguments = 1

    def run(self):
        (_, text), *_ = help_of(self.arguments[0])
        return [_literal(text)]


class Subcommands(rst.Directive):

    required_arguments = 1

    def run(self):
        found = []
        for name, text in help_of(self.arguments[0])[1:]:
            section = nodes.section(ids=[nodes.make_id(name)])
            section += nodes.title(name, name)
            section += _literal(text)
            found.append(section)
        return found


class Microversions(rst.Directive):

    optional_arguments = 1

    def run(self):
        name, = self.arguments or ['microversions']
        module = importlib.import_module(f'manila_backup.api.{name}')
        rows = nodes.bullet_list()
        for found in re.finditer(r'^\* ([0-9.]+) (.*(?:\n  .*)*)',
                                 module.__doc__, re.MULTILINE):
            version, text = found.groups()
            parsed, _ = self.state.inline_text(text, self.lineno)
            rows += nodes.list_item('', nodes.paragraph(
                '', '', nodes.strong(version, version),
                nodes.Text(': '), *parsed))
        return [rows]


def setup(app):
    app.add_directive('command-help', CommandHelp)
    app.add_directive('subcommands', Subcommands)
    app.add_directive('microversions', Microversions)
    return {'parallel_read_safe': True}


if __name__ == '__main__':
    _say(*sys.argv[1:])
