# SPDX-License-Identifier: Apache-2.0
"""Schedules: the instants at which backups are due.

A cron expression is about a clock on the wall. Where that clock is put
forward, what falls into the hour that is left out is due at the first instant
after it; where it is put back, what falls into the hour that comes twice is
due in the first of the two. So every time on the clock is due once, and two
times that become one instant are one run.
"""

import datetime
import hashlib
import re
import zoneinfo

import croniter

from manila_backup import exception

_DAY = datetime.timedelta(days=1)
_MINUTES = 24 * 60

#: The longest cron expression, in characters.
MAX_CRON = 255

# Names that are files beside the zones, or zones that depend on the host.
_NO_ZONES = re.compile(r'(posix|right)/|localtime$|posixrules$|Factory$', re.I)
_ZONE = re.compile(r'[A-Za-z][A-Za-z0-9_+/-]{0,63}\Z')

# "H" and "R" are of croniter alone, and differ from one process to another.
_CRON = re.compile(r'[0-9A-Za-z*,/#?-]+\Z')
_RANDOM = re.compile(r'(^|,)[HR](\W|$)', re.I)

#: The names of the fields of a cron expression, in their order.
_FIELDS = 'minute', 'hour', 'day of month', 'month', 'day of week'

# Of two days on end one is found in so many days, or there are none: the 29th
# of February and the 1st of March come together every eighth year at the
# least.
_SEARCHED = 9 * 366 * _DAY


class Schedule:
    """The due times of a rule.

    :param cron: str, a cron expression of five fields.
    :param timezone: str, the IANA name of the zone whose clock it is about.
    :raises manila_backup.exception.InvalidInput: one of them makes no sense.
    """

    def __init__(self, cron, timezone):
        self._zone = zone(timezone)
        self._cron = _checked(cron)

    def between(self, after, until):
        """List the due times after one instant and up to another.

        :param after: datetime; what is due then is not among them.
        :param until: datetime; what is due then is.
        :returns: iterator of datetimes, in their order, each once.
        """
        last = after
        # Times on the clock and instants go up together, so that nothing that
        # is due later stands on the clock before this.
        for clock in self._on_clock(self._local(after)):
            instant = _instant(clock, self._zone)
            if instant > until:
                return
            if instant > last:
                last = instant
                yield instant

    def next(self, after):
        """Return the first due time after an instant."""
        return next(self.between(after, datetime.datetime.max))

    def previous(self, until):
        """Return the last due time up to an instant."""
        # What is later on the clock is not earlier, unless it was put back.
        start = self._local(until) + datetime.timedelta(hours=4)
        found = croniter.croniter(self._cron, start,
                                  ret_type=datetime.datetime)
        while True:
            instant = _instant(found.get_prev(), self._zone)
            if instant <= until:
                return instant

    def min_interval(self):
        """Return the shortest time on the clock between two due times, as
        timedelta."""
        parsed = croniter.croniter.expand(self._cron)[0]
        minutes, hours = (
            range(size) if '*' in field else sorted(map(int, field))
            for field, size in zip(parsed, (60, 24)))
        times = [hour * 60 + minute for hour in hours for minute in minutes]
        gaps = [later - earlier for earlier, later in zip(times, times[1:])]
        over_midnight = times[0] + _MINUTES - times[-1]
        if not gaps or over_midnight < min(gaps):
            gaps.append(self._apart() * _MINUTES + over_midnight - _MINUTES)
        return datetime.timedelta(minutes=min(gaps))

    def _apart(self):
        """The fewest days between two days on which something is due."""
        start = datetime.datetime(2000, 1, 1)
        fields = self._cron.split()
        fields[:2] = '0', '0'
        found, last = [], None
        for day in _iterate(' '.join(fields), start - _DAY):
            if last is not None:
                found.append((day - last).days)
            last = day
            if found and (found[-1] == 1 or day > start + _SEARCHED):
                return min(found)

    def _local(self, instant):
        aware = instant.replace(tzinfo=datetime.timezone.utc)
        return aware.astimezone(self._zone).replace(
            tzinfo=None, fold=0, microsecond=0)

    def _on_clock(self, start):
        return _iterate(self._cron, start)


def jitter(rule_id, share_id, seconds):
    """Return the delay of a share's runs by a rule, the same for each of them.

    :param seconds: int, what it is less than, or 0 for none.
    :returns: timedelta of whole seconds.
    """
    if not seconds:
        return datetime.timedelta()
    digest = hashlib.sha256(f'{rule_id} {share_id}'.encode()).digest()
    return datetime.timedelta(
        seconds=int.from_bytes(digest[:8], 'big') % seconds)


def zone(name):
    """A time zone by its IANA name.

    :raises manila_backup.exception.InvalidInput: there is none.
    """
    if _ZONE.match(name) and not _NO_ZONES.match(name):
        try:
            return zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            pass
    raise exception.InvalidInput(
        f'timezone: there is no time zone {name!r}; give the name of one of '
        f'the IANA time zones, such as "Europe/Berlin" or "UTC".')


def _checked(cron):
    """Return a cron expression in its plain form."""
    fields = cron.split()
    if len(cron) > MAX_CRON or len(fields) != len(_FIELDS):
        raise _refusal(cron, f'it must have five fields: '
                             f'{", ".join(_FIELDS)}.')
    for name, field in zip(_FIELDS, fields):
        if not _CRON.match(field) or _RANDOM.search(field):
            raise _refusal(cron, f'the {name} can\'t be {field!r}.')
    plain = ' '.join(fields)
    try:
        # That there ever is such a day, too.
        next(_iterate(plain, datetime.datetime(2000, 1, 1)))
    except croniter.CroniterBadDateError as exc:
        raise _refusal(cron, 'there is no such day.') from exc
    # Of what it can't make sense of, croniter raises many things.
    except (croniter.CroniterError, ArithmeticError, LookupError, TypeError,
            ValueError) as exc:
        raise _refusal(cron, f'{exc}.') from exc
    return plain


def _refusal(cron, reason):
    return exception.InvalidInput(
        f'cron: {cron[:MAX_CRON]!r} is not a cron expression: {reason}')


def _iterate(cron, start):
    """The times on the clock after ``start`` that an expression means, in
    their order; the last ones that there are, are in the year 9999."""
    found = croniter.croniter(cron, start, ret_type=datetime.datetime)
    while True:
        try:
            yield found.get_next()
        except (croniter.CroniterBadDateError, OverflowError, ValueError):
            if found.get_current(datetime.datetime) > start:
                return
            raise


def _instant(clock, zone_):
    """The instant of a time on the clock of a zone."""
    utc = datetime.timezone.utc
    found = clock.replace(tzinfo=zone_).astimezone(utc)
    if found.astimezone(zone_).replace(tzinfo=None, fold=0) != clock:
        # There is no such time on that day: the clock was put forward. By the
        # one offset it is before that, by the other after it.
        found = _change(
            zone_, clock.replace(tzinfo=zone_, fold=1).astimezone(utc), found)
    return found.replace(tzinfo=None)


def _change(zone_, before, after):
    """The first instant at which a zone has the offset of ``after``, to the
    second."""
    offset = after.astimezone(zone_).utcoffset()
    seconds = int((after - before).total_seconds())
    low, high = 0, seconds
    while high - low > 1:
        middle = (low + high) // 2
        at = before + datetime.timedelta(seconds=middle)
        if at.astimezone(zone_).utcoffset() == offset:
            high = middle
        else:
            low = middle
    return before + datetime.timedelta(seconds=high)
