# SPDX-License-Identifier: Apache-2.0
"""Compare what the code imports with what is declared to be installed.

usage: check_imports.py [DIRECTORY]

Each import of a distribution must be declared where its environment comes
from: requirements.txt for the service, for a part that can be left out an
extra of setup.cfg, test-requirements.txt for tests, and so on. That another
dependency happens to bring it is not enough. A declared distribution must be
imported, unless its line says "not imported:" and why it is there.

What an extra brings may be imported inside functions, and in the modules that
nobody loads without it (``PARTS``).

Prints a line for each fault; the exit code is 0 if there is none.
"""

import ast
import configparser
import os
import re
import sys

import checks

#: Top-level module to distribution, where the names differ by more than
#: case, dots and underscores.
DISTRIBUTIONS = {'ansible': 'ansible-core', 'heat': 'openstack-heat',
                 'helm_python': 'helm-python-sdk',
                 'manila_backup_client': 'python-manila-backup-client',
                 'manilaclient': 'python-manilaclient',
                 'openstack': 'openstacksdk', 'openstack_dashboard': 'horizon',
                 'subunit': 'python-subunit', 'yaml': 'pyyaml'}

SERVICE = ('requirements.txt',)
#: Those that the tests' environment has.
EXTRAS = ('mysql', 'postgresql', 'clients', 'manila', 'castellan')
TESTS = (*SERVICE, 'test-requirements.txt', *EXTRAS)

#: Where code is, to the files and extras that declare what it may import at
#: all times. The longest that fits counts.
PARTS = {
    'manila_backup/': SERVICE,
    'manila_backup/shares/manila/': (*SERVICE, 'manila'),
    'tests/': TESTS,
    'tests/functional/serve_keystone.py': (
        'tools/keystone-requirements.txt',),
    'tests/manila/serve_api.py': ('tools/manila-requirements.txt',),
    'tests/manila/backend/': ('tools/manila-requirements.txt',),
    'tests/dashboard/horizon_settings.py': (
        'tools/dashboard-requirements.txt',),
    'tests/dashboard/serve_horizon.py': (
        'tools/dashboard-requirements.txt',),
    'tests/heat/engine.py': ('tools/heat-requirements.txt',
                             'heat/requirements.txt'),
    'tests/functional/clients/': (*TESTS, 'clients/requirements.txt'),
    'tests/unit/clients/': (*TESTS, 'clients/requirements.txt'),
    'clients/': ('clients/requirements.txt',),
    'clients/ansible/': ('clients/requirements.txt',
                         'test-requirements.txt'),
    'dashboard/': ('dashboard/requirements.txt',),
    'heat/': ('heat/requirements.txt',),
    'benchmarks/': TESTS,
    'doc/': (*SERVICE, 'doc/requirements.txt'),
    'tools/': ('tools/requirements.txt',),
    'tools/check_chart.py': ('tools/deploy-requirements.txt',),
    'tools/dashboard_policies.py': SERVICE,
}

#: Those where each declared distribution must be imported by one of these.
NEEDED = {'requirements.txt': ('manila_backup/',),
          'test-requirements.txt': ('tests/',),
          'clients/requirements.txt': ('clients/',),
          'dashboard/requirements.txt': ('dashboard/',),
          'heat/requirements.txt': ('heat/',)}

#: Where code looks for modules beside its own directory.
BESIDE = {'tools/api_samples.py': ('tools/demo',),
          'tools/samples/': ('tools', 'tools/demo'),
          'tests/functional/clients/': ('clients',),
          'tests/unit/clients/': ('clients',), 'clients/': ('clients',),
          'clients/ansible/': ('clients/ansible',),
          'dashboard/': ('dashboard',),
          'heat/': ('heat',), 'tests/heat/engine.py': ('heat',),
          'tests/dashboard/horizon_settings.py': ('dashboard',)}

#: What another environment's declarations bring along, and is meant to.
BROUGHT = {'tests/manila/backend/': {'oslo-config'},
           'tests/heat/engine.py': {'keystoneauth1', 'oslo-config',
                                    'oslo-log'}}


def normalised(name):
    """A distribution's name as indexes compare it."""
    return re.sub(r'[-_.]+', '-', name).lower()


def declared(lines):
    """The distributions of lines of requirements.

    :returns: dict of normalised name to the line.
    """
    found = {}
    for line in lines:
        name = re.match(r'[A-Za-z0-9][A-Za-z0-9._-]*', line.strip())
        if name:
            found[normalised(name.group())] = line.strip()
    return found


def declarations(root):
    """Declarations: dict of a file's path or an extra's name to what
    :func:`declared` finds there."""
    found = {}
    for name in sorted({each for names in PARTS.values() for each in names}
                       - set(EXTRAS)):
        with open(os.path.join(root, name)) as file:
            found[name] = declared(file)
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(os.path.join(root, 'setup.cfg'))
    for extra, text in parser['extras'].items():
        found[extra] = declared(text.splitlines())
    return found


def imports(tree):
    """The top-level modules that a module imports.

    :param tree: ast.Module.
    :yields: (name, line, bool: whether only when a function is called).
    """
    def walk(node, inside):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for each in child.names:
                    yield each.name.split('.')[0], child.lineno, inside
            elif isinstance(child, ast.ImportFrom) and not child.level:
                yield child.module.split('.')[0], child.lineno, inside
            else:
                yield from walk(child, inside or isinstance(
                    child, ast.FunctionDef | ast.AsyncFunctionDef))

    return walk(tree, False)


def is_ours(root, path, name):
    """Tell whether a module is the project's own: found from its root or
    beside the module that imports it."""
    beside = (folder for part, folders in BESIDE.items()
              if path.startswith(part) for folder in folders)
    return any(os.path.exists(os.path.join(root, folder, name + end))
               for folder in ('', os.path.dirname(path), *beside)
               for end in ('.py', '/'))


def check(root):
    """List the faults, as list of str."""
    known = declarations(root)
    wrong, used = [], {}
    tops = sorted({part.split('/')[0] for part in PARTS})
    for path, tree in checks.modules(root, tops):
        part = max((each for each in PARTS if path.startswith(each)), key=len)
        always = {name for each in PARTS[part] for name in known[each]}
        always |= BROUGHT.get(part, set())
        sometimes = {name for each in known if not each.endswith('.txt')
                     for name in known[each]}
        for module, line, inside in imports(tree):
            name = normalised(DISTRIBUTIONS.get(module, module))
            # A folder of ours may be called like a distribution: the
            # declaration goes first.
            if module in sys.stdlib_module_names:
                continue
            if name in always or inside and name in sometimes:
                used.setdefault(part.split('/')[0] + '/', set()).add(name)
            elif not is_ours(root, path, module):
                wrong.append(f'{path}:{line}: {name} is imported and not '
                             f'declared in {" or ".join(PARTS[part])}')
    for declaring, parts in NEEDED.items():
        seen = {name for part in parts for name in used.get(part, ())}
        for name, line in known[declaring].items():
            if name not in seen and 'not imported:' not in line:
                wrong.append(f'{declaring}: {name} is declared and not '
                             'imported')
    return wrong


if __name__ == '__main__':
    sys.exit(checks.main(check, *sys.argv[1:]))
