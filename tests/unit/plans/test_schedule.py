# SPDX-License-Identifier: Apache-2.0
"""Due times, held against a clock that is watched minute by minute."""

import datetime
import zoneinfo

import hypothesis
from hypothesis import strategies as st
from oslotest import base

from manila_backup import exception
from manila_backup.plans import schedule

#: Zones whose clocks are changed in every way: by an hour, by half an hour, in
#: the south, at midnight, below zero in winter, never, and by a whole day.
ZONES = ('Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe',
         'America/Santiago', 'Europe/Dublin', 'Africa/Casablanca',
         'Asia/Kathmandu', 'Pacific/Apia', 'UTC')

_UTC = datetime.timezone.utc
_MINUTE = datetime.timedelta(minutes=1)


def at(*args):
    return datetime.datetime(*args)


def due(cron, zone, after, until):
    return list(schedule.Schedule(cron, zone).between(after, until))


def field(text, least, most):
    """Strategy of what a field of a cron expression allows: plain ones only.
    """
    allowed = set()
    for part in text.split(','):
        part, _, step = part.partition('/')
        first, _, last = part.partition('-')
        if part == '*':
            first, last = least, most
        allowed.update(range(int(first), int(last or first) + 1,
                             int(step or 1)))
    return allowed


def watched(cron, zone, after, until, step=_MINUTE):
    """Due times by looking at the clock every so often: of all times that it
    has come to or passed since, those that it never showed before."""
    fields = [field(text, *limits) for text, limits in zip(
        cron.split(), ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6)))]
    any_day, any_weekday = (cron.split()[each] == '*' for each in (2, 4))
    zone = zoneinfo.ZoneInfo(zone)

    def matches(clock):
        day = clock.day in fields[2]
        weekday = clock.isoweekday() % 7 in fields[4]
        return (clock.minute in fields[0] and clock.hour in fields[1]
                and clock.month in fields[3]
                and ((day and weekday) if any_day or any_weekday
                     else (day or weekday)))

    found = []
    # It has shown things before, which it may show again.
    instant = after - datetime.timedelta(days=2)
    latest = None
    while instant <= until:
        clock = instant.replace(tzinfo=_UTC).astimezone(zone).replace(
            tzinfo=None, fold=0)
        if latest is None:
            latest = clock
        is_due = False
        while latest < clock:
            latest += step
            is_due = is_due or matches(latest)
        if is_due and instant > after:
            found.append(instant)
        instant += step
    return found


def changes(zone, first, last):
    """The instants, to the quarter of an hour, at which a zone's clock is
    changed."""
    zone, step = zoneinfo.ZoneInfo(zone), datetime.timedelta(minutes=15)
    instant, offset = at(first, 1, 1), None
    while instant < at(last, 1, 1):
        now = instant.replace(tzinfo=_UTC).astimezone(zone).utcoffset()
        if offset not in (None, now):
            yield instant
        offset = now
        instant += step


def crons():
    """Expressions that are often due in the small hours."""
    def fields(low, high, more=()):
        number = st.integers(low, high)
        return st.one_of(
            number.map(str),
            st.lists(number, min_size=1, max_size=3, unique=True).map(
                lambda each: ','.join(map(str, sorted(each)))),
            st.tuples(number, number).map(
                lambda each: '-'.join(map(str, sorted(each)))),
            st.integers(2, 20).map('*/{}'.format), *more)

    every = st.just('*')
    return st.tuples(
        fields(0, 59), fields(0, 5, [every]), st.one_of(every, fields(1, 28)),
        every, st.one_of(every, fields(0, 6))).map(' '.join)


