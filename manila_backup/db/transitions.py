# SPDX-License-Identifier: Apache-2.0
"""The only writer of a status.

What may follow what is in :mod:`manila_backup.states`. Each function here
holds what it is asked for against that, and changes the row by
compare-and-swap, so that a status that somebody else has set meanwhile stays.
"""

import sqlalchemy as sa

from manila_backup.db import models
from manila_backup.db import rows
from manila_backup.db import sqltime
from manila_backup import exception
from manila_backup import states

#: The tables with a status, and what it is one of.
STATUSES = {models.shares: states.Share, models.snapshots: states.Snapshot,
            models.share_backups: states.Backup,
            models.operations: states.Operation,
            models.backup_runs: states.Run}


def create(conn, table, status, **values):
    """Insert a row in its first status."""
    _check(table, [None], status)
    rows.insert(conn, table, status=status, **values)


def create_all(conn, table, status, values):
    """Insert rows in the same first status.

    :param values: list of dicts, all with the same columns.
    """
    _check(table, [None], status)
    if values:
        # PyMySQL sends them at once only if there is no function among them.
        now = conn.execute(sa.select(sqltime.utcnow())).scalar()
        conn.execute(sa.insert(table), [
            {'created_at': now, **each, 'status': str(status)}
            for each in values])


def change(conn, table, id_, status, values=None, old=None, **expected):
    """Give a row another status, where it is as expected.

    :param values: dict of other columns to their new values.
    :param old: the status that it must have, or several of which it must
        have one; None for all that ``status`` may follow.
    :param expected: as for :func:`manila_backup.db.rows.update`.
    :returns: bool, whether it was as expected and has the status now.
    :raises manila_backup.exception.IllegalTransition: it may not follow.
    """
    old = [old] if isinstance(old, str) else old
    old = _check(table, old, status)
    return rows.swap(conn, table, id_, dict(values or {}, status=status),
                     dict(expected, status=old))


def change_all(conn, table, ids, status, values=None):
    """Give rows another status, those whose status it may follow.

    :param ids: list of str; whoever calls holds the rows, so that none is
        waited for here.
    :param values: dict of other columns to their new values.
    :returns: int, how many have it now.
    """
    table_values = {name: str(value) if isinstance(value, str) else value
                    for name, value in (values or {}).items()}
    return conn.execute(
        sa.update(table).where(
            table.c.id.in_(ids),
            table.c.status.in_(_check(table, None, status)))
        .values(**table_values, status=str(status))).rowcount


def override(conn, table, id_, status, override_, old, values=None):
    """Give a row a status because an administrator says so.

    :param override_: a :class:`manila_backup.states.Override`.
    :param old: the status that it must have.
    :param values: dict of other columns to their new values.
    :returns: bool, whether it had that.
    :raises manila_backup.exception.IllegalTransition: not even that may be.
    """
    kind = STATUSES[table]
    states.check_override(override_, kind, old, kind(status))
    return rows.swap(conn, table, id_, dict(values or {}, status=status),
                     {'status': old})


def remove(conn, table, id_, status=None):
    """Remove a row whose status allows it.

    :param status: the one that it must have; None for all that allow it.
    :returns: bool, whether it had one.
    """
    removable = states.removable(STATUSES[table])
    if status is not None and status not in removable:
        raise exception.IllegalTransition(
            f'{STATUSES[table].__name__} can\'t go from {status} to nothing.')
    return rows.delete(conn, table, id_, status=status or removable)


def strange(conn, limit=10):
    """Return rows whose status is none that there is, as (table, id, status):
    some, if there are many."""
    strays = []
    for table, kind in STATUSES.items():
        strays += [(table.name, *row) for row in conn.execute(
            sa.select(table.c.id, table.c.status)
            .where(table.c.status.not_in([str(each) for each in kind]))
            .order_by(table.c.id).limit(limit))]
    return strays[:limit]


def _check(table, old, status):
    """Make sure that a status may follow others, and return those.

    :param old: list, in which None is of a row that is not there; or None
        for all that it may follow.
    """
    kind = STATUSES[table]
    if not isinstance(status, kind):
        raise exception.IllegalTransition(
            f'{status!r} is no status of {table.name}.')
    if old is None:
        return states.sources(status)
    for each in old:
        states.check(None if each is None else kind(each), status)
    return old
