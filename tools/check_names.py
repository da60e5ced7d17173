# SPDX-License-Identifier: Apache-2.0
"""Check that what modules use of one another is there.

usage: check_names.py [DIRECTORY]

What is renamed in one module and not in another would be found by the first
who gets there. Names are looked for in the text alone, so that nothing is
imported: one that a module may have counts as one that it has.

Prints a line for each fault; the exit code is 0 if there is none.
"""

import ast
import os
import sys

import checks

TOPS = 'manila_backup', 'tests'


def _defined(tree):
    """List the names that a module may have, as set of str."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update(alias.asname or alias.name.partition('.')[0]
                         for alias in node.names)
    return names


def _imported(tree, there):
    """List the modules that a module calls by a name that nothing else has in
    it, as dict of names to modules' names.

    :param there: names of all modules.
    """
    found, others = {}, set()
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            others.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            others.add(node.id)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                module = f'{node.module}.{alias.name}'
                if module in there:
                    found[alias.asname or alias.name] = module
    return {name: module for name, module in found.items()
            if name not in others}


def check(root):
    """List the faults below ``root``, as list of str."""
    trees = {path[:-len('.py')].replace(os.sep, '.').removesuffix(
        '.__init__'): (path, tree)
        for path, tree in checks.modules(root, TOPS)}
    defined = {module: _defined(tree) for module, (_, tree) in trees.items()}
    for module in trees:
        # A package has its modules.
        package, _, name = module.rpartition('.')
        defined.get(package, set()).add(name)
    wrong = []
    for path, tree in trees.values():
        imported = _imported(tree, trees)
        for node in ast.walk(tree):
            if (isinstance(node, ast.Attribute)
                    and isinstance(node.value, ast.Name)
                    and node.value.id in imported
                    and not node.attr.startswith('__')):
                module = imported[node.value.id]
                if node.attr not in defined[module]:
                    wrong.append(f'{path}:{node.lineno}: {module} has no '
                                 f'{node.attr}')
    return wrong


if __name__ == '__main__':
    sys.exit(checks.main(check, *sys.argv[1:]))
