# SPDX-License-Identifier: Apache-2.0
"""Cron expressions in words, as far as they are simple."""

import re

_DAYS = ('Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday',
         'Saturday')

_DAILY = 'every day'

_NUMBERS = {day[:3].lower(): number for number, day in enumerate(_DAYS)}


def due(cron):
    """Convert a cron expression to words such as ``every day at 02:30``.

    :returns: str; None where there are none that are shorter than it.
    """
    minute, hour, day, month, weekday = cron.lower().split()
    days, times = _days(day, month, weekday), _times(minute, hour)
    if not days or not times:
        return None
    return times if (days, times[:5]) == (_DAILY, 'every') else (
        f'{days} {times}')


def _times(minute, hour):
    if not minute.isdigit():
        return None
    every = re.fullmatch(r'\*(?:/(\d+))?', hour)
    if every:
        number = int(every[1] or 1)
        if 24 % number:
            return None
        return (f'every hour at minute {minute}' if number == 1
                else f'every {number} hours at minute {minute}')
    hours = hour.split(',')
    if not all(each.isdigit() for each in hours):
        return None
    return 'at ' + _listed([f'{int(each):02}:{int(minute):02}'
                            for each in hours])


def _days(day, month, weekday):
    if month != '*':
        return None
    if weekday == '*':
        if day == '*':
            return _DAILY
        if day == 'l':
            return 'on the last day of each month'
        return (f'on day {_listed(day.split(","))} of each month'
                if re.fullmatch(r'\d+(,\d+)*', day) else None)
    if day != '*':
        return None
    found = [_weekdays(each) for each in weekday.split(',')]
    return f'on {_listed(found)}' if all(found) else None


def _weekdays(field):
    """One weekday, or those from one to another; None for anything else."""
    numbers = [_NUMBERS[each] if each in _NUMBERS else int(each) % 7
               if each.isdigit() else None for each in field.split('-')]
    if None in numbers or len(numbers) > 2:
        return None
    return ' to '.join(f'{_DAYS[number]}s' for number in numbers)


def _listed(texts):
    *most, last = texts
    return f'{", ".join(most)} and {last}' if most else last
