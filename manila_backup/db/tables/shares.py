# SPDX-License-Identifier: Apache-2.0
"""Shares, and what belongs to them."""

import sqlalchemy as sa

from manila_backup.db.tables import columns
from manila_backup import states


class ShareType(columns.Base):
    """A kind of share, as administrators offer them."""

    __tablename__ = 'share_types'
    __table_args__ = (sa.UniqueConstraint('name'), columns.MYSQL)

    id = columns.identifier()
    name = columns.text(nullable=False)
    description = columns.said()
    is_public = sa.Column(sa.Boolean, nullable=False, default=True)
    extra_specs = sa.Column(sa.JSON, nullable=False, default=dict)
    created_at = columns.created_at()
    updated_at = columns.updated_at()


class Share(columns.Base):
    """A share that this service has a say in.

    With the ``local`` source it is the share; with another it is what this
    service remembers of one: its backup state and where its backups belong.
    """

    __tablename__ = 'shares'
    __table_args__ = (
        sa.UniqueConstraint('path_digest'),
        sa.Index('ix_shares_project', 'project_id', 'created_at', 'id'),
        sa.Index('ix_shares_created', 'created_at', 'id'),
        columns.MYSQL)

    id = columns.identifier()
    project_id = columns.text(nullable=False)
    user_id = columns.text()
    source = columns.text(32, nullable=False)
    name = columns.said()
    description = columns.said()
    size = sa.Column(sa.Integer, nullable=False)        # GiB
    share_proto = columns.said(32, nullable=False)
    status = columns.status(states.Share, 'shares')
    share_type_id = sa.Column(sa.ForeignKey('share_types.id'), index=True)
    source_snapshot_id = columns.text(36)
    host = columns.said()
    availability_zone = columns.said()
    is_public = sa.Column(sa.Boolean, nullable=False, default=False)
    properties = sa.Column(sa.JSON, nullable=False, default=dict)
    #: The directory of an adopted share; None where the source decides.
    path = columns.text(columns.MAX_PATH)
    #: SHA-256 of ``path`` in hex: no directory is two shares.
    path_digest = columns.text(64)
    #: What its directory was when it became a share, as
    #: :func:`manila_backup.fs.identity.of` has it; null: not noted yet.
    identity = sa.Column(sa.JSON(none_as_null=True))
    #: True: what is mounted in it is part of it.
    include_mounts = sa.Column(sa.Boolean)
    created_at = columns.created_at()
    updated_at = columns.updated_at()


class Snapshot(columns.Base):
    """A snapshot of a local share."""

    __tablename__ = 'snapshots'
    __table_args__ = (
        sa.Index('ix_snapshots_project', 'project_id', 'created_at', 'id'),
        columns.MYSQL)

    id = columns.identifier()
    project_id = columns.text(nullable=False)
    user_id = columns.text()
    share_id = sa.Column(sa.ForeignKey('shares.id'), nullable=False,
                         index=True)
    name = columns.said()
    description = columns.said()
    size = sa.Column(sa.Integer, nullable=False)        # GiB
    share_proto = columns.text(32, nullable=False)
    status = columns.status(states.Snapshot, 'snapshots')
    created_at = columns.created_at()
    updated_at = columns.updated_at()


class AccessRule(columns.Base):
    """Access rule of a local share, as a user requested it."""

    __tablename__ = 'access_rules'
    __table_args__ = (
        sa.UniqueConstraint('share_id', 'access_type', 'access_to'),
        columns.MYSQL)

    id = columns.identifier()
    share_id = sa.Column(sa.ForeignKey('shares.id', ondelete='CASCADE'),
                         nullable=False)
    access_type = columns.text(32, nullable=False)
    access_to = columns.text(nullable=False)
    access_level = columns.text(8, nullable=False)
    state = columns.text(32, nullable=False)
    created_at = columns.created_at()
    updated_at = columns.updated_at()
