# SPDX-License-Identifier: Apache-2.0
"""The tables, as SQLAlchemy models.

Queries are written against the tables (``ShareBackup.__table__``) and return
plain rows: nothing loads lazily, and a row outlives its transaction. A row
that is deleted is gone; what was done to it stays in ``operations`` until
``db purge``.
"""

import sqlalchemy as sa
from sqlalchemy import orm

from manila_backup.db import counts
from manila_backup.db import sqltime
from manila_backup.db import texts
from manila_backup import states

NAMING = {
    'ix': 'ix_%(table_name)s_%(column_0_N_name)s',
    'uq': 'uq_%(table_name)s_%(column_0_N_name)s',
    'fk': 'fk_%(table_name)s_%(column_0_name)s',
    'pk': 'pk_%(table_name)s',
}

#: utf8mb4_bin: project ids and names are told apart by case and accent, as
#: they are on PostgreSQL and SQLite.
MYSQL = {'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4',
         'mysql_collate': 'utf8mb4_bin'}

#: The longest path that can be a share's export path, in characters.
MAX_PATH = 1024


#: The longest value of a metadata item, in characters, as Manila has it.
MAX_VALUE = 1023


class Base(orm.DeclarativeBase):
    metadata = sa.MetaData(naming_convention=NAMING)


def _id():
    return sa.Column(sa.String(36), primary_key=True)


def _text(size=255, **kw):
    return sa.Column(sa.String(size), **kw)


def _status(kind, table, size=32):
    """A status: one of an enumeration of :mod:`manila_backup.states`."""
    return _one_of(kind, table, 'status', size, nullable=False)


def _one_of(kind, table, name, size=16, **kw):
    """A column for one of an enumeration of :mod:`manila_backup.states`."""
    allowed = ', '.join(f"'{each}'" for each in sorted(map(str, kind)))
    return sa.Column(
        sa.String(size),
        sa.CheckConstraint(f'{name} IN ({allowed})',
                           name=f'ck_{table}_{name}'), **kw)


def _said(size=255, **kw):
    """Column for text from other services, for people to read; None for a long
    text.
    """
    return sa.Column(texts.Said(size), **kw)


def _created_at():
    return sa.Column(sqltime.Timestamp, nullable=False,
                     default=sqltime.utcnow())


def _updated_at():
    return sa.Column(sqltime.Timestamp, onupdate=sqltime.utcnow())


class ShareType(Base):
    """A kind of share, as administrators offer them."""

    __tablename__ = 'share_types'
    __table_args__ = (sa.UniqueConstraint('name'), MYSQL)

    id = _id()
    name = _text(nullable=False)
    description = _said()
    is_public = sa.Column(sa.Boolean, nullable=False, default=True)
    extra_specs = sa.Column(sa.JSON, nullable=False, default=dict)
    created_at = _created_at()
    updated_at = _updated_at()


class Share(Base):
    """A share that this service has a say in.

    With the ``local`` source it is the share; with another it is what this
    service remembers of one: its backup state and where its backups belong.
    """

    __tablename__ = 'shares'
    __table_args__ = (
        sa.UniqueConstraint('path_digest'),
        sa.Index('ix_shares_project', 'project_id', 'created_at', 'id'),
        sa.Index('ix_shares_created', 'created_at', 'id'),
        MYSQL)

    id = _id()
    project_id = _text(nullable=False)
    user_id = _text()
    source = _text(32, nullable=False)
    name = _said()
    description = _said()
    size = sa.Column(sa.Integer, nullable=False)        # GiB
    share_proto = _said(32, nullable=False)
    status = _status(states.Share, 'shares')
    share_type_id = sa.Column(sa.ForeignKey('share_types.id'), index=True)
    source_snapshot_id = _text(36)
    host = _said()
    availability_zone = _said()
    is_public = sa.Column(sa.Boolean, nullable=False, default=False)
    properties = sa.Column(sa.JSON, nullable=False, default=dict)
    #: The directory of an adopted share; None where the source decides.
    path = _text(MAX_PATH)
    #: SHA-256 of ``path`` in hex: no directory is two shares.
    path_digest = _text(64)
    #: What its directory was when it became a share, as
    #: :func:`manila_backup.fs.identity.of` has it; null: not noted yet.
    identity = sa.Column(sa.JSON(none_as_null=True))
    #: True: what is mounted in it is part of it.
    include_mounts = sa.Column(sa.Boolean)
    created_at = _created_at()
    updated_at = _updated_at()


