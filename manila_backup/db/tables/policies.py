# SPDX-License-Identifier: Apache-2.0
"""Backup policies, and their runs."""

import sqlalchemy as sa

from manila_backup.db import sqltime
from manila_backup.db.tables import columns
from manila_backup import states


class BackupPolicy(columns.Base):
    """A backup policy: what is to be backed up when, and kept how long."""

    __tablename__ = 'backup_policies'
    __table_args__ = (
        sa.Index('ix_backup_policies_project',
                 'project_id', 'created_at', 'id'),
        sa.Index('ix_backup_policies_public',
                 'is_public', 'created_at', 'id'),
        columns.MYSQL)

    id = columns.identifier()
    project_id = columns.text(nullable=False)
    user_id = columns.text()
    name = columns.said(nullable=False)
    description = columns.said()
    is_public = sa.Column(sa.Boolean, nullable=False, default=False)
    enabled = sa.Column(sa.Boolean, nullable=False, default=True)
    #: The IANA name of the zone whose days and weeks retention counts.
    timezone = columns.text(64, nullable=False)
    #: As :func:`manila_backup.plans.retention.decide` takes it.
    retention = sa.Column(sa.JSON, nullable=False, default=dict)
    #: How often it was changed: two changes at once don't undo one another.
    version = sa.Column(sa.Integer, nullable=False, default=1)
    created_at = columns.created_at()
    updated_at = columns.updated_at()


class BackupPolicyRule(columns.Base):
    """A rule of a backup policy: when backups are due, and how they are
    made."""

    __tablename__ = 'backup_policy_rules'
    __table_args__ = (
        sa.UniqueConstraint('policy_id', 'name'),
        sa.Index('ix_backup_policy_rules_next', 'next_at', 'id'),
        columns.MYSQL)

    id = columns.identifier()
    policy_id = sa.Column(
        sa.ForeignKey('backup_policies.id', ondelete='CASCADE'),
        nullable=False)
    name = columns.said(nullable=False)
    cron = columns.text(nullable=False)
    timezone = columns.text(64, nullable=False)
    #: Seconds after it is due in which a run must have begun, and in which
    #: the runs of many shares are spread.
    start_window = sa.Column(sa.Integer, nullable=False)
    jitter = sa.Column(sa.Integer, nullable=False, default=0)
    #: The driver; None for the default one of the service.
    backup_type = columns.text(64)
    backup_options = sa.Column(sa.JSON, nullable=False, default=dict)
    name_template = columns.text()
    #: Since when it has been due at these times; None: an earlier release
    #: made it so.
    begun_at = sa.Column(sqltime.Timestamp)
    #: What was due up to then has its runs.
    planned_until = sa.Column(sqltime.Timestamp, nullable=False)
    #: When something is due next; None while its policy is disabled.
    next_at = sa.Column(sqltime.Timestamp)


class BackupPolicyAssignment(columns.Base):
    """Shares that a backup policy is about: one, or all of a kind."""

    __tablename__ = 'backup_policy_assignments'
    __table_args__ = (
        sa.UniqueConstraint('policy_id', 'scope', 'kind', 'target'),
        sa.Index('ix_backup_policy_assignments_scope', 'scope'),
        columns.MYSQL)

    id = columns.identifier()
    policy_id = sa.Column(
        sa.ForeignKey('backup_policies.id', ondelete='CASCADE'),
        nullable=False)
    #: The project whose shares it is about; empty: those of all.
    scope = columns.text(nullable=False)
    kind = columns.text(32, nullable=False)
    target = columns.text(nullable=False)
    #: True: only administrators can remove it.
    mandatory = sa.Column(sa.Boolean, nullable=False, default=False)
    user_id = columns.text()
    created_at = columns.created_at()


class BackupRun(columns.Base):
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
        columns.MYSQL)

    id = columns.identifier()
    policy_id = columns.text(36, nullable=False)
    rule_id = columns.text(36, nullable=False)
    share_id = columns.text(36, nullable=False)
    #: The share's.
    project_id = columns.text(nullable=False)
    due_at = sa.Column(sqltime.Timestamp, nullable=False)
    status = columns.status(states.Run, 'backup_runs', 16)
    #: When to begin it, and to try again; after the last instant it is
    #: missed.
    start_at = sa.Column(sqltime.Timestamp, nullable=False)
    start_until = sa.Column(sqltime.Timestamp, nullable=False)
    #: True: it is not to begin any more, and whoever comes to it ends it.
    withdrawn = sa.Column(sa.Boolean)
    backup_id = columns.text(36)
    #: Why it has not begun yet, or how it has ended.
    reason = columns.said(None)
    created_at = columns.created_at()
    ended_at = sa.Column(sqltime.Timestamp)
