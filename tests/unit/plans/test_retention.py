# SPDX-License-Identifier: Apache-2.0
"""Retention, held against what its words say, read one backup at a time."""

import datetime
import os
import random
import zoneinfo

import hypothesis
from hypothesis import strategies as st
from oslotest import base

from manila_backup.plans import retention
from manila_backup.plans import schedule

#: Histories of ten years that are tried, the same ones each time unless more
#: are asked for.
YEARS_EXAMPLES = int(os.environ.get('MANILA_BACKUP_TEST_EXAMPLES') or 8)

ZONES = ('Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe',
         'America/Santiago', 'UTC')

_UTC = datetime.timezone.utc

#: Of periods: the parts of a time on the clock that make them.
_PARTS = {
    'hourly': lambda clock: (*clock.timetuple()[:4], clock.utcoffset()),
    'daily': lambda clock: clock.date(),
    # Its Monday.
    'weekly': lambda clock: clock.date() - datetime.timedelta(
        clock.weekday()),
    'monthly': lambda clock: (clock.year, clock.month),
    'yearly': lambda clock: clock.year,
}


def at(*args):
    return datetime.datetime(*args)


def item(id_, *when, condition=retention.GOOD):
    return retention.Item(id_, at(*when) if when else None, condition)


def why(mine, others, numbers, zone):
    """Rules that keep a backup, by the definition of each.

    :param others: all that count beside it.
    """
    def clock(each):
        return each.due_at.replace(tzinfo=_UTC).astimezone(zone)

    newer = [each for each in others
             if (each.due_at, each.id) > (mine.due_at, mine.id)]
    for rule, number in numbers.items():
        if not number:
            continue
        if rule == 'last':
            kept = len(newer) < number
        elif rule == 'within':
            newest = max(each.due_at for each in [mine, *newer])
            kept = (newest - mine.due_at).total_seconds() < number
        else:
            periods = {_PARTS[rule](clock(each)) for each in newer}
            kept = (_PARTS[rule](clock(mine)) not in periods
                    and len(periods) < number)
        if kept:
            yield rule
    if not newer:
        yield retention.NEWEST


def model(items, numbers, timezone):
    """Ids of what is kept."""
    zone = zoneinfo.ZoneInfo(timezone)
    kept = set()
    for mine in items:
        others = [each for each in items
                  if each.condition == mine.condition and each is not mine]
        if (mine.condition in retention.OUT or not any(numbers.values())
                or any(why(mine, others, numbers, zone))):
            kept.add(mine.id)
    return kept


def kept(items, numbers, timezone):
    return {each.item.id
            for each in retention.decide(items, numbers, timezone)
            if each.kept}


NUMBERS = st.fixed_dictionaries({}, optional={
    **dict.fromkeys(retention.RULES[:-1], st.integers(0, 6)),
    'within': st.integers(0, 40 * 86400)})

CONDITIONS = (retention.GOOD, retention.INCOMPLETE, *retention.OUT)