class Snapshot(Base):
    """A snapshot of a local share."""

    __tablename__ = 'snapshots'
    __table_args__ = (
        sa.Index('ix_snapshots_project', 'project_id', 'created_at', 'id'),
        MYSQL)

    id = _id()
    project_id = _text(nullable=False)
    user_id = _text()
    share_id = sa.Column(sa.ForeignKey('shares.id'), nullable=False,
                         index=True)
    name = _said()
    description = _said()
    size = sa.Column(sa.Integer, nullable=False)        # GiB
    share_proto = _text(32, nullable=False)
    status = _status(states.Snapshot, 'snapshots')
    created_at = _created_at()
    updated_at = _updated_at()


class AccessRule(Base):
    """Access rule of a local share, as a user requested it."""

    __tablename__ = 'access_rules'
    __table_args__ = (
        sa.UniqueConstraint('share_id', 'access_type', 'access_to'),
        MYSQL)

    id = _id()
    share_id = sa.Column(sa.ForeignKey('shares.id', ondelete='CASCADE'),
                         nullable=False)
    access_type = _text(32, nullable=False)
    access_to = _text(nullable=False)
    access_level = _text(8, nullable=False)
    state = _text(32, nullable=False)
    created_at = _created_at()
    updated_at = _updated_at()


class ShareBackup(Base):
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
        MYSQL)

    id = _id()
    project_id = _text(nullable=False)
    user_id = _text()
    share_id = sa.Column(sa.ForeignKey('shares.id'), nullable=False)
    name = _said()
    description = _said()
    status = _status(states.Backup, 'share_backups')
    size = sa.Column(sa.Integer, nullable=False)        # GiB, of the share
    availability_zone = _said()
    host = _said()
    topic = _text()
    backup_type = _text(64, nullable=False)
    progress = sa.Column(sa.Integer, nullable=False, default=0)
    restore_progress = sa.Column(sa.Integer, nullable=False, default=0)
    fail_reason = _said(None)
    #: One of :class:`manila_backup.status_codes.StatusCode`: how what was
    #: done to it last has ended, where that was not well.
    status_code = _text(32)
    #: The backup policy and the rule of it that have it made, which may be
    #: gone by now, and when it was due; null if none has.
    policy_id = _text(36)
    rule_id = _text(36)
    due_at = sa.Column(sqltime.Timestamp)
    # What is known of a backup that was made; null of one that was not, and
    # of one that an earlier release has made.
    result = _one_of(states.Result, 'share_backups', 'result')
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
    point_in_time = _one_of(states.PointInTime, 'share_backups',
                            'point_in_time')
    completed_at = sa.Column(sqltime.Timestamp)
    requested_by = _one_of(states.Requester, 'share_backups', 'requested_by')
    verified_at = sa.Column(sqltime.Timestamp)
    verified_result = _one_of(states.Verified, 'share_backups',
                              'verified_result')
    created_at = _created_at()
    updated_at = _updated_at()


class ShareBackupMetadata(Base):
    """A pair of texts that users have put to a backup."""

    __tablename__ = 'share_backup_metadata'
    __table_args__ = (
        sa.Index('ix_share_backup_metadata_key', 'key', 'backup_id'),
        MYSQL)

    backup_id = sa.Column(sa.ForeignKey('share_backups.id',
                                        ondelete='CASCADE'),
                          primary_key=True)
    key = _text(primary_key=True)
    value = _text(MAX_VALUE, nullable=False)


