# SPDX-License-Identifier: Apache-2.0
"""Retention: which of the backups that a policy has made of a share are kept.

Each rule of a retention counts for itself, and what any of them keeps is
kept. Those that count periods (hours, days, weeks, months, years) keep the
newest backup of each of the last periods that have one: a period without a
backup costs nothing, so nothing is deleted because nothing was made.

What is *good* is judged by itself, and what is *incomplete*, which is better
than nothing but no more, by itself: so that many of the latter can't take the
place of a single one of the former. The newest of each is always kept. Nothing
else is ever deleted: see :data:`OUT`.
"""

import dataclasses
import datetime
import zoneinfo

#: The rules, in the order in which decisions name them. ``within`` is a number
#: of seconds before the newest backup, the others are numbers of backups.
RULES = ('last', 'hourly', 'daily', 'weekly', 'monthly', 'yearly', 'within')

GOOD, INCOMPLETE = 'good', 'incomplete'

#: The condition of what were either, if the policy were still about its share.
ORPHANED = 'orphaned'

#: What decisions call the reason for which a backup is kept beside all rules.
NEWEST, NO_RULES = 'newest', 'no_retention'

#: Conditions in which a backup is no matter of retention: it is kept, and
#: counts for nothing.
OUT = ('manual', 'error', 'damaged', 'restoring', 'busy', 'held', ORPHANED)


@dataclasses.dataclass(frozen=True)
class Item:
    """A backup, as retention sees it.

    :ivar id: str.
    :ivar due_at: datetime; None for one that no policy has made.
    :ivar condition: ``good``, ``incomplete`` or one of :data:`OUT`.
    """

    id: str
    due_at: datetime.datetime | None
    condition: str = GOOD


@dataclasses.dataclass(frozen=True)
class Decision:
    """The outcome for one backup.

    :ivar kept: bool.
    :ivar rules: dict. Of one that is kept: the rules that keep it, each with
        its period (``daily``: ``2026-03-29``) or None; or its condition. Of
        one that is deleted: all rules that there are, each with what stands
        against it: the period of which a newer backup is kept, or None where
        the rule has as many as it is to have without it.
    """

    item: Item
    kept: bool
    rules: dict[str, str | None]


def decide(items, retention, timezone):
    """Decide which backups of one policy and one share to keep.

    :param items: iterable of :class:`Item`.
    :param retention: dict of rule to number; 0 and None count as not there.
    :param timezone: str, the IANA name of the zone whose clock the periods
        are those of.
    :returns: list of :class:`Decision`, newest first; at the end those that
        no policy has made.
    """
    numbers = {name: retention[name] for name in RULES if retention.get(name)}
    zone = zoneinfo.ZoneInfo(timezone)
    items = sorted(items, key=lambda each: (
        each.due_at or datetime.datetime.min, each.id), reverse=True)
    verdicts = {}
    for condition in (GOOD, INCOMPLETE):
        judged = [each for each in items if each.condition == condition]
        verdicts.update(_judge(judged, numbers, zone))
    return [Decision(each, *verdicts.get(
        each.id, (True, {each.condition: None}))) for each in items]


def _judge(items, numbers, zone):
    """Judge backups of one condition, newest first.

    :returns: dict of id to (kept, rules).
    """
    keeps = {each.id: {} for each in items}
    misses = {each.id: {} for each in items}
    for rule, number in numbers.items():
        if rule == 'within':
            _within(items, number, keeps, misses)
        else:
            _count(items, rule, number, zone, keeps, misses)
    if items and not numbers:
        return {each.id: (True, {NO_RULES: None}) for each in items}
    if items:
        keeps[items[0].id] = keeps[items[0].id] or {NEWEST: None}
    return {id_: (bool(kept), kept or misses[id_])
            for id_, kept in keeps.items()}


def _within(items, seconds, keeps, misses):
    # Not before now: were no backup made any more, the last ones would go.
    span = datetime.timedelta(seconds=seconds)
    for each in items:
        if items[0].due_at - each.due_at < span:
            keeps[each.id]['within'] = None
        else:
            misses[each.id]['within'] = None


def _count(items, rule, number, zone, keeps, misses):
    seen = set()
    for position, each in enumerate(items):
        period = _period(rule, each.due_at, zone)
        if (position if period is None else period) in seen:
            misses[each.id][rule] = period
        elif len(seen) < number:
            seen.add(position if period is None else period)
            keeps[each.id][rule] = period
        else:
            misses[each.id][rule] = None


def _period(rule, due_at, zone):
    """The period that an instant is in, as text; None for ``last``."""
    clock = due_at.replace(tzinfo=datetime.timezone.utc).astimezone(zone)
    if rule == 'hourly':
        # With the offset: there may be two hours of that name.
        return clock.strftime('%Y-%m-%dT%H%z')
    if rule == 'daily':
        return clock.strftime('%Y-%m-%d')
    if rule == 'weekly':
        return '{:04}-W{:02}'.format(*clock.isocalendar())
    if rule == 'monthly':
        return clock.strftime('%Y-%m')
    if rule == 'yearly':
        return clock.strftime('%Y')
    return None


def deletions(decisions):
    """The backups that are to go, as list of :class:`Item`, newest first."""
    return [each.item for each in decisions if not each.kept]
