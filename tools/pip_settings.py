# SPDX-License-Identifier: Apache-2.0
"""Print what pip is configured to do as the variables that tell uv the same.

uv reads none of pip's files and variables. Where they name a package index,
uv would ask another one. One ``NAME=value`` is printed a line. A variable of
uv's that is set already stays as it is.
"""

import ast
import os
import subprocess
import sys

#: pip's option to uv's variable, and what stands between several values.
NAMES = {
    'index-url': ('UV_DEFAULT_INDEX', None),
    'extra-index-url': ('UV_INDEX', ' '),
    'find-links': ('UV_FIND_LINKS', ','),
    'trusted-host': ('UV_INSECURE_HOST', ' '),
    'constraint': ('UV_CONSTRAINT', ' '),
    'cert': ('SSL_CERT_FILE', None),
}

#: pip takes the best version of all indexes, uv that of the first index which
#: has the package at all.
LIKE_PIP = 'UV_INDEX_STRATEGY=unsafe-best-match'


def settings(listing):
    """Settings that pip is configured with.

    :param listing: str, what ``pip config list`` prints: lines of
        ``section.option='value'``, in which the value of several is one of
        words.
    :returns: dict of option to list of str; variables of the environment go
        before files.
    """
    found = {}
    for line in listing.splitlines():
        name, _, value = line.partition('=')
        section, _, option = name.rpartition('.')
        if section in ('global', 'install', ':env:') and option in NAMES:
            found.setdefault(section, {})[option] = ast.literal_eval(
                value).split()
    return {**found.get('global', {}), **found.get('install', {}),
            **found.get(':env:', {})}


def variables(found, environment):
    """uv's variables for what :func:`settings` has found: list of str."""
    lines = [LIKE_PIP]
    for option, values in sorted(found.items()):
        name, separator = NAMES[option]
        if values and name not in environment:
            lines.append(f'{name}={(separator or " ").join(values)}')
    return lines


def main():
    done = subprocess.run([sys.executable, '-m', 'pip', 'config', 'list'],
                          stdout=subprocess.PIPE, text=True)
    print('\n'.join(variables(settings(done.stdout), os.environ)))


if __name__ == '__main__':
    main()
