# SPDX-License-Identifier: Apache-2.0
"""Commands that the documentation has somebody type."""

import os
import re
import shlex

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

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


def commands(*program):
    """List what follows a program's name in all pages: (path, words)."""
    return [(path, words[len(program):])
            for path, text in _pages() for words in typed(text)
            if tuple(words[:len(program)]) == program]
