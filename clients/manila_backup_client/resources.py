# SPDX-License-Identifier: Apache-2.0
"""Resources of openstacksdk for share backups, and what belongs to them.

What a service does not tell of one is None.
"""

from openstack.common import metadata
from openstack import exceptions
from openstack import resource


class _Resource(resource.Resource):

    allow_list = True
    allow_fetch = True
    # The newest that there is a meaning for here.
    _max_microversion = '2.91'

    @classmethod
    def _get_next_link(cls, uri, response, data, marker, limit,
                       total_yielded):
        # The service always says whether more follows. Without a limit,
        # openstacksdk takes its word for it.
        return super()._get_next_link(uri, response, data, marker, None,
                                      total_yielded)

    def _act(self, session, action, value=None):
        """Ask for an action.

        :returns: the response.
        """
        response = session.post(
            f'{self.base_path}/{self.id}/action', json={action: value},
            microversion=self._get_microversion(session))
        exceptions.raise_from_response(response)
        return response


class _Cancellable(_Resource):

    def cancel(self, session):
        """Cancel what is being done.

        :raises openstack.exceptions.ConflictException: it is over, or can't
            be cancelled.
        """
        self._act(session, 'cancel')


class ShareBackup(_Cancellable, metadata.MetadataMixin):
    """A backup of a share."""

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
    #: Backup policy and rule that it was made by, and when it was due.
    policy_id = resource.Body('policy_id')
    rule_id = resource.Body('rule_id')
    due_at = resource.Body('due_at')
    #: Administrators only: why it failed.
    fail_reason = resource.Body('fail_reason')

    def restore(self, session, target_share_id=None):
        """Restore it.

        :param target_share_id: str; None for the share that it is of.
        :returns: str, id of the share that it is restored to.
        """
        return self._act(session, 'restore', target_share_id
                         ).json()['restore']['share_id']

    def restore_files(self, session, asked):
        """Restore files of it.

        :param asked: dict, as the API has it.
        :returns: dict.
        """
        return self._act(session, 'restore_files',
                         asked).json()['restore_files']

    def restore_to_new_share(self, session, asked):
        """Have a share made, and restore it to that.

        :param asked: dict, as the API has it.
        :returns: dict.
        """
        return self._act(session, 'restore_to_new_share',
                         asked).json()['restore_to_new_share']


class ShareBackupOperation(_Cancellable):
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


class ShareBackupWarning(_Resource):
    """An entry of a share of which a backup lacks something."""

    resources_key = 'warnings'
    base_path = '/share-backups/%(backup_id)s/warnings'
    allow_fetch = False

    backup_id = resource.URI('backup_id')
    number = resource.Body('number', type=int)
    #: Path from the share's root; ``%`` and what is not UTF-8 as ``%`` and
    #: two hexadecimal digits.
    path = resource.Body('path')
    code = resource.Body('code')
    #: Sentence of that code.
    reason = resource.Body('reason')
    #: bool, whether the entry is in the backup.
    is_stored = resource.Body('stored', type=bool)
    #: list of str, what of it is not.
    lost = resource.Body('lost', type=list)


class ShareBackupFile(_Resource):
    """An entry of a directory in a backup."""

    resources_key = 'files'
    base_path = '/share-backups/%(backup_id)s/files'
    allow_fetch = False

    _query_mapping = resource.QueryParameters(
        'path', 'search', 'under', 'min_size', 'max_size', 'modified_since',
        'modified_before')

    backup_id = resource.URI('backup_id')
    #: Path from the share's root; ``%`` and what is not UTF-8 as ``%`` and
    #: two hexadecimal digits. So is the name.
    path = resource.Body('path')
    type = resource.Body('type')
    #: ``stored`` or ``missing``.
    state = resource.Body('state')
    #: int, bytes.
    size = resource.Body('size', type=int)
    mtime = resource.Body('mtime')
    #: str, in octal.
    mode = resource.Body('mode')
    uid = resource.Body('uid', type=int)
    gid = resource.Body('gid', type=int)
    link_target = resource.Body('link_target')
    digest = resource.Body('digest')

    @classmethod
    def list(cls, session, paginated=True, base_path=None, **params):
        """List entries. Of a search, a page may have none and not be the
        last, at which openstacksdk would end."""
        uri = (base_path or cls.base_path) % params
        known = {name: params.pop(name) for name in ('backup_id',)
                 if name in params}
        query = cls._query_mapping._transpose(
            cls._query_mapping._validate(params, base_path=uri), cls)
        while uri:
            response = session.get(
                uri, params=query,
                microversion=cls._get_microversion(session))
            exceptions.raise_from_response(response)
            page = response.json()
            for each in page[cls.resources_key]:
                yield cls.existing(connection=session._get_connection(),
                                   **known, **each)
            if not paginated:
                return
            uri, query = cls._get_next_link(uri, response, page, None, None,
                                            0)


