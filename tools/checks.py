# SPDX-License-Identifier: Apache-2.0
"""Parts that the checks of the code have in common."""

import ast
import os


def modules(root, tops):
    """Parse all modules in some folders.

    :param tops: iterable of str, names of folders in ``root``.
    :returns: iterator over (path below ``root``, ast.Module).
    """
    for top in tops:
        for folder, _, names in sorted(os.walk(os.path.join(root, top))):
            for name in sorted(names):
                if name.endswith('.py'):
                    path = os.path.join(folder, name)
                    with open(path) as file:
                        yield os.path.relpath(path, root), ast.parse(
                            file.read())


def main(check, root='.'):
    """Print a line for each fault.

    :param check: called with ``root``, returns the faults, as list of str.
    :returns: int, the exit code.
    """
    wrong = check(root)
    for line in wrong:
        print(line)
    return 1 if wrong else 0
