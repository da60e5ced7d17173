#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""List share backups."""

DOCUMENTATION = r"""
module: share_backup_info
short_description: List share backups
description:
  - Lists the backups of a share, or of all, the newest first.
author:
  - The manila-backup developers
options:
  name:
    description:
      - Name or id of the backup, if not of all.
    type: str
  share:
    description:
      - Name or id of the share whose backups are listed.
    type: str
  filters:
    description:
      - Further filters, as the API has them, such as C(status), C(result) or
        C(created_since).
    type: dict
attributes:
  check_mode:
    description: Changes nothing in any case.
    support: full
extends_documentation_fragment:
  - manila_backup.cloud.cloud
"""

EXAMPLES = r"""
- name: The good backups of a share
  manila_backup.cloud.share_backup_info:
    cloud: mine
    share: documents
    filters:
      status: available
      result: complete
  register: found

- name: That there is one
  ansible.builtin.assert:
    that: found.backups | length > 0
"""

RETURN = r"""
backups:
  description:
    - The backups as the API shows them.
  returned: success
  type: list
  elements: dict
"""

from ansible_collections.manila_backup.cloud.plugins.module_utils import base

SPEC = {
    'name': {'type': 'str'},
    'share': {'type': 'str'},
    'filters': {'type': 'dict'},
}


class ShareBackupInfo(base.Module):
    """A list of backups."""

    def run(self):
        query = dict(self.params['filters'] or {})
        if self.params['share']:
            query['share_id'] = self.need_share(self.params['share'])
        name = self.params['name']
        if name and base.is_id(name):
            found = self._by_id(name, query)
        else:
            if name:
                query['name'] = name
            found = self.shares.share_backups(**query)
        return {'changed': False,
                'backups': [base.as_dict(each) for each in found]}

    def _by_id(self, backup_id, query):
        """List the backup of an id, if it is one of those that are asked
        for."""
        found = self.get(self.shares.get_share_backup, backup_id)
        if found is None:
            return []
        query.setdefault('share_id', found.share_id)
        return [each for each in self.shares.share_backups(**query)
                if each.id == found.id]


def main():
    """Run the module."""
    ShareBackupInfo(SPEC)()


if __name__ == '__main__':
    main()
