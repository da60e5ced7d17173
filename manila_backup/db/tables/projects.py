# SPDX-License-Identifier: Apache-2.0
"""Quotas of projects, and messages to their users."""

import sqlalchemy as sa

from manila_backup.db import sqltime
from manila_backup.db.tables import columns


class Quota(columns.Base):
    """A project's own limit for one resource, instead of the default."""

    __tablename__ = 'quotas'
    __table_args__ = (columns.MYSQL,)

    project_id = sa.Column(sa.String(255), primary_key=True)
    resource = sa.Column(sa.String(64), primary_key=True)
    hard_limit = sa.Column(sa.Integer, nullable=False)


class DefaultQuota(columns.Base):
    """A limit of all projects that have none of their own, instead of the
    configured one."""

    __tablename__ = 'default_quotas'
    __table_args__ = (columns.MYSQL,)

    resource = sa.Column(sa.String(64), primary_key=True)
    hard_limit = sa.Column(sa.Integer, nullable=False)


class ProjectLock(columns.Base):
    """One row a project, locked while something is admitted for it: what
    makes counting for a quota exact under racing requests."""

    __tablename__ = 'project_locks'
    __table_args__ = (columns.MYSQL,)

    project_id = sa.Column(sa.String(255), primary_key=True)
    #: How often it was taken. Galera finds out who wrote the same row on
    #: two servers, not who locked it.
    number = sa.Column(sa.BigInteger)


class Message(columns.Base):
    """Something that went wrong, for the users of a project: see
    :mod:`manila_backup.messages`."""

    __tablename__ = 'messages'
    __table_args__ = (sa.Index(None, 'project_id', 'created_at'),
                      sa.Index(None, 'expires_at'), columns.MYSQL)

    id = columns.identifier()
    project_id = columns.text(nullable=False)
    request_id = columns.text()
    resource_type = columns.text(64, nullable=False)
    resource_id = columns.text(36, nullable=False)
    action_id = columns.text(16, nullable=False)
    detail_id = columns.text(16, nullable=False)
    message_level = columns.text(16, nullable=False)
    created_at = columns.created_at()
    expires_at = sa.Column(sqltime.Timestamp, nullable=False)
