#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""List backup policies."""

DOCUMENTATION = r"""
module: share_backup_policy_info
short_description: List backup policies
description:
  - Lists backup policies with their assignments.
author:
  - The manila-backup developers
options:
  name:
    description:
      - Name or id of the policy, if not of all.
    type: str
attributes:
  check_mode:
    description: Changes nothing in any case.
    support: full
extends_documentation_fragment:
  - manila_backup.cloud.cloud
"""

EXAMPLES = r"""
- name: All policies
  manila_backup.cloud.share_backup_policy_info:
    cloud: mine
  register: found
"""

RETURN = r"""
policies:
  description:
    - The policies as the API shows them, each with its C(assignments).
  returned: success
  type: list
  elements: dict
"""

from ansible_collections.manila_backup.cloud.plugins.module_utils import base
from ansible_collections.manila_backup.cloud.plugins.module_utils import plans

SPEC = {'name': {'type': 'str'}}


class ShareBackupPolicyInfo(base.Module):
    """A list of policies."""

    def run(self):
        name = self.params['name']
        found = name and self.get(self.shares.get_share_backup_policy, name)
        listed = [found] if found else self.shares.share_backup_policies(
            **({'name': name} if name else {}))
        return {'changed': False, 'policies': [
            plans.show(self, each) for each in listed]}


def main():
    """Run the module."""
    ShareBackupPolicyInfo(SPEC)()


if __name__ == '__main__':
    main()
