# SPDX-License-Identifier: Apache-2.0
"""Pictures: backups on a time line, due times on a calendar, and use over
time."""

import calendar
import dataclasses
import datetime

from manila_backup.plans import schedule
from manila_backup.ui import words

#: Width and height of a time line, in units of its own.
WIDTH, HEIGHT = 1000, 48

_MARGIN = 14


@dataclasses.dataclass(frozen=True)
class Mark:
    """A backup on a time line.

    :ivar x: int, where.
    :ivar mood: str, its class.
    :ivar backup: dict, as the API tells of it.
    """

    x: int
    mood: str
    backup: dict


def timeline(backups, now):
    """Put backups onto a time line from the oldest one to now.

    :param backups: list of dicts with ``created_at`` or ``due_at``.
    :param now: datetime, UTC.
    :returns: list of :class:`Mark`, oldest first.
    """
    timed = sorted((words.moment(each.get('due_at') or each['created_at']),
                    number) for number, each in enumerate(backups))
    if not timed:
        return []
    first = timed[0][0]
    length = max((now - first).total_seconds(), 1)
    return [Mark(int(_MARGIN + (WIDTH - 2 * _MARGIN)
                     * min(1, max(0, (at - first).total_seconds() / length))),
                 mood(backups[number]), backups[number])
            for at, number in timed]


def mood(backup):
    """Return the class of a backup: that of its status unless it is
    available, then that of its result."""
    status = backup.get('status', 'available')
    if status != 'available':
        return words.mood(status)
    return words.mood(backup.get('result') or 'complete')


@dataclasses.dataclass(frozen=True)
class Use:
    """Bytes that are stored, day by day.

    :ivar bars: list of (date, bytes stored by then, height of that, bytes
        of that day, height of that), the first day first; heights are of 100.
    :ivar limit: bytes that may be stored; None for any number.
    :ivar limit_height: float, of the limit; None where that is far above.
    """

    bars: list
    limit: int | None
    limit_height: float | None


def use(days, limit):
    """Draw what is stored, beneath a limit.

    :param days: list of (date, bytes stored by then, bytes of that day).
    :param limit: bytes; None for none.
    :returns: a :class:`Use`.
    """
    most = max((stored for _day, stored, _added in days), default=0)
    # Of a limit that is far away, use would be a flat line.
    near = limit is not None and limit <= 4 * most
    top = max(most, limit if near else 0) or 1
    return Use([(day, stored, round(96 * stored / top, 1), added,
                 round(96 * added / top, 1)) for day, stored, added in days],
               limit, round(96 * limit / top, 1) if near else None)


def months(rules, start, number=2):
    """Put the due times of rules onto calendars.

    :param rules: list of dicts as the API tells of them.
    :param start: date, in the first month.
    :param number: int, how many months.
    :returns: list of (title, list of weeks), each week a list of seven
        (day or None, list of rules' names).
    """
    found = []
    year, month = start.year, start.month
    for _number in range(number):
        due = _due(rules, year, month)
        weeks = [[(day or None, due.get(day, [])) for day in week]
                 for week in calendar.Calendar().monthdayscalendar(year,
                                                                   month)]
        found.append((f'{calendar.month_name[month]} {year}', weeks))
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return found


def _due(rules, year, month):
    """The rules that are due on the days of a month, by the clock of their
    zones: dict of day to list of names."""
    first = datetime.datetime(year, month, 1)
    days = calendar.monthrange(year, month)[1]
    due = {}
    for rule in rules:
        zone = schedule.zone(rule['timezone'])
        times = schedule.Schedule(rule['cron'], rule['timezone'])
        for at in times.between(first - datetime.timedelta(days=2),
                                first + datetime.timedelta(days=days + 2)):
            local = at.replace(tzinfo=datetime.timezone.utc).astimezone(zone)
            names = due.setdefault(local.day, [])
            if (local.year, local.month) == (year, month) and (
                    rule['name'] not in names):
                names.append(rule['name'])
    return due
