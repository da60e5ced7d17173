#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Create, change and delete a share backup."""

DOCUMENTATION = r"""
module: share_backup
short_description: Create, change and delete a share backup
description:
  - Has a backup of a share be there, or not be there.
  - A backup is known by its name among those of its share, or by its id.
  - One that is there is not made again, however old it is. What is to be
    backed up at certain times has a policy,
    M(manila_backup.cloud.share_backup_policy), or a name with the date in it.
author:
  - The manila-backup developers
options:
  name:
    description:
      - Name or id of the backup.
    type: str
    required: true
  state:
    description:
      - Whether it is to be there.
    type: str
    choices: [present, absent]
    default: present
  share:
    description:
      - Name or id of the share that it is of. Needed to create one.
      - Without it, the name is looked for among the backups of all shares.
    type: str
  description:
    description:
      - Its description.
    type: str
  metadata:
    description:
      - Metadata that it is to have; a key whose value is null it is not to
        have. What it has besides stays.
    type: dict
  backup_options:
    description:
      - What the driver is told when it is created; not compared with one
        that is there.
    type: dict
  wait:
    description:
      - Whether to wait until it is there, or gone.
    type: bool
    default: true
  timeout:
    description:
      - Seconds to wait at the most.
    type: int
    default: 3600
attributes:
  check_mode:
    description: Says what would change, and changes nothing.
    support: full
  diff_mode:
    description: Shows what changes.
    support: full
extends_documentation_fragment:
  - manila_backup.cloud.cloud
"""

EXAMPLES = r"""
- name: A backup before the upgrade
  manila_backup.cloud.share_backup:
    cloud: mine
    share: documents
    name: before-the-upgrade
    metadata:
      ticket: '17'

- name: That it is not there any more
  manila_backup.cloud.share_backup:
    cloud: mine
    share: documents
    name: before-the-upgrade
    state: absent
"""

RETURN = r"""
backup:
  description:
    - The backup as the API shows it; null if it is not there. In check mode,
      what is known of one that would be created.
  returned: success
  type: dict
"""

from ansible_collections.manila_backup.cloud.plugins.module_utils import base

SPEC = {
    'name': {'type': 'str', 'required': True},
    'state': {'type': 'str', 'choices': ['present', 'absent'],
              'default': 'present'},
    'share': {'type': 'str'},
    'description': {'type': 'str'},
    'metadata': {'type': 'dict'},
    'backup_options': {'type': 'dict'},
    'wait': {'type': 'bool', 'default': True},
    'timeout': {'type': 'int', 'default': 3600},
}


class ShareBackup(base.Module):
    """A backup that is to be there, or not."""

    def run(self):
        present = self.params['state'] == 'present'
        share_id = self._share_id(present)
        if self.params['share'] and share_id is None:
            return self._told({}, {}, None)
        backup = self._find(share_id)
        if not present:
            return self._delete(backup)
        if backup and backup.status == 'deleting' and self.params['wait']:
            if not self.check:
                self._wait(backup)
            backup = None
        if backup is None:
            return self._create(share_id)
        return self._update(backup)

    def _told(self, before, after, backup):
        return self.changed('backup', before, after, backup)

    def _share_id(self, present):
        """Return the id of the share that is named. Of one that is gone there
        may still be backups, and there are none if nobody knows its id."""
        share = self.params['share']
        if not share:
            return None
        if present:
            return self.need_share(share)
        return self.find_share(share) or (
            share if base.is_id(share) else None)

    def _find(self, share_id):
        name = self.params['name']
        found = self.get(self.shares.get_share_backup, name)
        if found:
            if share_id not in (None, found.share_id):
                self.fail(f'Backup {name} is of another share: '
                          f'{found.share_id}.')
            return found
        query = {'share_id': share_id} if share_id else {}
        found = list(self.shares.share_backups(name=name, **query))
        if len(found) > 1:
            self.fail(f'There are {len(found)} backups of the name {name}: '
                      'say the share, or give the id as the name.')
        return found[0] if found else None

    def _wait(self, backup):
        return self.shares.wait_for_share_backup(
            backup, interval=1, wait=self.params['timeout'])

    # -- the three changes -----------------------------------------------

    def _create(self, share_id):
        if share_id is None:
            self.fail(f'There is no backup {self.params["name"]}, and no '
                      'share to make it of was named.')
        wanted = {'name': self.params['name'], 'share_id': share_id}
        for name in ('description', 'backup_options'):
            if self.params[name] is not None:
                wanted[name] = self.params[name]
        metadata = {key: value for key, value in self._metadata().items()
                    if value is not None}
        if metadata:
            wanted['metadata'] = metadata
        if self.check:
            return self._told({}, wanted, wanted)
        backup = self.shares.create_share_backup(**wanted)
        if self.params['wait']:
            backup = self._wait(backup)
        return self._told({}, wanted, base.as_dict(backup))

    def _update(self, backup):
        if self.params['wait'] and not self.check and (
                backup.status == 'creating'):
            backup = self._wait(backup)
        if backup.status in ('error', 'deleting', 'error_deleting'):
            self.fail(f'Backup {backup.id} is there, in the status '
                      f'{backup.status}: {backup.status_reason or ""} '
                      'Delete it first.')
        before = {'description': backup.description,
                  'metadata': dict(backup.metadata or {})}
        after = {'description': before['description'],
                 'metadata': dict(before['metadata'])}
        if self.params['description'] is not None:
            after['description'] = self.params['description']
        for key, value in self._metadata().items():
            if value is None:
                after['metadata'].pop(key, None)
            else:
                after['metadata'][key] = value
        if self.check or before == after:
            return self._told(before, after,
                              {**base.as_dict(backup), **after})
        self._change(backup, before, after)
        return self._told(before, after, base.as_dict(
            self.shares.get_share_backup(backup.id)))

    def _change(self, backup, before, after):
        if after['description'] != before['description']:
            self.shares.update_share_backup(
                backup.id, description=after['description'])
        old, new = before['metadata'], after['metadata']
        changed = {key: value for key, value in new.items()
                   if old.get(key) != value}
        if changed:
            backup.set_metadata(self.shares, changed)
        # By its id: what has just been set is all that the object knows of.
        self.shares.delete_share_backup_metadata(
            backup.id, [key for key in old if key not in new])

    def _delete(self, backup):
        if backup is None:
            return self._told({}, {}, None)
        was = {'name': backup.name, 'share_id': backup.share_id}
        ongoing = backup.status == 'deleting'
        if not self.check:
            if not ongoing:
                self.shares.delete_share_backup(backup.id)
            if self.params['wait']:
                self._wait(backup)
        return self._told({} if ongoing else was, {}, None)

    def _metadata(self):
        """Return the metadata that are given: dict of key to str or None."""
        return {key: None if value is None else str(value)
                for key, value in (self.params['metadata'] or {}).items()}


def main():
    """Run the module."""
    ShareBackup(SPEC)()


if __name__ == '__main__':
    main()
