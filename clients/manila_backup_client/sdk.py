# SPDX-License-Identifier: Apache-2.0
"""Share backups for openstacksdk, which has none of its own.

With these, ``connection.shared_file_system`` has what openstacksdk offers
there and share backups besides. A connection gets them by any of the ways
that openstacksdk has for what it does not know:

* ``openstack.connect(vendor_hook='manila_backup_client.sdk:attach')``, which
  may also stand in ``clouds.yaml``, in the cloud or its profile;
* ``openstack.connect(extra_services=[sdk.SERVICE])``;
* ``sdk.attach(connection)``, for one that there is already.
"""

import urllib.parse

from openstack.common import metadata
from openstack import exceptions
from openstack import resource
from openstack import service_description
from openstack.shared_file_system.v2 import _proxy

#: The entry of the header that asks for what Manila does not have.
EXTENSION = 'shared-file-system-backup 1.0'

_HEADER = 'OpenStack-API-Version'


class _Resource(resource.Resource):

    allow_list = True
    allow_fetch = True
    # The newest that there is a meaning for here.
    _max_microversion = '2.91'

    def _act(self, session, action, value=None):
        """Ask for an action.

        :returns: the response.
        """
        response = session.post(
            f'{self.base_path}/{self.id}/action', json={action: value},
            microversion=self._get_microversion(session))
        exceptions.raise_from_response(response)
        return response

    def cancel(self, session):
        """Cancel what is being done.

        :raises openstack.exceptions.ConflictException: it is over, or can't
            be cancelled.
        """
        self._act(session, 'cancel')


class ShareBackup(_Resource, metadata.MetadataMixin):
    """A backup of a share. What a service does not tell is None."""

    resource_key = 'share_backup'
    resources_key = 'share_backups'
    base_path = '/share-backups'
    allow_create = True
    allow_commit = True
    allow_delete = True

    _query_mapping = resource.QueryParameters(
        'name', 'description', 'status', 'share_id', 'backup_type',
        'result', 'requested_by', 'created_since', 'created_before',
        'sort_key', 'sort_dir', 'offset', 'project_id', 'all_projects')

    share_id = resource.Body('share_id')
    description = resource.Body('description')
    status = resource.Body('status')
    #: int, size of the share in GiB.
    size = resource.Body('size', type=int)
    #: int, percent of the creation, and of the last restore.
    progress = resource.Body('progress', type=int)
    restore_progress = resource.Body('restore_progress', type=int)
    availability_zone = resource.Body('availability_zone')
    backup_type = resource.Body('backup_type')
    #: dict of what its creation is told.
    backup_options = resource.Body('backup_options', type=dict)
    created_at = resource.Body('created_at')
    updated_at = resource.Body('updated_at')
    #: ``complete``, ``incomplete`` or ``damaged``.
    result = resource.Body('result')
    status_code = resource.Body('status_code')
    #: Sentence of that code.
    status_reason = resource.Body('status_reason')
    entries = resource.Body('entries', type=int)
    content_bytes = resource.Body('content_bytes', type=int)
    #: int, bytes that this backup added to the repository.
    stored_bytes = resource.Body('stored_bytes', type=int)
    warning_count = resource.Body('warning_count', type=int)
    missing_count = resource.Body('missing_count', type=int)
    taken_at = resource.Body('taken_at')
    point_in_time = resource.Body('point_in_time')
    completed_at = resource.Body('completed_at')
    #: float, seconds.
    duration = resource.Body('duration')
    requested_by = resource.Body('requested_by')
    user_id = resource.Body('user_id')
    verified_at = resource.Body('verified_at')
    verified_result = resource.Body('verified_result')
    #: Administrators only: why it failed.
    fail_reason = resource.Body('fail_reason')

    def restore(self, session, target_share_id=None):
        """Restore it.

        :param target_share_id: str; None for the share that it is of.
        :returns: str, id of the share that it is restored to.
        """
        return self._act(session, 'restore', target_share_id
                         ).json()['restore']['share_id']


