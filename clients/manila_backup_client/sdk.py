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

from openstack import exceptions
from openstack import resource
from openstack import service_description
from openstack.shared_file_system.v2 import _proxy

from manila_backup_client import contents
from manila_backup_client import resources

ShareBackup = resources.ShareBackup
ShareBackupOperation = resources.ShareBackupOperation

_HEADER = 'OpenStack-API-Version'

#: What asks for what Manila does not have.
_EXTENSION = 'shared-file-system-backup'

#: The version of the extension that paths with a part of this name need;
#: others that begin with ``share-backup`` need the first one.
_NEEDED = {
    # Of backups also the policy that has made them.
    'share-backups': (1, 1),
    'share-backup-policies': (1, 1),
    'share-backup-coverage': (1, 1),
    # That of backup policies, too.
    'share-backup-quotas': (1, 1),
    'files': (1, 2),
    'changes': (1, 2),
    'share-backup-file-versions': (1, 2),
    'share-backup-repositories': (1, 3),
    'runs': (1, 4),
}

# The same of parameters.
_PARAMETERS = {'interval': '1.5'}

# The same of what is in bodies.
_ACTIONS = {'restore_files': '1.2', 'restore_to_new_share': '1.2'}


def _extension(url):
    """Return the version of the extension that a URL, or a path, needs, as
    str; None if it leads to nothing of share backups."""
    parts = urllib.parse.urlsplit(url).path.split('/')
    if not any(part.startswith('share-backup') for part in parts):
        return None
    major, minor = max(_NEEDED.get(part, (1, 0)) for part in parts)
    return f'{major}.{minor}'