class ShareBackupPolicy(_Resource):
    """A backup policy: when backups are made, and which are kept."""

    resource_key = 'share_backup_policy'
    resources_key = 'share_backup_policies'
    base_path = '/share-backup-policies'
    allow_create = True
    allow_commit = True
    allow_delete = True

    _query_mapping = resource.QueryParameters(
        'name', 'is_public', 'sort_key', 'sort_dir', 'offset', 'project_id',
        'all_projects', is_enabled='enabled', name_contains='name~')

    description = resource.Body('description')
    project_id = resource.Body('project_id')
    user_id = resource.Body('user_id')
    is_public = resource.Body('is_public', type=bool)
    is_enabled = resource.Body('enabled', type=bool)
    timezone = resource.Body('timezone')
    #: list of dict: ``name``, ``cron``, and what else the API has for rules.
    rules = resource.Body('rules', type=list)
    #: dict of rule of retention (``last``, ``daily``, …) to number.
    retention = resource.Body('retention', type=dict)
    #: int, in a change only: how many backups it may delete.
    confirm_deletions = resource.Body('confirm_deletions', type=int)
    created_at = resource.Body('created_at')
    updated_at = resource.Body('updated_at')

    def enable(self, session):
        """Have it make and delete backups again."""
        self._act(session, 'enable')

    def disable(self, session):
        """Have it make and delete no backups."""
        self._act(session, 'disable')

    def run_now(self, session, **what):
        """Run it now.

        :param what: ``rule`` and ``share_id``, if not all.
        :returns: int, how many runs were begun.
        """
        return self._act(session, 'run_now', what or None
                         ).json()['run_now']['runs']

    def simulate(self, session, **what):
        """Return which backups would be kept, and why, as dict.

        :param what: ``at``, ``retention``, ``timezone``, ``share_id`` and
            ``limit``, as the API has them.
        """
        return self._act(session, 'simulate', what or None
                         ).json()['simulation']


class ShareBackupPolicyAssignment(_Resource):
    """Assignment of a backup policy to shares."""

    resource_key = 'assignment'
    resources_key = 'assignments'
    base_path = '/share-backup-policies/%(policy_id)s/assignments'
    allow_create = True
    allow_fetch = False
    allow_delete = True

    policy_id = resource.URI('policy_id')
    #: ``share``, ``share_type``, ``metadata`` or ``project``.
    kind = resource.Body('kind')
    target = resource.Body('target')
    #: Project whose shares it is about; None for those of all.
    project_id = resource.Body('project_id')
    is_mandatory = resource.Body('mandatory', type=bool)
    user_id = resource.Body('user_id')
    created_at = resource.Body('created_at')


class ShareBackupPolicyRun(_Resource):
    """A run of a backup policy for a share."""

    resources_key = 'runs'
    base_path = '/share-backup-policies/%(policy_id)s/runs'
    allow_fetch = False

    _query_mapping = resource.QueryParameters('status', 'share_id', 'since')

    policy_id = resource.URI('policy_id')
    rule_id = resource.Body('rule_id')
    share_id = resource.Body('share_id')
    project_id = resource.Body('project_id')
    due_at = resource.Body('due_at')
    status = resource.Body('status')
    reason = resource.Body('reason')
    backup_id = resource.Body('backup_id')
    ended_at = resource.Body('ended_at')


