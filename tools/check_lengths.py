# SPDX-License-Identifier: Apache-2.0
"""Check that no module is longer than can be kept in mind.

usage: check_lengths.py [DIRECTORY]

A module has at most 500 lines.

Prints a line for each fault; the exit code is 0 if there is none.
"""

import os
import sys

import checks

LIMIT = 500

TOPS = ('benchmarks', 'clients', 'dashboard', 'doc', 'heat', 'manila_backup',
        'tests', 'tools')


def check(root):
    """List the faults below ``root``, as list of str."""
    wrong = []
    for path, _ in checks.modules(root, TOPS):
        with open(os.path.join(root, path)) as file:
            lines = sum(1 for _ in file)
        if lines > LIMIT:
            wrong.append(f'{path} has {lines} lines, which is more than '
                         f'{LIMIT}: split it by meaning')
    return wrong


if __name__ == '__main__':
    sys.exit(checks.main(check, *sys.argv[1:]))
