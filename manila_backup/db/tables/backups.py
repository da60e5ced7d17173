# SPDX-License-Identifier: Apache-2.0
"""Share backups, and the operations on them."""

import sqlalchemy as sa

from manila_backup.db import counts
from manila_backup.db import sqltime
from manila_backup.db.tables import columns
from manila_backup import states


class ShareBackup(columns.Base):
    """A backup of a share."""

    __tablename__ = 'share_backups'
    __table_args__ = (
        sa.Index('ix_share_backups_project',
                 'project_id', 'created_at', 'id'),
        sa.Index('ix_share_backups_project_share',
                 'project_id', 'share_id', 'created_at', 'id'),
        sa.Index('ix_share_backups_share', 'share_id', 'created_at', 'id'),
        sa.Index('ix_share_backups_created', 'created_at', 'id'),
        # For releases up to 0.1; the next one begins like it, and has all that
        # quotas are about.
        sa.Index('ix_share_backups_project_size', 'project_id', 'size'),
        sa.Index('ix_share_backups_made', 'project_id', 'status',
                 'completed_at', 'created_at'),
        sa.Index('ix_share_backups_project_usage',
                 'project_id', 'size', 'stored_bytes'),
        sa.Index('ix_share_backups_policy',
                 'policy_id', 'share_id', 'due_at'),
        sa.Index('ix_share_backups_result',
                 'project_id', 'result', 'created_at', 'id'),
        sa.Index('ix_share_backups_sums',
                 'project_id', 'created_at', 'size', 'content_bytes',
                 'stored_bytes'),
        sa.Index('ix_share_backups_verified',
                 'status', 'verified_at', 'created_at'),
        columns.MYSQL)

    id = columns.identifier()
    project_id = columns.text(nullable=False)
    user_id = columns.text()
    share_id = sa.Column(sa.ForeignKey('shares.id'), nullable=False)
    name = columns.said()
    description = columns.said()
    status = columns.status(states.Backup, 'share_backups')
    size = sa.Column(sa.Integer, nullable=False)        # GiB, of the share
    availability_zone = columns.said()
    host = columns.said()
    topic = columns.text()
    backup_type = columns.text(64, nullable=False)
    progress = sa.Column(sa.Integer, nullable=False, default=0)
    restore_progress = sa.Column(sa.Integer, nullable=False, default=0)
    fail_reason = columns.said(None)
    #: One of :class:`manila_backup.status_codes.StatusCode`: how what was
    #: done to it last has ended, where that was not well.
    status_code = columns.text(32)
    #: The backup policy and the rule of it that have it made, which may be
    #: gone by now, and when it was due; null if none has.
    policy_id = columns.text(36)
    rule_id = columns.text(36)
    due_at = sa.Column(sqltime.Timestamp)
    # What is known of a backup that was made; null of one that was not, and
    # of one that an earlier release has made.
    result = columns.one_of(states.Result, 'share_backups', 'result')
    #: How many directory entries, of every kind.
    entries = sa.Column(counts.Count)
    #: The sum of their sizes.
    content_bytes = sa.Column(counts.Count)
    #: What this backup has added to the repository.
    stored_bytes = sa.Column(counts.Count)
    #: How many entries, or properties of them, could not be kept.
    warning_count = sa.Column(counts.Count)
    #: How many entries are missing, or not whole.
    missing_count = sa.Column(counts.Count)
    #: When reading the share began, by the worker's clock.
    taken_at = sa.Column(sqltime.Timestamp)
    point_in_time = columns.one_of(states.PointInTime, 'share_backups',
                                   'point_in_time')
    completed_at = sa.Column(sqltime.Timestamp)
    requested_by = columns.one_of(states.Requester, 'share_backups',
                                  'requested_by')
    verified_at = sa.Column(sqltime.Timestamp)
    verified_result = columns.one_of(states.Verified, 'share_backups',
                                     'verified_result')
    created_at = columns.created_at()
    updated_at = columns.updated_at()


class ShareBackupMetadata(columns.Base):
    """A pair of texts that users have put to a backup."""

    __tablename__ = 'share_backup_metadata'
    __table_args__ = (
        sa.Index('ix_share_backup_metadata_key', 'key', 'backup_id'),
        columns.MYSQL)

    backup_id = sa.Column(sa.ForeignKey('share_backups.id',
                                        ondelete='CASCADE'),
                          primary_key=True)
    key = columns.text(primary_key=True)
    value = columns.text(columns.MAX_VALUE, nullable=False)


class Operation(columns.Base):
    """Something asked for that a worker does, or did.

    No foreign keys to what it is about: the record outlives that.
    """

    __tablename__ = 'operations'
    __table_args__ = (
        # At most one live operation per backup: ``live`` is true or null,
        # and nulls are all different.
        sa.UniqueConstraint('backup_id', 'live'),
        sa.Index('ix_operations_queue',
                 'status', 'project_id', 'created_at', 'id'),
        sa.Index('ix_operations_ready',
                 'status', 'not_before', 'created_at', 'id'),
        sa.Index('ix_operations_project_ready',
                 'status', 'project_id', 'not_before', 'created_at', 'id'),
        sa.Index('ix_operations_leases', 'status', 'lease_until'),
        sa.Index('ix_operations_share', 'share_id', 'status'),
        sa.Index('ix_operations_finished', 'finished_at'),
        sa.Index('ix_operations_created', 'created_at', 'id'),
        sa.Index('ix_operations_project', 'project_id', 'created_at', 'id'),
        sa.Index('ix_operations_holds', 'holds'),
        columns.MYSQL)

    id = columns.identifier()
    kind = columns.text(32, nullable=False)
    status = columns.status(states.Operation, 'operations', 16)
    live = sa.Column(sa.Boolean)
    project_id = columns.text(nullable=False)
    user_id = columns.text()
    request_id = columns.said(64)
    share_id = columns.text(36)
    backup_id = columns.text(36)
    snapshot_id = columns.text(36)
    driver = columns.text(64)
    options = sa.Column(sa.JSON, nullable=False, default=dict)
    #: The fencing token: grows with every claim.
    attempt = sa.Column(sa.Integer, nullable=False, default=0)
    #: How many attempts ended badly, against ``[backup] max_attempts``.
    failures = sa.Column(sa.Integer, nullable=False, default=0)
    worker = columns.text()
    lease_until = sa.Column(sqltime.Timestamp)
    not_before = sa.Column(sqltime.Timestamp)
    files_total = sa.Column(counts.Count, nullable=False, default=0)
    files_done = sa.Column(counts.Count, nullable=False, default=0)
    bytes_total = sa.Column(counts.Count, nullable=False, default=0)
    bytes_done = sa.Column(counts.Count, nullable=False, default=0)
    error = columns.said(None)
    #: One of :class:`manila_backup.status_codes.StatusCode`.
    status_code = columns.text(32)
    #: Of a restore that is over: whether it may have changed its share.
    share_changed = sa.Column(sa.Boolean)
    #: True: an attempt has got as far as making its result visible.
    publishing = sa.Column(sa.Boolean)
    #: What its share's status was before, where that was not ``available``.
    share_was = columns.text(32)
    #: The number of the last attempt of which is known that neither it nor
    #: any before has changed the share.
    harmless_attempt = sa.Column(sa.Integer)
    #: True: something of it may be left with an external share.
    holds = sa.Column(sa.Boolean)
    created_at = columns.created_at()
    started_at = sa.Column(sqltime.Timestamp)
    #: When the attempt was claimed.
    attempt_started_at = sa.Column(sqltime.Timestamp)
    finished_at = sa.Column(sqltime.Timestamp)