class Decisions(base.BaseTestCase):

    def decide(self, items, timezone='Europe/Berlin', **numbers):
        return {each.item.id: (each.kept, each.rules) for each
                in retention.decide(items, numbers, timezone)}

    def test_rules_are_named(self):
        items = [item('a', 2026, 3, 1, 12), item('b', 2026, 3, 28, 12),
                 item('c', 2026, 3, 29, 11), item('d', 2026, 3, 29, 12)]
        self.assertEqual({
            'd': (True, {'last': None, 'daily': '2026-03-29',
                         'monthly': '2026-03'}),
            'c': (False, {'last': None, 'daily': '2026-03-29',
                          'monthly': '2026-03'}),
            'b': (True, {'daily': '2026-03-28'}),
            'a': (False, {'last': None, 'daily': None,
                          'monthly': '2026-03'}),
        }, self.decide(items, last=1, daily=2, monthly=12))

    def test_periods_are_those_of_the_zone(self):
        items = [item('late', 2026, 6, 30, 22, 30),
                 item('early', 2026, 6, 30, 21, 30)]
        self.assertEqual(
            {'late': (True, {'monthly': '2026-07'}),
             'early': (True, {'monthly': '2026-06'})},
            self.decide(items, monthly=2))
        self.assertFalse(self.decide(items, 'UTC', monthly=2)['early'][0])

    def test_an_hour_that_comes_twice_is_two(self):
        items = [item('a', 2026, 10, 25, 0, 30), item('b', 2026, 10, 25, 1)]
        self.assertEqual(
            {'b': (True, {'hourly': '2026-10-25T02+0100'}),
             'a': (True, {'hourly': '2026-10-25T02+0200'})},
            self.decide(items, hourly=2))

    def test_weeks_are_those_of_iso(self):
        items = [item('a', 2026, 12, 31, 12), item('b', 2027, 1, 3, 12)]
        self.assertEqual(
            {'b': (True, {'weekly': '2026-W53'}),
             'a': (False, {'weekly': '2026-W53'})},
            self.decide(items, weekly=9))

    def test_grandfather_father_and_son(self):
        """As many as the user's guide says of its example."""
        nights = [retention.Item(f'{number:04}', due_at)
                  for number, due_at in enumerate(schedule.Schedule(
                      '30 2 * * *', 'Europe/Berlin').between(
                          at(2026, 1, 1), at(2028, 1, 3)))]
        self.assertEqual({19, 20, 21}, {
            sum(kept for kept, _ in self.decide(
                nights[:-night or None], daily=7, weekly=4,
                monthly=12).values()) for night in range(366)})

    def test_periods_without_a_backup_cost_nothing(self):
        items = [item('a', 2020, 1, 1), item('b', 2023, 1, 1),
                 item('c', 2026, 1, 1)]
        self.assertTrue(all(kept for kept, _ in self.decide(
            items, daily=3).values()))

    def test_within_counts_from_the_newest(self):
        items = [item('a', 2026, 1, 1), item('b', 2026, 1, 2),
                 item('c', 2026, 1, 3)]
        self.assertEqual(
            {'c': (True, {'within': None}), 'b': (True, {'within': None}),
             'a': (False, {'within': None})},
            self.decide(items, within=2 * 86400))

    def test_what_is_not_good_neither_counts_nor_displaces(self):
        good = [item('a', 2026, 1, 1), item('b', 2026, 1, 2)]
        for condition in (retention.INCOMPLETE, *retention.OUT):
            bad = [item(f'x{day}', 2026, 2, day, condition=condition)
                   for day in range(1, 20)]
            found = self.decide(good + bad, last=2, daily=2)
            self.assertTrue(found['a'][0] and found['b'][0], condition)

    def test_what_is_out_stays(self):
        items = [item(condition, 2020, 1, 1, condition=condition)
                 for condition in retention.OUT]
        items += [item('manual2', condition='manual'), item('n', 2026, 1, 1)]
        found = self.decide(items, last=1)
        for condition in retention.OUT:
            self.assertEqual((True, {condition: None}), found[condition])
        self.assertEqual((True, {'manual': None}), found['manual2'])

    def test_without_rules_everything_stays(self):
        items = [item('a', 2020, 1, 1), item('b', 2026, 1, 1)]
        for numbers in ({}, {'daily': 0}, {'last': None, 'within': 0}):
            self.assertEqual(
                {'a': (True, {'no_retention': None}),
                 'b': (True, {'no_retention': None})},
                self.decide(items, **numbers))

    def test_deletions(self):
        decisions = retention.decide(
            [item('a', 2026, 1, 1), item('b', 2026, 1, 2)], {'last': 1},
            'UTC')
        self.assertEqual(['a'], [each.id for each
                                 in retention.deletions(decisions)])


