# SPDX-License-Identifier: Apache-2.0
"""Check how the docstrings of the code begin.

usage: check_docstrings.py [DIRECTORY]

A docstring begins with a noun or a verb: "Count the rows", not "How many
rows". Whoever reads it looks for what the thing is or does.

Prints a line for each fault; the exit code is 0 if there is none.
"""

import ast
import sys

import checks

#: Words that no docstring may begin with.
REFUSED = frozenset((
    'How', 'If', 'That', 'Those', 'What', 'Whatever', 'When', 'Where',
    'Whether', 'Which', 'Who', 'Whoever', 'Why'))

PARTS = ('benchmarks', 'dashboard', 'doc', 'heat', 'manila_backup', 'tests',
         'tools')


def begins_badly(text):
    """Tell whether a docstring begins with a word of :data:`REFUSED`, or with
    "the same"."""
    words = text.split()[:2]
    return bool(words) and (words[0].strip(',.:') in REFUSED
                            or words == ['The', 'same'])


def check(root):
    """List the faults below ``root``, as list of str."""
    wrong = []
    for path, tree in checks.modules(root, PARTS):
        for node in ast.walk(tree):
            if not isinstance(node, ast.Module | ast.ClassDef
                              | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            text = ast.get_docstring(node)
            if text and begins_badly(text):
                wrong.append(
                    f'{path}:{node.body[0].lineno}: the docstring must begin '
                    f'with a noun or a verb, not "{text.split()[0]}"')
    return wrong


if __name__ == '__main__':
    sys.exit(checks.main(check, *sys.argv[1:]))
