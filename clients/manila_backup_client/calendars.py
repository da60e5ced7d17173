# SPDX-License-Identifier: Apache-2.0
"""Calendars of backups: which days have one that would be kept."""

import calendar
import datetime
import zoneinfo

LEGEND = ('[n]: a backup is kept   -n-: deleted   n: none\n'
          'D, W, M, Y, H, L and + beside a day: kept as the daily, weekly, '
          'monthly,\nyearly or hourly one, as one of the last, or for another '
          'reason')

_LETTERS = {'daily': 'D', 'weekly': 'W', 'monthly': 'M', 'yearly': 'Y',
            'hourly': 'H', 'last': 'L'}

# The widest that a day with its letters gets.
_WIDTH = 10


def draw(backups, timezone):
    """Return calendars of the months that have backups, as lines of text.

    :param backups: list of dicts, as the action ``simulate`` has them.
    :param timezone: str, whose days they are.
    """
    days = {}
    for each in backups:
        if each['due_at']:
            days.setdefault(_day(each['due_at'], timezone), []).append(each)
    lines = []
    for year, month in sorted({(day.year, day.month) for day in days}):
        lines += [f'{calendar.month_name[month]} {year}'.center(7 * _WIDTH)
                  .rstrip(), ''.join(
            name.center(_WIDTH) for name in calendar.day_abbr).rstrip()]
        for week in calendar.Calendar().monthdatescalendar(year, month):
            lines.append(''.join(
                _cell(day, days.get(day, ())) if day.month == month
                else ' ' * _WIDTH for day in week).rstrip())
        lines.append('')
    return lines


def _day(text, timezone):
    """The day of an instant as the service writes it."""
    instant = datetime.datetime.fromisoformat(text).replace(
        tzinfo=datetime.timezone.utc)
    return instant.astimezone(zoneinfo.ZoneInfo(timezone)).date()


def _cell(day, backups):
    kept = [each for each in backups if each['keep']]
    text = str(day.day)
    if kept:
        rules = {rule['rule'] for each in kept for rule in each['rules']}
        letters = ''.join(letter for rule, letter in _LETTERS.items()
                          if rule in rules)
        text = f'[{text}]{letters or "+"}'
    elif backups:
        text = f'-{text}-'
    return text.center(_WIDTH)