class Proxy(contents.Methods, _proxy.Proxy):
    """What openstacksdk has for shares, and share backups."""

    _resource_registry = {
        **_proxy.Proxy._resource_registry,
        'share_backup': ShareBackup,
        'share_backup_operation': ShareBackupOperation,
        'share_backup_policy': resources.ShareBackupPolicy,
        'share_backup_quota': resources.ShareBackupQuota,
        'share_backup_service': resources.ShareBackupService,
    }

    def request(self, url, method, *args, **kwargs):
        """Send a request; for share backups, with what asks for the
        extension."""
        extension = _extension(url)
        if extension:
            for action in kwargs.get('json') or ():
                extension = _ACTIONS.get(action, extension)
            for name in kwargs.get('params') or ():
                extension = _PARAMETERS.get(name, extension)
            version = (kwargs.get('microversion')
                       or ShareBackup._get_microversion(self))
            kwargs['microversion'] = version
            kwargs['headers'] = {
                **(kwargs.get('headers') or {}),
                _HEADER: f'shared-file-system {version}, '
                         f'{_EXTENSION} {extension}'}
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
        # An object of which some metadata were set knows of no others, and
        # openstacksdk wants those that it removes among them.
        backup = self._backup(resource.Resource._get_id(share_backup))
        for key in keys:
            backup.delete_metadata_item(self, key)

    def _backup(self, share_backup):
        return self._get_resource(ShareBackup, share_backup)

    # -- what is in them -------------------------------------------------

    def share_backup_warnings(self, share_backup, **query):
        """List the entries of a share of which a backup lacks something. The
        backup's ``warning_count`` says how many there are: there may be more
        than the service could record.

        :returns: generator of :class:`~resources.ShareBackupWarning`.
        """
        return self._list(
            resources.ShareBackupWarning, **query,
            backup_id=resource.Resource._get_id(share_backup))

    def share_backup_files(self, share_backup, path=None, **query):
        """List the entries of a directory in a backup.

        :param path: str; None for the root of the share.
        :returns: generator of :class:`~resources.ShareBackupFile`.
        """
        if path is not None:
            query['path'] = path
        return self._list(
            resources.ShareBackupFile, **query,
            backup_id=resource.Resource._get_id(share_backup))

    def search_share_backup_files(self, share_backup, pattern='*', **query):
        """Search for files at any depth in a backup.

        :param pattern: str, one of names, such as ``*.sql``.
        :param query: ``under``, ``min_size``, ``max_size``,
            ``modified_since`` and ``modified_before``.
        :returns: generator of :class:`~resources.ShareBackupFile`.
        """
        return self.share_backup_files(share_backup, search=pattern, **query)

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

    # -- backup policies -------------------------------------------------

    def share_backup_policies(self, **query):
        """List backup policies.

        :returns: generator of :class:`~resources.ShareBackupPolicy`.
        """
        return self._list(resources.ShareBackupPolicy, **query)

    def get_share_backup_policy(self, policy):
        """Get one by its id.

        :raises openstack.exceptions.NotFoundException: there is none.
        """
        return self._get(resources.ShareBackupPolicy, policy)

    def find_share_backup_policy(self, name_or_id, ignore_missing=True):
        """Find one by its name or id; None if there is none."""
        return self._find(resources.ShareBackupPolicy, name_or_id,
                          ignore_missing=ignore_missing)

    def create_share_backup_policy(self, **attrs):
        """Create one.

        :param attrs: ``name``, ``rules``, ``retention``, and what else a
            :class:`~resources.ShareBackupPolicy` has.
        """
        return self._create(resources.ShareBackupPolicy, **attrs)

    def update_share_backup_policy(self, policy, **attrs):
        """Change one; with ``confirm_deletions`` where that deletes
        backups."""
        return self._update(resources.ShareBackupPolicy, policy, **attrs)

    def delete_share_backup_policy(self, policy, ignore_missing=True):
        """Delete one; the backups that it has made stay."""
        self._delete(resources.ShareBackupPolicy, policy,
                     ignore_missing=ignore_missing)

    def enable_share_backup_policy(self, policy):
        """Have one make and delete backups again."""
        self._policy(policy).enable(self)

    def disable_share_backup_policy(self, policy):
        """Have one make and delete no backups."""
        self._policy(policy).disable(self)

    def run_share_backup_policy(self, policy, **what):
        """Run one now.

        :param what: ``rule`` and ``share_id``, if not all.
        :returns: int, how many runs were begun.
        """
        return self._policy(policy).run_now(self, **what)

    def simulate_share_backup_policy(self, policy, **what):
        """Return which backups one would keep, and why, as dict.

        :param what: ``at``, ``retention``, ``timezone``, ``share_id`` and
            ``limit``, as the API has them.
        """
        return self._policy(policy).simulate(self, **what)

    def share_backup_policy_assignments(self, policy):
        """List to which shares one is assigned.

        :returns: generator of
            :class:`~resources.ShareBackupPolicyAssignment`.
        """
        return self._list(resources.ShareBackupPolicyAssignment,
                          policy_id=resource.Resource._get_id(policy))

    def assign_share_backup_policy(self, policy, kind, target, **attrs):
        """Assign one to shares.

        :param kind: ``share``, ``share_type``, ``metadata`` or ``project``.
        :param target: str, which ones.
        :param attrs: ``project_id`` and ``is_mandatory``, for
            administrators.
        """
        return self._create(
            resources.ShareBackupPolicyAssignment, kind=kind, target=target,
            policy_id=resource.Resource._get_id(policy), **attrs)

    def unassign_share_backup_policy(self, policy, assignment,
                                     ignore_missing=True):
        """Remove an assignment of one."""
        self._delete(
            resources.ShareBackupPolicyAssignment,
            resource.Resource._get_id(assignment),
            policy_id=resource.Resource._get_id(policy),
            ignore_missing=ignore_missing)

    def share_backup_policy_runs(self, policy, **query):
        """List the runs of one, the newest first.

        :param query: ``status``, ``share_id``, ``since``, and paging.
        :returns: generator of :class:`~resources.ShareBackupPolicyRun`.
        """
        return self._list(resources.ShareBackupPolicyRun, **query,
                          policy_id=resource.Resource._get_id(policy))

    def share_backup_coverage(self, **query):
        """List by which policies shares are protected, and how well.

        :param query: ``is_protected``, and paging.
        :returns: generator of :class:`~resources.ShareBackupCoverage`.
        """
        return self._list(resources.ShareBackupCoverage, **query)

    def _policy(self, policy):
        return self._get_resource(resources.ShareBackupPolicy, policy)

    # -- quotas, usage and services --------------------------------------

    def get_share_backup_quota(self, project, which=None):
        """Get the quotas of a project for share backups.

        :param project: a project or its id.
        :param which: ``detail`` for what is used of them, too, ``defaults``
            for those of projects that have none of their own.
        :returns: a :class:`~resources.ShareBackupQuota`.
        """
        path = resources.ShareBackupQuota.base_path
        project_id = resource.Resource._get_id(project)
        if which is None:
            return self._get(resources.ShareBackupQuota, project_id)
        return self._get(
            resources.ShareBackupQuota, project_id, requires_id=False,
            base_path=f'{path}/{project_id}/{which}')

    def update_share_backup_quota(self, project, **limits):
        """Give a project quotas of its own.

        :param limits: ``backups``, ``backup_gigabytes``,
            ``backup_stored_gigabytes``, ``backup_policies``, as int; -1:
            unlimited.
        """
        return self._update(resources.ShareBackupQuota,
                            resource.Resource._get_id(project), **limits)

    def delete_share_backup_quota(self, project):
        """Give a project the default quotas again."""
        self._delete(resources.ShareBackupQuota,
                     resource.Resource._get_id(project))

    def share_backup_usage(self, **query):
        """List how many backups there are, and of what sizes.

        :param query: ``group_by`` (``project``, ``share``, ``backup_type``
            or ``status``), ``interval`` (``day``: a sum for each day of UTC
            on which backups were created), ``all_projects``, and paging.
        :returns: generator of :class:`~resources.ShareBackupUsage`.
        """
        return self._list(resources.ShareBackupUsage, **query)

    def share_backup_services(self, **query):
        """List the hosts of workers.

        :param query: ``binary``, ``host``, ``status`` and ``state``.
        :returns: generator of :class:`~resources.ShareBackupService`.
        """
        return self._list(resources.ShareBackupService, **query)

    def get_share_backup_service(self, service):
        """Get one by its id.

        :raises openstack.exceptions.NotFoundException: there is none.
        """
        return self._get(resources.ShareBackupService, service)

    def enable_share_backup_service(self, service):
        """Have the workers of a host take operations again."""
        return self._service(service).set_status(self, 'enable')

    def disable_share_backup_service(self, service, reason=None):
        """Have them take no more, and finish what they have."""
        return self._service(service).set_status(self, 'disable', reason)

    def drain_share_backup_service(self, service, reason=None):
        """Have them take no more, and hand over what they have."""
        return self._service(service).set_status(self, 'drain', reason)

    def share_backup_repositories(self, **query):
        """List the repositories that backups are in, with their room and when
        what is in them was verified.

        :param query: ``backup_type``.
        :returns: generator of :class:`~resources.ShareBackupRepository`.
        """
        return self._list(resources.ShareBackupRepository, **query)

    def _service(self, service):
        return self._get_resource(resources.ShareBackupService, service)

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
