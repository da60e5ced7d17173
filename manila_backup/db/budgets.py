# SPDX-License-Identifier: Apache-2.0
"""Amounts that all processes of the service together may spend in a day.

A day is one of UTC, by the database's clock. What goes beyond a day's limit is
taken from the days after it.
"""

import sqlalchemy as sa

from manila_backup.db import clock
from manila_backup.db import counts
from manila_backup.db import models
from manila_backup.db import rows

TABLE = models.daily_budgets


def spend(conn, name, amount, limit):
    """Take an amount from what is left of today's, if there is enough.

    One that is larger than the limit can be had while anything is left.

    :param name: str, whose row is made if there is none.
    :param amount: int.
    :param limit: int, how much a day has; 0: no limit.
    :returns: bool, whether it was to be had.
    """
    today, spent = _take(conn, name, limit)
    wanted = min(spent + amount, counts.MOST)
    if limit and wanted > limit and not spent < limit < amount:
        return False
    _put(conn, name, today, wanted)
    return True


def correct(conn, name, change, limit):
    """Note that what was spent was more, or less, than was thought.

    :param change: int, how much more.
    :param limit: int, as of :func:`spend`.
    """
    today, spent = _take(conn, name, limit)
    _put(conn, name, today, max(0, spent + change))


def _take(conn, name, limit):
    """Lock the row, and make it if there is none.

    :returns: (date, today's; int, what was spent of today's).
    """
    today = clock.now(conn).date()
    mine = sa.select(TABLE).where(TABLE.c.name == name)
    if conn.execute(mine).first() is None:
        rows.insert_once(conn, TABLE, name=name, day=today, spent=0)
    row = conn.execute(mine.with_for_update()).one()
    # Another may have come from an earlier day to this one meanwhile.
    days = max(0, (today - row.day).days)
    if days and not limit:
        return today, 0
    return max(today, row.day), max(0, row.spent - limit * days)


def _put(conn, name, day, spent):
    conn.execute(sa.update(TABLE).where(TABLE.c.name == name).values(
        day=day, spent=spent))
