# SPDX-License-Identifier: Apache-2.0
"""Queries about the drivers' repositories: what the workers of each host have
found, and what is in them."""

import dataclasses
import typing

import sqlalchemy as sa

from manila_backup.db import counts
from manila_backup.db import models
from manila_backup.db import rows
from manila_backup.db import sqltime
from manila_backup import states

TABLE = models.repositories
_BACKUPS = models.share_backups


@dataclasses.dataclass(frozen=True)
class Repository:
    """The repository of a driver.

    :ivar hosts: list of rows, what the workers of each host have found.
    :ivar backups: a row about those in it: ``backups``, ``stored_bytes``,
        ``never_verified``, ``damaged``, ``oldest_verified_at`` and
        ``newest_verified_at``; None if there are none.
    """

    driver: str
    hosts: list[typing.Any]
    backups: typing.Any


def found(conn, driver, host, location, space):
    """Note what the workers of a host have measured.

    :param location: str, where the repository is, or None.
    :param space: (int, bytes used; int, bytes free); None where the driver
        can't tell.
    """
    used, free = space or (None, None)
    _note(conn, driver, host, {
        'location': location, 'used_bytes': used, 'free_bytes': free,
        'measured_at': sqltime.utcnow() if space else None,
        'problem': None})


def failed(conn, driver, host, location, problem):
    """Note that they could not measure it. What they measured before stays.

    :param problem: str, a sentence.
    """
    _note(conn, driver, host, {'location': location, 'problem': problem})


def _note(conn, driver, host, values):
    values = {**values, 'looked_at': sqltime.utcnow()}
    this = sa.and_(TABLE.c.driver == driver, TABLE.c.host == host)
    id_ = conn.execute(sa.select(TABLE.c.id).where(this)).scalar()
    if id_ is None:
        if rows.insert_once(conn, TABLE, driver=driver, host=host, **values):
            return
        id_ = conn.execute(sa.select(TABLE.c.id).where(this)).scalar()
    rows.update(conn, TABLE, id_, values)


def keep(conn, host, drivers):
    """Forget what the workers of a host found with drivers that they do not
    have any more.

    :param drivers: list of str, names of those that they have.
    """
    _forget(conn, TABLE.c.host == host, TABLE.c.driver.not_in(drivers))


def purge(conn):
    """Forget what was found by hosts that have no processes any more."""
    process = models.services
    _forget(conn, ~sa.exists().where(process.c.host == TABLE.c.host))


def _forget(conn, *conditions):
    for id_ in conn.execute(sa.select(TABLE.c.id).where(*conditions).order_by(
            TABLE.c.id)).scalars().all():
        rows.delete(conn, TABLE, id_)


def list_all(conn):
    """List the repositories that hosts have found, or that have backups, as
    :class:`Repository`, by driver."""
    hosts = {}
    for row in conn.execute(sa.select(TABLE).order_by(
            TABLE.c.driver, TABLE.c.host)):
        hosts.setdefault(row.driver, []).append(row)
    backups = {row.backup_type: row for row in conn.execute(_contents())}
    return [Repository(driver, hosts.get(driver, []), backups.get(driver))
            for driver in sorted({*hosts, *backups})]


def _contents():
    """Select what the repositories have, by driver: of what is stored."""
    verified_at = _BACKUPS.c.verified_at

    def number(condition):
        return sa.func.sum(sa.case((condition, 1), else_=0))

    return sa.select(
        _BACKUPS.c.backup_type,
        sa.func.count().label('backups'),
        counts.total(_BACKUPS.c.stored_bytes).label('stored_bytes'),
        number(verified_at.is_(None)).label('never_verified'),
        number(_BACKUPS.c.verified_result == str(states.Verified.DAMAGED)
               ).label('damaged'),
        sa.func.min(verified_at).label('oldest_verified_at'),
        sa.func.max(verified_at).label('newest_verified_at'),
    ).where(_BACKUPS.c.status.in_([str(each) for each in states.STORED])
            ).group_by(_BACKUPS.c.backup_type)
