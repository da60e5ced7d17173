# SPDX-License-Identifier: Apache-2.0
"""Coverage of shares by backup policies."""

import dataclasses
import datetime
import functools
import typing

from manila_backup.db import backup_runs as db_runs
from manila_backup.db import clock
from manila_backup.db import plans as db_plans
from manila_backup.plans import assignments as plans
from manila_backup.plans import schedule

#: Whether there is a good backup of the last time that one should have begun.
KEPT, BROKEN = 'kept', 'broken'

#: How many shares are looked at together.
_BATCH = 500


@dataclasses.dataclass(frozen=True)
class Covered:
    """Coverage of one share.

    :ivar policies: list of rows: those in force.
    :ivar last_good: the row of its newest good backup, or None.
    :ivar next_at: datetime, when the next run is due; or None.
    :ivar objective: ``kept`` or ``broken``; None where nothing was due so
        far.
    """

    share: plans.Share
    policies: list
    last_good: typing.Any
    next_at: datetime.datetime | None
    objective: str | None

    @property
    def is_protected(self):
        """Tell whether a policy is in force that has rules."""
        return self.next_at is not None


class Coverage:
    """Tells what shares are covered by.

    :param database: a :class:`manila_backup.db.engine.Database`.
    :param shares: a :class:`~.plan_shares.PlanShares`.
    """

    def __init__(self, database, shares):
        self._database = database
        self._shares = shares

    def page(self, project_id=None, protected=None, after=None, limit=None,
             with_count=False):
        """The coverage of shares, in the order of their ids.

        :param project_id: str, or None for those of all projects.
        :param protected: bool to have only those that are, or are not.
        :param after: str, only of shares with a greater id.
        :param limit: int, the most to return.
        :param with_count: bool, whether to count shares, too.
        :returns: (list of :class:`Covered`; None, or how many shares there
            are and how many of them are protected).
        """
        judge = _Judge(self._database, project_id)
        found = []
        while len(found) < limit:
            # Where all are wanted, no more are looked at than that.
            shares = self._shares.page(
                project_id, after, _BATCH if protected is not None
                else min(_BATCH, limit - len(found)))
            if not shares:
                break
            after = shares[-1].id
            wanted = shares if protected is None else [
                share for share in shares
                if judge.is_protected(share) == protected]
            del wanted[limit - len(found):]
            good = self._database.read(db_runs.last_good,
                                       [each.id for each in wanted])
            found += [judge.judge(share, good.get(share.id))
                      for share in wanted]
        return found, (self._shares.count(project_id, judge.protecting)
                       if with_count else None)


class _Judge:
    """The part of the work that is the same for all shares of a page."""

    def __init__(self, database, project_id):
        self._now = database.read(clock.now)
        self._policies = database.read(db_plans.in_force, project_id)
        ids = [each.id for each in self._policies]
        self._rules = database.read(db_plans.rules_of, ids)
        self._assigned = database.read(db_plans.assignments_of, ids,
                                       project_id)
        self._previous = functools.lru_cache(None)(self._look_back)

    def judge(self, share, good):
        policies, due = [], []
        objective = None
        for policy in self._policies:
            since = plans.since(self._assigned[policy.id], share)
            if since is None:
                continue
            policies.append(policy)
            for rule in self._rules[policy.id]:
                if rule.next_at is None:
                    continue
                due.append(rule.next_at + schedule.jitter(
                    rule.id, share.id, rule.jitter))
                last = self._previous(rule.cron, rule.timezone,
                                      rule.start_window + rule.jitter)
                if (last > max(since, rule.begun_at or since)
                        and objective != BROKEN):
                    reached = good and (good.due_at
                                        or good.created_at) >= last
                    objective = KEPT if reached else BROKEN
        return Covered(share, policies, good, min(due, default=None),
                       objective)

    @functools.cached_property
    def protecting(self):
        """The assignments of policies that have rules."""
        return [each for policy in self._policies
                if any(rule.next_at is not None
                       for rule in self._rules[policy.id])
                for each in self._assigned[policy.id]]

    def is_protected(self, share):
        """Tell whether a policy that has rules is in force for a share."""
        return any(plans.covers(each, share) for each in self.protecting)

    def _look_back(self, cron, timezone, seconds):
        """The last due time of which a run must have begun by now: it may
        not later, or the next one is due, which supersedes it."""
        found = schedule.Schedule(cron, timezone)
        over = found.previous(self._now - datetime.timedelta(seconds=seconds))
        superseded = found.previous(
            found.previous(self._now) - datetime.timedelta(microseconds=1))
        return max(over, superseded)