class DueTimes(base.BaseTestCase):

    def test_what_the_spring_leaves_out_is_due_right_after_it(self):
        self.assertEqual(
            [at(2026, 3, 28, 1, 30), at(2026, 3, 29, 1),
             at(2026, 3, 30, 0, 30)],
            due('30 2 * * *', 'Europe/Berlin', at(2026, 3, 28),
                at(2026, 3, 31)))

    def test_two_times_that_become_one_are_one_run(self):
        self.assertEqual(
            [at(2026, 3, 29, 0, 45), at(2026, 3, 29, 1),
             at(2026, 3, 29, 1, 15)],
            due('*/15 1-3 * * *', 'Europe/Berlin', at(2026, 3, 29, 0, 30),
                at(2026, 3, 29, 1, 15)))

    def test_what_the_autumn_has_twice_is_due_once(self):
        self.assertEqual(
            [at(2026, 10, 24, 0, 30), at(2026, 10, 25, 0, 30),
             at(2026, 10, 26, 1, 30)],
            due('30 2 * * *', 'Europe/Berlin', at(2026, 10, 24),
                at(2026, 10, 27)))
        # Also for who looks in the second of the two hours.
        self.assertEqual(
            [], due('30 2 * * *', 'Europe/Berlin', at(2026, 10, 25, 1, 10),
                    at(2026, 10, 25, 2)))

    def test_a_day_that_there_never_was(self):
        self.assertEqual(
            [at(2011, 12, 29, 12), at(2011, 12, 30, 10),
             at(2011, 12, 30, 12)],
            due('0 2 * * *', 'Pacific/Apia', at(2011, 12, 29),
                at(2011, 12, 31)))

    def test_ten_years_on_clocks_that_are_watched(self):
        step = datetime.timedelta(minutes=30)
        start, end = at(2020, 1, 1), at(2030, 1, 1)
        for zone, cron in (('Europe/Berlin', '30 2 * * *'),
                           ('Australia/Lord_Howe', '0,30 0-3 * * 0'),
                           ('America/Santiago', '0 0 1-15 * *')):
            self.assertEqual(watched(cron, zone, start, end, step),
                             due(cron, zone, start, end), (zone, cron))

    @hypothesis.settings(deadline=None, max_examples=25, derandomize=True)
    @hypothesis.given(data=st.data())
    def test_around_changes_of_the_clock(self, data):
        zone = data.draw(st.sampled_from(ZONES[:6]))
        change = data.draw(st.sampled_from(CHANGES[zone]))
        after = change - _MINUTE * data.draw(st.integers(0, 2000))
        until = change + _MINUTE * data.draw(st.integers(0, 2000))
        cron = data.draw(crons())
        found = watched(cron, zone, after, until)
        self.assertEqual(found, due(cron, zone, after, until))
        if found:
            self.assertEqual(found[-1],
                             schedule.Schedule(cron, zone).previous(until))

    @hypothesis.settings(deadline=None, max_examples=25, derandomize=True)
    @hypothesis.given(
        zone=st.sampled_from(ZONES), cron=crons(),
        cuts=st.lists(st.integers(0, 10 * 86400), max_size=8))
    def test_who_looks_often_sees_what_who_looks_once_does(self, zone, cron,
                                                           cuts):
        start = at(2026, 3, 24)
        end = start + datetime.timedelta(days=10)
        once = due(cron, zone, start, end)
        often, last = [], start
        for cut in [*sorted(cuts), 10 * 86400]:
            now = start + datetime.timedelta(seconds=cut)
            often += due(cron, zone, last, now)
            last = now
        self.assertEqual(once, often)
        self.assertEqual(sorted(set(once)), once)
        found = schedule.Schedule(cron, zone)
        for before, after in list(zip(once, once[1:]))[:5]:
            self.assertEqual(after, found.next(before))
            self.assertEqual(after, found.previous(after))
            self.assertEqual(before, found.previous(after - _MINUTE / 9))

    def test_end_is_included_and_start_is_not(self):
        noon = at(2026, 1, 1, 12)
        self.assertEqual([noon + datetime.timedelta(days=1)],
                         due('0 12 * * *', 'UTC', noon,
                             noon + datetime.timedelta(days=1)))
        late = noon + datetime.timedelta(microseconds=1)
        self.assertEqual([], due('0 12 * * *', 'UTC', noon, late))
        self.assertEqual([noon], due(
            '0 12 * * *', 'UTC', noon - datetime.timedelta(microseconds=1),
            noon))