class ShareBackupOperation(_Resource):
    """Something that was asked for: how far it is, and how it ended."""

    resource_key = 'share_backup_operation'
    resources_key = 'share_backup_operations'
    base_path = '/share-backup-operations'

    _query_mapping = resource.QueryParameters(
        'share_id', 'backup_id', 'kind', 'status', 'since', 'sort_key',
        'sort_dir', 'offset', 'project_id', 'all_projects')

    #: ``create``, ``restore`` or ``delete``.
    kind = resource.Body('kind')
    #: ``queued``, ``running``, ``cancelling``, ``done``, ``failed`` or
    #: ``cancelled``.
    status = resource.Body('status')
    status_code = resource.Body('status_code')
    #: Sentence of that code.
    status_reason = resource.Body('status_reason')
    share_id = resource.Body('share_id')
    backup_id = resource.Body('backup_id')
    project_id = resource.Body('project_id')
    user_id = resource.Body('user_id')
    request_id = resource.Body('request_id')
    attempt = resource.Body('attempt', type=int)
    failed_attempts = resource.Body('failed_attempts', type=int)
    max_attempts = resource.Body('max_attempts', type=int)
    files_done = resource.Body('files_done', type=int)
    files_total = resource.Body('files_total', type=int)
    bytes_done = resource.Body('bytes_done', type=int)
    bytes_total = resource.Body('bytes_total', type=int)
    bytes_per_second = resource.Body('bytes_per_second', type=int)
    queued_at = resource.Body('queued_at')
    started_at = resource.Body('started_at')
    finished_at = resource.Body('finished_at')
    estimated_end_at = resource.Body('estimated_end_at')
    #: bool, of a restore that is over: whether it may have changed the share.
    share_changed = resource.Body('share_changed', type=bool)

    @property
    def progress(self):
        """Percentage of bytes that are done, or of files where no bytes are
        counted, as int."""
        done, total = self.bytes_done, self.bytes_total
        if not total:
            done, total = self.files_done, self.files_total
        return min(100, 100 * done // total) if total else 0


def _is_of_share_backups(url):
    """Tell whether a URL, or a path, leads to something of share backups."""
    parts = urllib.parse.urlsplit(url).path.split('/')
    return any(part.startswith('share-backup') for part in parts)


class Proxy(_proxy.Proxy):
    """What openstacksdk has for shares, and share backups."""

    _resource_registry = {
        **_proxy.Proxy._resource_registry,
        'share_backup': ShareBackup,
        'share_backup_operation': ShareBackupOperation,
    }

    def request(self, url, method, *args, **kwargs):
        """Send a request; for share backups, with what asks for the
        extension."""
        if _is_of_share_backups(url):
            version = (kwargs.get('microversion')
                       or _Resource._get_microversion(self))
            kwargs['microversion'] = version
            kwargs['headers'] = {
                **(kwargs.get('headers') or {}),
                _HEADER: f'shared-file-system {version}, {EXTENSION}'}
        return super().request(url, method, *args, **kwargs)

    # -- backups ---------------------------------------------------------

    def share_backups(self, details=True, **query):
        """List share backups.

        :param details: bool, whether all of each is asked for.
        :param query: filters, sorting and paging as the API has them.
        :returns: generator of :class:`ShareBackup`.
        """
        path = ShareBackup.base_path + ('/detail' if details else '')
        return self._list(ShareBackup, base_path=path, **query)

    def get_share_backup(self, share_backup):
        """Get one by its id.

        :raises openstack.exceptions.NotFoundException: there is none.
        """
        return self._get(ShareBackup, share_backup)

    def find_share_backup(self, name_or_id, ignore_missing=True):
        """Find one by its name or id; None if there is none."""
        return self._find(ShareBackup, name_or_id,
                          ignore_missing=ignore_missing)

    def create_share_backup(self, **attrs):
        """Begin to back up a share.

        :param attrs: ``share_id``, and if need be ``name``, ``description``
            and ``backup_options``.
        """
        return self._create(ShareBackup, **attrs)

    def update_share_backup(self, share_backup, **attrs):
        """Change the ``name`` or the ``description`` of one."""
        return self._update(ShareBackup, share_backup, **attrs)

    def delete_share_backup(self, share_backup, ignore_missing=True):
        """Begin to delete one."""
        self._delete(ShareBackup, share_backup,
                     ignore_missing=ignore_missing)

    def restore_share_backup(self, share_backup, target_share=None):
        """Begin to restore one.

        :param target_share: a share or its id; None for the one that it is
            of.
        :returns: str, id of the share.
        """
        target = target_share and resource.Resource._get_id(target_share)
        return self._backup(share_backup).restore(self, target)

    def cancel_share_backup(self, share_backup):
        """Cancel the creation or the restore of one."""
        self._backup(share_backup).cancel(self)

    def get_share_backup_metadata(self, share_backup):
        """Get one with its metadata."""
        return self._backup(share_backup).fetch_metadata(self)

    def set_share_backup_metadata(self, share_backup, **metadata_):
        """Set metadata of one; what else it has stays.

        :param metadata_: key to value, both str.
        """
        return self._backup(share_backup).set_metadata(self, metadata_)

    def delete_share_backup_metadata(self, share_backup, keys):
        """Remove metadata of one.

        :param keys: iterable of str.
        """
        backup = self._backup(share_backup)
        for key in keys:
            backup.delete_metadata_item(self, key)

    def _backup(self, share_backup):
        return self._get_resource(ShareBackup, share_backup)

    # -- operations ------------------------------------------------------

    def share_backup_operations(self, **query):
        """List operations, by default the newest first.

        :param query: filters, sorting and paging as the API has them.
        :returns: generator of :class:`ShareBackupOperation`.
        """
        return self._list(ShareBackupOperation, **query)

    def get_share_backup_operation(self, operation):
        """Get one by its id.

        :raises openstack.exceptions.NotFoundException: there is none.
        """
        return self._get(ShareBackupOperation, operation)

    def cancel_share_backup_operation(self, operation):
        """Cancel one."""
        self._get_resource(ShareBackupOperation, operation).cancel(self)

    # -- waiting ---------------------------------------------------------

    def wait_for_share_backup_operation(self, operation, interval=2,
                                        wait=None, callback=None):
        """Wait until an operation is done.

        :param operation: a :class:`ShareBackupOperation` or an id.
        :param interval: float, seconds between two looks.
        :param wait: float, seconds to wait at the most; None for no end.
        :param callback: function that is told the percentage.
        :returns: the operation as it is then.
        :raises openstack.exceptions.ResourceFailure: it failed, or was
            cancelled; the message says why.
        :raises openstack.exceptions.ResourceTimeout: it takes longer.
        """
        operation = self.get_share_backup_operation(operation)
        try:
            return self.wait_for_status(
                operation, 'done', ['failed', 'cancelled'], interval, wait,
                callback=callback)
        except exceptions.ResourceFailure as exc:
            operation = self.get_share_backup_operation(operation)
            raise exceptions.ResourceFailure(
                f'{exc}: {operation.status_reason}') from exc

    def wait_for_share_backup(self, share_backup, interval=2, wait=None,
                              callback=None):
        """Wait until what was asked for last of a backup is done: its
        creation, a restore or its deletion.

        :param share_backup: a :class:`ShareBackup` or an id; others as of
            :meth:`wait_for_share_backup_operation`, which also says what is
            raised.
        :returns: the backup as it is then; None if it was deleted.
        """
        backup_id = resource.Resource._get_id(share_backup)
        operation = next(self.share_backup_operations(
            backup_id=backup_id, limit=1), None)
        if operation:
            self.wait_for_share_backup_operation(operation, interval, wait,
                                                 callback)
            if operation.kind == 'delete':
                return None
        return self.get_share_backup(backup_id)


#: For ``openstack.connect(extra_services=[SERVICE])``.
SERVICE = service_description.ServiceDescription(
    'shared-file-system', {Proxy.api_version: Proxy})


def attach(connection):
    """Add share backups to a connection: its ``vendor_hook``.

    :param connection: an :class:`openstack.connection.Connection`.
    """
    connection.add_service(SERVICE)
    # What was made of the service before knows nothing of them.
    connection._proxies.pop(SERVICE.service_type, None)