class Operation(Base):
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
        MYSQL)

    id = _id()
    kind = _text(32, nullable=False)
    status = _status(states.Operation, 'operations', 16)
    live = sa.Column(sa.Boolean)
    project_id = _text(nullable=False)
    user_id = _text()
    request_id = _said(64)
    share_id = _text(36)
    backup_id = _text(36)
    snapshot_id = _text(36)
    driver = _text(64)
    options = sa.Column(sa.JSON, nullable=False, default=dict)
    #: The fencing token: grows with every claim.
    attempt = sa.Column(sa.Integer, nullable=False, default=0)
    #: How many attempts ended badly, against ``[backup] max_attempts``.
    failures = sa.Column(sa.Integer, nullable=False, default=0)
    worker = _text()
    lease_until = sa.Column(sqltime.Timestamp)
    not_before = sa.Column(sqltime.Timestamp)
    files_total = sa.Column(counts.Count, nullable=False, default=0)
    files_done = sa.Column(counts.Count, nullable=False, default=0)
    bytes_total = sa.Column(counts.Count, nullable=False, default=0)
    bytes_done = sa.Column(counts.Count, nullable=False, default=0)
    error = _said(None)
    #: One of :class:`manila_backup.status_codes.StatusCode`.
    status_code = _text(32)
    #: Of a restore that is over: whether it may have changed its share.
    share_changed = sa.Column(sa.Boolean)
    #: True: an attempt has got as far as making its result visible.
    publishing = sa.Column(sa.Boolean)
    #: What its share's status was before, where that was not ``available``.
    share_was = _text(32)
    #: The number of the last attempt of which is known that neither it nor
    #: any before has changed the share.
    harmless_attempt = sa.Column(sa.Integer)
    #: True: something of it may be left with an external share.
    holds = sa.Column(sa.Boolean)
    created_at = _created_at()
    started_at = sa.Column(sqltime.Timestamp)
    #: When the attempt was claimed.
    attempt_started_at = sa.Column(sqltime.Timestamp)
    finished_at = sa.Column(sqltime.Timestamp)


class BackupPolicy(Base):
    """A backup policy: what is to be backed up when, and kept how long."""

    __tablename__ = 'backup_policies'
    __table_args__ = (
        sa.Index('ix_backup_policies_project',
                 'project_id', 'created_at', 'id'),
        sa.Index('ix_backup_policies_public',
                 'is_public', 'created_at', 'id'),
        MYSQL)

    id = _id()
    project_id = _text(nullable=False)
    user_id = _text()
    name = _said(nullable=False)
    description = _said()
    is_public = sa.Column(sa.Boolean, nullable=False, default=False)
    enabled = sa.Column(sa.Boolean, nullable=False, default=True)
    #: The IANA name of the zone whose days and weeks retention counts.
    timezone = _text(64, nullable=False)
    #: As :func:`manila_backup.plans.retention.decide` takes it.
    retention = sa.Column(sa.JSON, nullable=False, default=dict)
    #: How often it was changed: two changes at once don't undo one another.
    version = sa.Column(sa.Integer, nullable=False, default=1)
    created_at = _created_at()
    updated_at = _updated_at()


class BackupPolicyRule(Base):
    """A rule of a backup policy: when backups are due, and how they are
    made."""

    __tablename__ = 'backup_policy_rules'
    __table_args__ = (
        sa.UniqueConstraint('policy_id', 'name'),
        sa.Index('ix_backup_policy_rules_next', 'next_at', 'id'),
        MYSQL)

    id = _id()
    policy_id = sa.Column(
        sa.ForeignKey('backup_policies.id', ondelete='CASCADE'),
        nullable=False)
    name = _said(nullable=False)
    cron = _text(nullable=False)
    timezone = _text(64, nullable=False)
    #: Seconds after it is due in which a run must have begun, and in which
    #: the runs of many shares are spread.
    start_window = sa.Column(sa.Integer, nullable=False)
    jitter = sa.Column(sa.Integer, nullable=False, default=0)
    #: The driver; None for the default one of the service.
    backup_type = _text(64)
    backup_options = sa.Column(sa.JSON, nullable=False, default=dict)
    name_template = _text()
    #: Since when it has been due at these times; None: an earlier release
    #: made it so.
    begun_at = sa.Column(sqltime.Timestamp)
    #: What was due up to then has its runs.
    planned_until = sa.Column(sqltime.Timestamp, nullable=False)
    #: When something is due next; None while its policy is disabled.
    next_at = sa.Column(sqltime.Timestamp)


class BackupPolicyAssignment(Base):
    """Shares that a backup policy is about: one, or all of a kind."""

    __tablename__ = 'backup_policy_assignments'
    __table_args__ = (
        sa.UniqueConstraint('policy_id', 'scope', 'kind', 'target'),
        sa.Index('ix_backup_policy_assignments_scope', 'scope'),
        MYSQL)

    id = _id()
    policy_id = sa.Column(
        sa.ForeignKey('backup_policies.id', ondelete='CASCADE'),
        nullable=False)
    #: The project whose shares it is about; empty: those of all.
    scope = _text(nullable=False)
    kind = _text(32, nullable=False)
    target = _text(nullable=False)
    #: True: only administrators can remove it.
    mandatory = sa.Column(sa.Boolean, nullable=False, default=False)
    user_id = _text()
    created_at = _created_at()