class Intervals(base.BaseTestCase):

    def test_shortest(self):
        minute, day = datetime.timedelta(minutes=1), datetime.timedelta(1)
        for cron, shortest in (
                ('* * * * *', minute), ('*/7 3 * * *', 7 * minute),
                ('59 23 * * *', day), ('0 * * * *', 60 * minute),
                ('0,59 0,23 * * *', minute), ('30 0,23 * * *', 60 * minute),
                ('30 0,23 1 * *', 23 * 60 * minute), ('0 0 1 * *', 28 * day),
                ('0 0 29 2 *', 1461 * day), ('0 0 29,1 2,3 *', day),
                ('0 0 * * 1,4', 3 * day), ('0 0 1 1 1', day)):
            self.assertEqual(
                shortest, schedule.Schedule(cron, 'UTC').min_interval(), cron)

    @hypothesis.settings(deadline=None, max_examples=25, derandomize=True)
    @hypothesis.given(cron=crons())
    def test_none_is_shorter(self, cron):
        once = schedule.Schedule(cron, 'UTC')
        found = list(once.between(at(2024, 2, 20), at(2024, 3, 5)))
        self.assertTrue(all(
            later - earlier >= once.min_interval()
            for earlier, later in zip(found, found[1:])))


class Refusals(base.BaseTestCase):

    def test_no_cron_expression(self):
        for cron in ('', 'daily', '@daily', '* * * *', '* * * * * *',
                     '60 * * * *', '0 24 * * *', '0 0 30 2 *', '0 0 0 * *',
                     'H * * * *', 'R(0-5) * * * *', '0 0,h * * *',
                     '*/0 * * * *', '1- * * * *', '0 0 * * XYZ',
                     '0 0 * * \u0661', '-1 * * * *', '0 0 * 13 *',
                     '0\x00 0 * * *', '0 0 * * 99999999999999999999',
                     '0 0 * * ' + ','.join(['1'] * 200)):
            error = self.assertRaises(exception.InvalidInput,
                                      schedule.Schedule, cron, 'UTC')
            self.assertIn('is not a cron expression: ', str(error))

    def test_no_time_zone(self):
        for zone in ('', 'Nowhere/City', 'localtime', 'posixrules',
                     'posix/UTC', '../../etc/passwd', '/etc/localtime',
                     'Europe', 'Europe/', 'UTC\x00', 'x' * 5000, 'CEST',
                     'tzdata.zi', 'zone.tab', '+01:00'):
            error = self.assertRaises(exception.InvalidInput,
                                      schedule.Schedule, '0 0 * * *', zone)
            self.assertIn('no time zone', str(error))

    @hypothesis.settings(deadline=None, max_examples=150, derandomize=True)
    @hypothesis.given(cron=st.one_of(
        st.text(max_size=40),
        st.lists(st.text('0123456789*,-/?#LWHRMON', min_size=1, max_size=6),
                 min_size=5, max_size=5).map(' '.join)))
    def test_any_text_is_a_schedule_or_refused(self, cron):
        try:
            found = schedule.Schedule(cron, 'Europe/Berlin')
        except exception.InvalidInput:
            return
        found.min_interval()
        self.assertGreater(found.next(at(2026, 1, 1)), at(2026, 1, 1))


class Jitter(base.BaseTestCase):

    def test_is_the_same_each_time_and_spread(self):
        delays = {schedule.jitter('rule', str(share), 600)
                  for share in range(2000)}
        self.assertGreater(len(delays), 500)
        self.assertTrue(all(
            datetime.timedelta() <= each < datetime.timedelta(seconds=600)
            for each in delays))
        self.assertEqual(schedule.jitter('r', 's', 600),
                         schedule.jitter('r', 's', 600))
        self.assertNotEqual(schedule.jitter('r', 's', 600),
                            schedule.jitter('q', 's', 600))

    def test_none(self):
        self.assertEqual(datetime.timedelta(), schedule.jitter('r', 's', 0))


CHANGES = {zone: list(changes(zone, 2023, 2026)) for zone in ZONES[:6]}