class ShareBackupCoverage(_Resource):
    """By which backup policies a share is protected, and how well."""

    resources_key = 'share_backup_coverage'
    base_path = '/share-backup-coverage'
    allow_fetch = False

    _query_mapping = resource.QueryParameters(
        'project_id', 'all_projects', is_protected='protected')

    share_id = resource.Body('share_id')
    share_name = resource.Body('share_name')
    project_id = resource.Body('project_id')
    is_protected = resource.Body('protected', type=bool)
    #: list of dict with ``id`` and ``name``.
    policies = resource.Body('policies', type=list)
    #: dict with ``id``, ``name``, ``created_at`` and ``due_at``, or None.
    last_good_backup = resource.Body('last_good_backup', type=dict)
    next_run_at = resource.Body('next_run_at')
    objective = resource.Body('objective')


class ShareBackupQuota(_Resource):
    """Quotas of a project for share backups; its id is the project's.

    Each is an int (-1: unlimited), or, in detail, a dict with ``limit``,
    ``in_use`` and ``reserved``.
    """

    resource_key = 'share_backup_quota'
    base_path = '/share-backup-quotas'
    allow_list = False
    allow_commit = True
    allow_delete = True

    project_id = resource.Body('project_id')
    backups = resource.Body('backups')
    backup_gigabytes = resource.Body('backup_gigabytes')
    backup_stored_gigabytes = resource.Body('backup_stored_gigabytes')
    backup_policies = resource.Body('backup_policies')


class ShareBackupService(_Resource):
    """The workers of a host."""

    resource_key = 'share_backup_service'
    resources_key = 'share_backup_services'
    base_path = '/share-backup-services'

    _query_mapping = resource.QueryParameters('binary', 'host', 'status',
                                              'state')

    binary = resource.Body('binary')
    host = resource.Body('host')
    availability_zone = resource.Body('availability_zone')
    #: ``enabled``, ``disabled`` or ``draining``.
    status = resource.Body('status')
    disabled_reason = resource.Body('disabled_reason')
    status_changed_at = resource.Body('status_changed_at')
    #: ``up`` or ``down``.
    state = resource.Body('state')
    #: int, how many of them live.
    processes = resource.Body('processes', type=int)
    running_operations = resource.Body('running_operations', type=int)
    updated_at = resource.Body('updated_at')

    def set_status(self, session, action, reason=None):
        """Have them take operations or not.

        :param action: ``enable``, ``disable`` or ``drain``.
        :param reason: str; None, as it must be with ``enable``, for none.
        """
        self._translate_response(self._act(
            session, action, {'reason': reason} if reason else None))
        return self


class ShareBackupRepository(_Resource):
    """The repository of a backup driver."""

    resources_key = 'share_backup_repositories'
    base_path = '/share-backup-repositories'
    allow_fetch = False

    _query_mapping = resource.QueryParameters('backup_type')

    backup_type = resource.Body('backup_type')
    #: What the workers of each host have found: list of dicts with ``host``,
    #: ``location``, ``used_bytes``, ``free_bytes``, ``measured_at``,
    #: ``problem`` and ``updated_at``.
    hosts = resource.Body('hosts', type=list)
    backups = resource.Body('backups', type=int)
    stored_bytes = resource.Body('stored_bytes', type=int)
    damaged_backups = resource.Body('damaged_backups', type=int)
    never_verified_backups = resource.Body('never_verified_backups',
                                           type=int)
    #: When the backup was verified of which that is longest ago.
    oldest_verified_at = resource.Body('oldest_verified_at')
    newest_verified_at = resource.Body('newest_verified_at')


class ShareBackupUsage(_Resource):
    """Number and sizes of a project's backups, or of some of them."""

    resources_key = 'share_backup_usage'
    base_path = '/share-backup-usage'
    allow_fetch = False

    _query_mapping = resource.QueryParameters(
        'group_by', 'interval', 'offset', 'project_id', 'all_projects')

    project_id = resource.Body('project_id')
    #: Of sums by day: the one on which they were created, as YYYY-MM-DD.
    day = resource.Body('day')
    #: What they are grouped by: one of these, or none.
    share_id = resource.Body('share_id')
    backup_type = resource.Body('backup_type')
    status = resource.Body('status')
    backups = resource.Body('backups', type=int)
    gigabytes = resource.Body('gigabytes', type=int)
    content_bytes = resource.Body('content_bytes', type=int)
    stored_bytes = resource.Body('stored_bytes', type=int)
    #: int, how many of them no bytes are known of.
    unmeasured_backups = resource.Body('unmeasured_backups', type=int)
    last_backup_at = resource.Body('last_backup_at')