class BackupRun(Base):
    """A run of a backup policy: what is, or was, due of a share.

    No foreign keys to what it is about: the record outlives that.
    """

    __tablename__ = 'backup_runs'
    __table_args__ = (
        # What makes twice impossible.
        sa.UniqueConstraint('rule_id', 'share_id', 'due_at'),
        sa.Index('ix_backup_runs_status', 'status', 'start_at', 'id'),
        # The release before forces MariaDB to use it; the next may drop it.
        sa.Index('ix_backup_runs_policy', 'policy_id', 'status', 'due_at'),
        sa.Index('ix_backup_runs_paged',
                 'policy_id', 'status', 'due_at', 'id'),
        sa.Index('ix_backup_runs_share', 'share_id', 'status', 'due_at'),
        sa.Index('ix_backup_runs_listed', 'policy_id', 'due_at', 'id'),
        sa.Index('ix_backup_runs_project', 'project_id', 'status'),
        sa.Index('ix_backup_runs_project_due',
                 'status', 'project_id', 'start_at', 'id'),
        sa.Index('ix_backup_runs_backup', 'backup_id'),
        sa.Index('ix_backup_runs_ended', 'ended_at'),
        MYSQL)

    id = _id()
    policy_id = _text(36, nullable=False)
    rule_id = _text(36, nullable=False)
    share_id = _text(36, nullable=False)
    #: The share's.
    project_id = _text(nullable=False)
    due_at = sa.Column(sqltime.Timestamp, nullable=False)
    status = _status(states.Run, 'backup_runs', 16)
    #: When to begin it, and to try again; after the last instant it is
    #: missed.
    start_at = sa.Column(sqltime.Timestamp, nullable=False)
    start_until = sa.Column(sqltime.Timestamp, nullable=False)
    #: True: it is not to begin any more, and whoever comes to it ends it.
    withdrawn = sa.Column(sa.Boolean)
    backup_id = _text(36)
    #: Why it has not begun yet, or how it has ended.
    reason = _said(None)
    created_at = _created_at()
    ended_at = sa.Column(sqltime.Timestamp)


class Service(Base):
    """A process of this service, and when it was last heard of."""

    __tablename__ = 'services'
    __table_args__ = (sa.UniqueConstraint('identity'), MYSQL)

    id = sa.Column(sa.Integer, primary_key=True)
    binary = _text(64, nullable=False)
    host = _said(nullable=False)
    #: host:pid:random, one per process and life.
    identity = _text(nullable=False)
    topic = _text()
    availability_zone = _said()
    version = _said(32)
    rpc_version = _text(16)
    last_seen = sa.Column(sqltime.Timestamp, nullable=False,
                          default=sqltime.utcnow())
    created_at = _created_at()


class ServiceHost(Base):
    """The processes of a kind on a host, and whether they are to work. It
    outlives them."""

    __tablename__ = 'service_hosts'
    __table_args__ = (sa.UniqueConstraint('binary', 'host'), MYSQL)

    id = sa.Column(sa.Integer, primary_key=True)
    binary = _text(64, nullable=False)
    host = _said(nullable=False)
    mode = _one_of(states.ServiceMode, 'service_hosts', 'mode',
                   nullable=False, default=str(states.ServiceMode.ENABLED))
    #: Why it is not enabled, as an administrator has it.
    reason = _text()
    mode_changed_at = sa.Column(sqltime.Timestamp)
    created_at = _created_at()


class Repository(Base):
    """A driver's repository, as the workers of a host have found it."""

    __tablename__ = 'repositories'
    __table_args__ = (sa.UniqueConstraint('driver', 'host'), MYSQL)

    id = sa.Column(sa.Integer, primary_key=True)
    driver = _text(64, nullable=False)
    host = _said(nullable=False)
    #: Where it is, without anything secret; null where the driver has no
    #: single place.
    location = _said(None)
    #: What was measured last, by :meth:`manila_backup.drivers.base.
    #: BackupDriver.space`, and when; null where the driver can't tell.
    used_bytes = sa.Column(counts.Count)
    free_bytes = sa.Column(counts.Count)
    measured_at = sa.Column(sqltime.Timestamp)
    #: Why it could not be measured the last time; null if it could.
    problem = _said(None)
    looked_at = sa.Column(sqltime.Timestamp, nullable=False,
                          default=sqltime.utcnow())


