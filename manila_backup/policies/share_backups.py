# SPDX-License-Identifier: Apache-2.0
"""Policies of share backups."""

from manila_backup.policies import base

CREATE = 'share_backup:create'
GET = 'share_backup:get'
GET_ALL = 'share_backup:get_all'
GET_ALL_PROJECT = 'share_backup:get_all_project'
GET_HOST = 'share_backup:get_host'
GET_FAIL_REASON = 'share_backup:get_fail_reason'
RESTORE = 'share_backup:restore'
RESTORE_TO_NEW_SHARE = 'share_backup:restore_to_new_share'
RESET_STATUS = 'share_backup:reset_status'
CANCEL = 'share_backup:cancel'
GET_METADATA = 'share_backup:get_metadata'
UPDATE_METADATA = 'share_backup:update_metadata'
DELETE_METADATA = 'share_backup:delete_metadata'
LIST_CHANGES = 'share_backup:list_changes'
LIST_FILE_VERSIONS = 'share_backup:list_file_versions'
LIST_FILES = 'share_backup:list_files'
DOWNLOAD = 'share_backup:download'
LIST_WARNINGS = 'share_backup:list_warnings'
UPDATE = 'share_backup:update'
DELETE = 'share_backup:delete'

RULES = [
    base.rule(CREATE, base.MEMBER, 'Back up a share.',
              'POST /v2/share-backups'),
    base.rule(GET, base.READER, 'Show a share backup.',
              'GET /v2/share-backups/{backup_id}'),
    base.rule(GET_ALL, base.READER,
              'List the share backups of one\'s project.',
              'GET /v2/share-backups',
              'GET /v2/share-backups/detail',
              'GET /v2/share-backups?share_id={share_id}'),
    base.rule(GET_ALL_PROJECT, base.ADMIN,
              'List the share backups of all projects, or of another one, and '
              'find them by their ids. What else may be done with those, the '
              'rule of each operation says.',
              'GET /v2/share-backups?all_tenants=1',
              'GET /v2/share-backups/detail?all_tenants=1',
              'GET /v2/share-backups/detail?project_id={project_id}'),
    base.rule(GET_HOST, base.ADMIN,
              'See the host and topic of share backups, and filter by them.',
              'GET /v2/share-backups/{backup_id}',
              'GET /v2/share-backups/detail',
              'GET /v2/share-backups?host={host}'),
    base.rule(GET_FAIL_REASON, base.ADMIN,
              'See why a share backup failed, in full, which may name paths '
              'of the service\'s hosts; and the status of its share with '
              'regard to backups.',
              'GET /v2/share-backups/{backup_id}',
              'GET /v2/share-backups/detail'),
    base.rule(RESTORE, base.MEMBER,
              'Restore a share backup, or files in it.',
              'POST /v2/share-backups/{backup_id}/action'),
    base.rule(RESTORE_TO_NEW_SHARE, base.MEMBER,
              'Have a share made, and restore a share backup to it. Beside '
              'Manila, its own rules say who may make one. Only with the '
              'extension, 1.2.',
              'POST /v2/share-backups/{backup_id}/action'),
    base.rule(RESET_STATUS, base.ADMIN,
              'Set the status of a share backup, and cancel the operation on '
              'it.',
              'POST /v2/share-backups/{backup_id}/action'),
    base.rule(CANCEL, base.MEMBER,
              'Cancel the creation or the restore of a share backup. Only '
              'with the extension, 1.0.',
              'POST /v2/share-backups/{backup_id}/action',
              'POST /v2/share-backup-operations/{operation_id}/action'),
    base.rule(LIST_CHANGES, base.READER,
              'List what changed from one share backup to another. Only with '
              'the extension, 1.2.',
              'GET /v2/share-backups/{backup_id}/changes'),
    base.rule(LIST_FILE_VERSIONS, base.READER,
              'List the versions that a file has in the backups of a share '
              'of one\'s project. Only with the extension, 1.2.',
              'GET /v2/share-backup-file-versions'),
    base.rule(LIST_FILES, base.READER,
              'List and search the files in a share backup. Only with the '
              'extension, 1.2.',
              'GET /v2/share-backups/{backup_id}/files'),
    base.rule(DOWNLOAD, base.MEMBER,
              'Download the content of a file in a share backup. Only with '
              'the extension, 1.2. With "!", nobody can.',
              'GET /v2/share-backups/{backup_id}/files/content'),
    base.rule(LIST_WARNINGS, base.READER,
              'List what a share backup lacks. Only with the extension, 1.0.',
              'GET /v2/share-backups/{backup_id}/warnings'),
    base.rule(UPDATE, base.MEMBER,
              'Change the name or description of a share backup.',
              'PUT /v2/share-backups/{backup_id}'),
    base.rule(GET_METADATA, base.READER,
              'Show the metadata of a share backup. Only with the extension, '
              '1.0.',
              'GET /v2/share-backups/{backup_id}/metadata',
              'GET /v2/share-backups/{backup_id}/metadata/{key}'),
    base.rule(UPDATE_METADATA, base.MEMBER,
              'Set metadata of a share backup. Only with the extension, 1.0.',
              'POST /v2/share-backups/{backup_id}/metadata',
              'PUT /v2/share-backups/{backup_id}/metadata',
              'POST /v2/share-backups/{backup_id}/metadata/{key}'),
    base.rule(DELETE_METADATA, base.MEMBER,
              'Delete a metadata item of a share backup. Only with the '
              'extension, 1.0.',
              'DELETE /v2/share-backups/{backup_id}/metadata/{key}'),
    base.rule(DELETE, base.MEMBER, 'Delete a share backup.',
              'DELETE /v2/share-backups/{backup_id}'),
]
