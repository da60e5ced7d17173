# SPDX-License-Identifier: Apache-2.0
"""Processes of the service, and facts that they agree on."""

import sqlalchemy as sa

from manila_backup.db import counts
from manila_backup.db import sqltime
from manila_backup.db.tables import columns
from manila_backup import states


class Service(columns.Base):
    """A process of this service, and when it was last heard of."""

    __tablename__ = 'services'
    __table_args__ = (sa.UniqueConstraint('identity'), columns.MYSQL)

    id = sa.Column(sa.Integer, primary_key=True)
    binary = columns.text(64, nullable=False)
    host = columns.said(nullable=False)
    #: host:pid:random, one per process and life.
    identity = columns.text(nullable=False)
    topic = columns.text()
    availability_zone = columns.said()
    version = columns.said(32)
    rpc_version = columns.text(16)
    last_seen = sa.Column(sqltime.Timestamp, nullable=False,
                          default=sqltime.utcnow())
    created_at = columns.created_at()


class ServiceHost(columns.Base):
    """The processes of a kind on a host, and whether they are to work. It
    outlives them."""

    __tablename__ = 'service_hosts'
    __table_args__ = (sa.UniqueConstraint('binary', 'host'), columns.MYSQL)

    id = sa.Column(sa.Integer, primary_key=True)
    binary = columns.text(64, nullable=False)
    host = columns.said(nullable=False)
    mode = columns.one_of(states.ServiceMode, 'service_hosts', 'mode',
                          nullable=False,
                          default=str(states.ServiceMode.ENABLED))
    #: Why it is not enabled, as an administrator has it.
    reason = columns.text()
    mode_changed_at = sa.Column(sqltime.Timestamp)
    created_at = columns.created_at()


class Repository(columns.Base):
    """A driver's repository, as the workers of a host have found it."""

    __tablename__ = 'repositories'
    __table_args__ = (sa.UniqueConstraint('driver', 'host'), columns.MYSQL)

    id = sa.Column(sa.Integer, primary_key=True)
    driver = columns.text(64, nullable=False)
    host = columns.said(nullable=False)
    #: Where it is, without anything secret; null where the driver has no
    #: single place.
    location = columns.said(None)
    #: What was measured last, by :meth:`manila_backup.drivers.base.
    #: BackupDriver.space`, and when; null where the driver can't tell.
    used_bytes = sa.Column(counts.Count)
    free_bytes = sa.Column(counts.Count)
    measured_at = sa.Column(sqltime.Timestamp)
    #: Why it could not be measured the last time; null if it could.
    problem = columns.said(None)
    looked_at = sa.Column(sqltime.Timestamp, nullable=False,
                          default=sqltime.utcnow())


class NamedLock(columns.Base):
    """Something that one process at a time does, such as sweeping the
    repositories, and until when it is whose."""

    __tablename__ = 'turns'
    __table_args__ = (columns.MYSQL,)

    name = sa.Column(sa.String(64), primary_key=True)
    holder = columns.text()
    held_until = sa.Column(sqltime.Timestamp)
    ended_at = sa.Column(sqltime.Timestamp, nullable=False)


class DailyBudget(columns.Base):
    """Something of which all processes together may spend so much a day:
    see :mod:`manila_backup.db.budgets`."""

    __tablename__ = 'daily_budgets'
    __table_args__ = (columns.MYSQL,)

    name = sa.Column(sa.String(64), primary_key=True)
    #: The last day, in UTC, on which something was spent.
    day = sa.Column(sa.Date, nullable=False)
    #: What was spent on it, and what earlier days have left to it.
    spent = sa.Column(counts.Count, nullable=False)


class Place(columns.Base):
    """A directory of the service's own, and what it was when that was
    noted, as :func:`manila_backup.fs.identity.of` has it."""

    __tablename__ = 'places'
    __table_args__ = (columns.MYSQL,)

    name = sa.Column(sa.String(64), primary_key=True)
    identity = sa.Column(sa.JSON, nullable=False)
    created_at = columns.created_at()


class WriteReceipt(columns.Base):
    """The last transaction that a thread has committed: see
    :mod:`manila_backup.db.receipts`."""

    __tablename__ = 'write_receipts'
    __table_args__ = (columns.MYSQL,)

    #: Random: one per thread and process.
    writer = sa.Column(sa.String(32), primary_key=True)
    number = sa.Column(sa.BigInteger, nullable=False)
    updated_at = sa.Column(sqltime.Timestamp, nullable=False,
                           default=sqltime.utcnow())
