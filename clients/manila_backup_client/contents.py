# SPDX-License-Identifier: Apache-2.0
"""What is in share backups, for openstacksdk: versions of files, changes, and
restores of files."""

import urllib.parse

from openstack import exceptions
from openstack import resource

from manila_backup_client import resources


class ShareBackupFileVersion(resources.ShareBackupFile):
    """A version that a file has in the backups of a share."""

    resources_key = 'share_backup_file_versions'
    base_path = '/share-backup-file-versions'

    _query_mapping = resource.QueryParameters('share_id', 'path')

    #: The first and the last backup that have it, and when they were made.
    first_backup_id = resource.Body('first_backup_id')
    first_backup_at = resource.Body('first_backup_at')
    last_backup_id = resource.Body('last_backup_id')
    last_backup_at = resource.Body('last_backup_at')
    #: int, how many have it.
    backup_count = resource.Body('backup_count', type=int)


class ShareBackupChange(resources.ShareBackupFile):
    """A change from one backup of a share to another."""

    resources_key = 'changes'
    base_path = '/share-backups/%(backup_id)s/changes'

    _query_mapping = resource.QueryParameters('since')

    #: ``added``, ``removed``, ``changed`` or ``moved``.
    change = resource.Body('change')
    previous_path = resource.Body('previous_path')
    #: list of what differs.
    differences = resource.Body('differences', type=list)
    previous_size = resource.Body('previous_size', type=int)
    previous_mtime = resource.Body('previous_mtime')


class Methods:
    """The methods of a proxy."""

    def share_backup_file_versions(self, share, path):
        """List the versions that a file has in the backups of a share, the
        newest first.

        :returns: generator of :class:`ShareBackupFileVersion`.
        """
        return self._list(ShareBackupFileVersion, path=path,
                          share_id=resource.Resource._get_id(share))

    def share_backup_changes(self, share_backup, since):
        """List what changed in a share from one backup to another.

        :param since: the older backup, or its id.
        :returns: generator of :class:`ShareBackupChange`.
        """
        return self._list(
            ShareBackupChange, since=resource.Resource._get_id(since),
            backup_id=resource.Resource._get_id(share_backup))

    def download_share_backup_file(self, share_backup, path):
        """Read all of a file in a backup.

        :returns: bytes.
        """
        query = urllib.parse.urlencode({'path': path})
        response = self.get(
            f'{resources.ShareBackup.base_path}/'
            f'{resource.Resource._get_id(share_backup)}/files/content'
            f'?{query}')
        exceptions.raise_from_response(response)
        return response.content

    def restore_share_backup_files(self, share_backup, paths,
                                   target_share=None, **options):
        """Begin to restore files and directories of a backup.

        :param paths: list of str; ``['/']`` with a ``target_path`` for all.
        :param target_share: a share or its id; None for the one that it is
            of.
        :param options: ``target_path``, ``conflict`` and ``dry_run``, as the
            API has them.
        :returns: dict of ``share_id``, and ``operation_id`` or ``dry_run``;
            beside Manila, a dry run may take longer: the operation has what
            it found.
        """
        asked = {'paths': list(paths), **options}
        if target_share:
            asked['target_share_id'] = resource.Resource._get_id(target_share)
        return self._backup(share_backup).restore_files(self, asked)

    def restore_share_backup_to_new_share(self, share_backup, **attrs):
        """Have a share made, and begin to restore a backup to it.

        :param attrs: of the share, as the API has them: ``name``,
            ``share_type``, ``size`` and others.
        :returns: dict of ``share_id`` and ``operation_id``.
        """
        return self._backup(share_backup).restore_to_new_share(self, attrs)
