# SPDX-License-Identifier: Apache-2.0
"""Commands and files of a page of the guide, as a shell script."""

import re

#: A directive with a file's name, and what it shows.
_FILE = re.compile(r'\.\. code-block:: \w+\n   :caption: (/\S+)\n\n'
                   r'((?:   .*\n|\n)+)')

#: A command of root's, in an indented block.
_COMMAND = re.compile(r'(?m)^   # (.*)$')


def script(text):
    """Make a script of a page: its files are written, its commands run, in
    the order that they stand in.

    :param text: str, reStructuredText.
    :returns: (list of str, what installs packages; str, all else).
    """
    parts = [(found.start(), _write(found[1], found[2]))
             for found in _FILE.finditer(text)]
    rest = _FILE.sub(lambda found: ' ' * len(found[0]), text)
    parts += [(found.start(), found[1]) for found in _COMMAND.finditer(rest)]
    lines = [line for _, line in sorted(parts)]
    return ([line for line in lines if line.startswith('apt-get ')],
            '\n'.join(line for line in lines
                      if not line.startswith('apt-get ')) + '\n')


def _write(path, content):
    # Into the file that is there, if there is one, whose mode stays.
    lines = ''.join(line[3:] or '\n'
                    for line in content.splitlines(keepends=True))
    return f"cat >{path} <<'END OF FILE'\n{lines.rstrip()}\nEND OF FILE"
