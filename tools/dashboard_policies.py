# SPDX-License-Identifier: Apache-2.0
"""Write the rules of share backups as Horizon reads their defaults.

usage: dashboard_policies.py FILE
"""

import sys

import yaml

from manila_backup import policies
from manila_backup.policies import base


def rules():
    """List the rules, as dicts in Horizon's form."""
    return [{'name': each.name, 'check_str': each.check_str,
             'description': each.description,
             'operations': getattr(each, 'operations', []),
             'scope_types': each.scope_types}
            for each in policies.list_rules()
            if each in base.RULES or each.name.startswith('share_backup')]


def text():
    """Return what the file has, as str."""
    return ('# Made by "make dashboard-policies".\n'
            + yaml.safe_dump(rules(), sort_keys=False))


def main(path):
    """Write the file."""
    with open(path, 'w') as file:
        file.write(text())


if __name__ == '__main__':
    main(*sys.argv[1:])