class Model(base.BaseTestCase):

    @hypothesis.settings(deadline=None, max_examples=150, derandomize=True)
    @hypothesis.given(data=st.data(), numbers=NUMBERS,
                      timezone=st.sampled_from(ZONES))
    def test_any_backups(self, data, numbers, timezone):
        # Close to one another, across changes of the clock and years.
        start = data.draw(st.sampled_from((
            at(2026, 3, 28), at(2026, 10, 24), at(2026, 12, 27),
            at(2027, 4, 3), at(2026, 9, 5))))
        minutes = st.one_of(st.integers(0, 4000), st.integers(0, 600000))
        items = [
            retention.Item(str(number),
                           start + datetime.timedelta(minutes=offset),
                           condition)
            for number, (offset, condition) in enumerate(data.draw(st.lists(
                st.tuples(minutes, st.sampled_from(
                    CONDITIONS + (retention.GOOD,) * 4)), max_size=40)))]
        found = retention.decide(items, numbers, timezone)
        self.assertEqual({each.id for each in items},
                         {each.item.id for each in found})
        self.assertEqual(model(items, numbers, timezone),
                         {each.item.id for each in found if each.kept})
        self.assertTrue(all(each.rules for each in found))

    @hypothesis.settings(deadline=None, max_examples=YEARS_EXAMPLES,
                         derandomize=YEARS_EXAMPLES == 8)
    @hypothesis.given(
        timezone=st.sampled_from(ZONES),
        cron=st.sampled_from(('30 2 * * 0,3', '30 1,2 * * 0',
                              '0 3 */3 * *', '15 0 * * 6,0')),
        policies=st.lists(NUMBERS, min_size=1, max_size=6),
        seed=st.integers(0, 2 ** 32))
    def test_ten_years(self, timezone, cron, policies, seed):
        """Retention after each good run, while runs fail, backups turn out
        damaged and people edit the policy: its numbers, and whose days and
        weeks it counts. What is due moves with the rule's own zone."""
        chance = random.Random(seed)
        items, made, clock = [], 0, timezone
        numbers = policies[0]
        for due_at in schedule.Schedule(cron, timezone).between(
                at(2020, 1, 1), at(2030, 1, 1)):
            if chance.random() < 0.005:
                numbers, clock = chance.choice(policies), chance.choice(ZONES)
            if items and chance.random() < 0.02:
                # Found damaged, or being restored, or well again.
                index = chance.randrange(len(items))
                items[index] = retention.Item(
                    items[index].id, items[index].due_at,
                    chance.choice(CONDITIONS))
            made += 1
            condition = chance.choices(
                (retention.GOOD, retention.INCOMPLETE, 'error'),
                (18, 1, 1))[0]
            items.append(retention.Item(str(made), due_at, condition))
            if condition == 'error':
                # Nothing is deleted because of a run that failed.
                continue
            decisions = retention.decide(items, numbers, clock)
            left = {each.item.id for each in decisions if each.kept}
            self.assertEqual(model(items, numbers, clock), left)
            good = [each for each in items
                    if each.condition == retention.GOOD]
            if good:
                self.assertIn(good[-1].id, left)
            items = [each for each in items if each.id in left]
            if len(items) > 150:    # nothing limits them: begin anew
                items = items[-5:]

    @hypothesis.settings(deadline=None, max_examples=30, derandomize=True)
    @hypothesis.given(
        timezone=st.sampled_from(ZONES), numbers=NUMBERS,
        gaps=st.lists(st.integers(0, 60 * 24 * 40), max_size=40))
    def test_applied_each_time_or_once_is_the_same(self, timezone, numbers,
                                                   gaps):
        """So what is said of a later date is what becomes of it."""
        due_at, every, left = at(2026, 1, 1), [], []
        for number, gap in enumerate(gaps):
            due_at += datetime.timedelta(minutes=gap)
            every.append(retention.Item(f'{number:04}', due_at))
            left.append(every[-1])
            ids = kept(left, numbers, timezone)
            left = [each for each in left if each.id in ids]
        self.assertEqual(kept(every, numbers, timezone),
                         {each.id for each in left})