class Quota(Base):
    """A project's own limit for one resource, instead of the default."""

    __tablename__ = 'quotas'
    __table_args__ = (MYSQL,)

    project_id = sa.Column(sa.String(255), primary_key=True)
    resource = sa.Column(sa.String(64), primary_key=True)
    hard_limit = sa.Column(sa.Integer, nullable=False)


class DefaultQuota(Base):
    """A limit of all projects that have none of their own, instead of the
    configured one."""

    __tablename__ = 'default_quotas'
    __table_args__ = (MYSQL,)

    resource = sa.Column(sa.String(64), primary_key=True)
    hard_limit = sa.Column(sa.Integer, nullable=False)


class ProjectLock(Base):
    """One row a project, locked while something is admitted for it: what
    makes counting for a quota exact under racing requests."""

    __tablename__ = 'project_locks'
    __table_args__ = (MYSQL,)

    project_id = sa.Column(sa.String(255), primary_key=True)
    #: How often it was taken. Galera finds out who wrote the same row on
    #: two servers, not who locked it.
    number = sa.Column(sa.BigInteger)


class NamedLock(Base):
    """Something that one process at a time does, such as sweeping the
    repositories, and until when it is whose."""

    __tablename__ = 'turns'
    __table_args__ = (MYSQL,)

    name = sa.Column(sa.String(64), primary_key=True)
    holder = _text()
    held_until = sa.Column(sqltime.Timestamp)
    ended_at = sa.Column(sqltime.Timestamp, nullable=False)


class DailyBudget(Base):
    """Something of which all processes together may spend so much a day:
    see :mod:`manila_backup.db.budgets`."""

    __tablename__ = 'daily_budgets'
    __table_args__ = (MYSQL,)

    name = sa.Column(sa.String(64), primary_key=True)
    #: The last day, in UTC, on which something was spent.
    day = sa.Column(sa.Date, nullable=False)
    #: What was spent on it, and what earlier days have left to it.
    spent = sa.Column(counts.Count, nullable=False)


class Place(Base):
    """A directory of the service's own, and what it was when that was
    noted, as :func:`manila_backup.fs.identity.of` has it."""

    __tablename__ = 'places'
    __table_args__ = (MYSQL,)

    name = sa.Column(sa.String(64), primary_key=True)
    identity = sa.Column(sa.JSON, nullable=False)
    created_at = _created_at()


class Message(Base):
    """Something that went wrong, for the users of a project: see
    :mod:`manila_backup.messages`."""

    __tablename__ = 'messages'
    __table_args__ = (sa.Index(None, 'project_id', 'created_at'),
                      sa.Index(None, 'expires_at'), MYSQL)

    id = _id()
    project_id = _text(nullable=False)
    request_id = _text()
    resource_type = _text(64, nullable=False)
    resource_id = _text(36, nullable=False)
    action_id = _text(16, nullable=False)
    detail_id = _text(16, nullable=False)
    message_level = _text(16, nullable=False)
    created_at = _created_at()
    expires_at = sa.Column(sqltime.Timestamp, nullable=False)


class WriteReceipt(Base):
    """The last transaction that a thread has committed: see
    :mod:`manila_backup.db.receipts`."""

    __tablename__ = 'write_receipts'
    __table_args__ = (MYSQL,)

    #: Random: one per thread and process.
    writer = sa.Column(sa.String(32), primary_key=True)
    number = sa.Column(sa.BigInteger, nullable=False)
    updated_at = sa.Column(sqltime.Timestamp, nullable=False,
                           default=sqltime.utcnow())


share_types = ShareType.__table__
shares = Share.__table__
snapshots = Snapshot.__table__
access_rules = AccessRule.__table__
share_backups = ShareBackup.__table__
share_backup_metadata = ShareBackupMetadata.__table__
operations = Operation.__table__
backup_policies = BackupPolicy.__table__
backup_policy_rules = BackupPolicyRule.__table__
backup_policy_assignments = BackupPolicyAssignment.__table__
backup_runs = BackupRun.__table__
services = Service.__table__
service_hosts = ServiceHost.__table__
repositories = Repository.__table__
quotas = Quota.__table__
default_quotas = DefaultQuota.__table__
project_locks = ProjectLock.__table__
named_locks = NamedLock.__table__
daily_budgets = DailyBudget.__table__
places = Place.__table__
messages = Message.__table__
write_receipts = WriteReceipt.__table__
