# SPDX-License-Identifier: Apache-2.0
"""Applying the retention of backup policies, and saying beforehand what that
would do."""

import dataclasses
import datetime

from oslo_log import log
from oslo_utils import uuidutils

from manila_backup import context as contexts
from manila_backup.db import backup_metadata
from manila_backup.db import backup_runs as db_runs
from manila_backup.db import clock
from manila_backup.db import plans as db_plans
from manila_backup import exception
from manila_backup.plans import assignments
from manila_backup.plans import retention
from manila_backup.plans import schedule
from manila_backup.requests import backups
from manila_backup import states

LOG = log.getLogger(__name__)

#: The most runs that are thought of in advance.
_MOST_RUNS = 20000

#: Shares whose backups are looked at together.
_TOGETHER = 50

#: The key of metadata by which users keep a backup, whatever its value.
HOLD = 'hold'

#: What the decision about a backup that is not made yet calls it.
PLANNED = 'planned'


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Decisions of a retention about the backups of one share.

    :ivar orphaned: bool, whether the policy is not about the share any more.
    :ivar decisions: list of :class:`manila_backup.plans.retention.Decision`.
    :ivar names: dict of backup's id to its name.
    """

    share_id: str
    orphaned: bool
    decisions: list
    names: dict


class Retention:
    """Retention of backup policies.

    :param conf: the configuration.
    :param database: a :class:`manila_backup.db.engine.Database`.
    :param caller: a :class:`manila_backup.bus.rpc.Caller`.
    :param shares: a :class:`~.plan_shares.PlanShares`.
    """

    def __init__(self, conf, database, caller, shares):
        self._conf = conf.policies
        self._database = database
        self._caller = caller
        self._shares = shares

    # -- for workers -----------------------------------------------------

    def apply(self, policy_id, share_id, share=None):
        """Begin to delete the backups of a share that a policy does not
        keep, unless they are orphaned and not to expire.

        What to delete is decided, and marked as being deleted, in one
        transaction that holds all of them: nothing that it relies on changes
        meanwhile.

        :param share: the share as :meth:`shares` found it; None to look it
            up.
        :returns: list of the ids of the backups.
        :raises manila_backup.exception.Unavailable: the service of the shares
            can't be asked.
        """
        expiring = self._conf.expire_orphans
        if share is None and not expiring:
            share = self._shares.get(share_id)

        def write(conn):
            policy = db_plans.get_own(conn, policy_id)
            if policy is None or not policy.enabled:
                return []
            if not expiring and not _is_about(conn, policy_id, share):
                return []
            items, rows_ = _items(conn, policy_id, [share_id],
                                  lock=True)[share_id]
            gone = sorted(each.id for each in _deletions(policy, items))
            begun = []
            for backup_id in gone:
                row = rows_[backup_id]
                operation_id = uuidutils.generate_uuid()
                context = context_of(policy, row.project_id)
                backups.begin_deletion(conn, context, operation_id, row)
                begun.append((context, operation_id, row))
            return begun

        begun = self._database.write(write)
        for context, operation_id, row in begun:
            LOG.info('Backup %s, due at %s, is not kept by policy %s and is '
                     'being deleted', row.id, row.due_at, policy_id)
            self._caller.queued(context, operation_id,
                                states.Kind.BACKUP_DELETE, row.backup_type)
        return [row.id for _, _, row in begun]

    def shares(self, policy):
        """Find the shares of whose backups a policy does not keep all: none
        that it is not about any more, unless their backups are to expire as
        well. Nothing is held meanwhile.

        :param policy: its row.
        :returns: iterator of (share's id, the :class:`manila_backup.plans.
            assignments.Share`, or None where it does not matter).
        :raises manila_backup.exception.Unavailable: as :meth:`apply`.
        """
        found = self._database.read(db_runs.shares_with_backups, policy.id)
        if self._conf.expire_orphans:
            shares = dict.fromkeys(found)
        else:
            covered = {each.id: each for each in self._covered(policy.id)}
            shares = {each: covered[each] for each in found
                      if each in covered}
        for share_id, (items, _) in self._items(policy.id, list(shares)):
            if _deletions(policy, items):
                yield share_id, shares[share_id]

    def _items(self, policy_id, share_ids):
        """The backups that a policy has made of some shares.

        :returns: iterator of (share's id, as of :func:`_items`).
        """
        for start in range(0, len(share_ids), _TOGETHER):
            yield from self._database.read(
                _items, policy_id,
                share_ids[start:start + _TOGETHER]).items()

    def _covered(self, policy_id):
        return self._shares.under(self._database.read(
            db_plans.assignments_of, [policy_id])[policy_id])

    # -- for callers -----------------------------------------------------

    def simulate(self, policy, rules, numbers, timezone, at=None,
                 project_id=None, share_id=None, orphaned=None):
        """Say which backups of a policy would be kept.

        :param policy: its row.
        :param rules: its rules, as rows.
        :param numbers: dict, a retention: the policy's or another one.
        :param timezone: str, the same of its time zone.
        :param at: datetime in the future, to assume that until then all runs
            go well; None for now.
        :param project_id: str, to tell only of shares of that project.
        :param share_id: str, to tell only of that share.
        :param orphaned: bool, to tell only of shares that the policy is not
            about any more, or only of others.
        :returns: iterator of :class:`Outcome`, for one share after the
            other.
        :raises manila_backup.exception.InvalidInput: that is too far away.
        """
        planned = self._planned(rules, at) if at else []
        shares = set(self._database.read(
            db_runs.shares_with_backups, policy.id, project_id))
        covered = ({each.id: each for each in self._covered(policy.id)}
                   if shares or planned else {})
        if planned:
            # Also where there is no backup yet.
            shares.update(each.id for each in covered.values()
                          if project_id in (None, each.project_id))
        if share_id is not None:
            shares &= {share_id}
        for each, (items, rows_) in self._items(policy.id, sorted(
                each for each in shares
                if orphaned in (None, each not in covered))):
            is_orphaned = each not in covered
            items = self._orphans(items) if is_orphaned else items + planned
            yield Outcome(
                each, is_orphaned,
                retention.decide(items, numbers, timezone),
                {id_: row.name for id_, row in rows_.items()})

    def _orphans(self, items):
        """Backups of a share that their policy is not about any more, as its
        retention sees them."""
        if self._conf.expire_orphans:
            return items
        return [dataclasses.replace(each, condition=retention.ORPHANED)
                if each.condition not in retention.OUT else each
                for each in items]

    def count_deletions(self, *args, **kwargs):
        """Count the backups that a retention would delete now.

        :param args: as of :meth:`simulate`.
        """
        return sum(len(retention.deletions(each.decisions))
                   for each in self.simulate(*args, **kwargs))

    def _planned(self, rules, at):
        now = self._database.read(clock.now)
        if at - now > datetime.timedelta(days=366 * 20):
            raise exception.InvalidInput(
                'at: it must be within the next 20 years.')
        found = []
        for rule in rules:
            for due_at in schedule.Schedule(
                    rule.cron, rule.timezone).between(now, at):
                if len(found) == _MOST_RUNS:
                    raise exception.InvalidInput(
                        f'at: until then there are more than {_MOST_RUNS} '
                        f'runs of each share. Give an earlier date.')
                found.append(retention.Item(f'{PLANNED}-{len(found) + 1}',
                                            due_at))
        return found


def _is_about(conn, policy_id, share):
    """Tell whether a policy is about a share now.

    :param share: a :class:`manila_backup.plans.assignments.Share`; None if
        there is none any more.
    """
    return share is not None and any(
        assignments.covers(each, share) for each in db_plans.assignments_of(
            conn, [policy_id])[policy_id])


def _items(conn, policy_id, share_ids, lock=False):
    """The backups that a policy has made of some shares.

    :param lock: bool, whether to hold them, and their metadata with them,
        against changes.
    :returns: dict of share's id to (list of :class:`manila_backup.plans.
        retention.Item`, dict of id to row).
    """
    found = db_runs.backups_of(conn, policy_id, share_ids, lock)
    held = backup_metadata.with_key(conn, [row.id for row in found], HOLD)
    shares = {each: ([], {}) for each in share_ids}
    for row in found:
        items, rows_ = shares[row.share_id]
        items.append(_item(row, row.id in held))
        rows_[row.id] = row
    return shares


def _deletions(policy, items):
    """The backups of a share that a policy does not keep."""
    return retention.deletions(
        retention.decide(items, policy.retention, policy.timezone))


def _item(row, held):
    """A backup as retention sees it.

    :param row: its row.
    :param held: bool, whether its metadata says to keep it.
    """
    condition = 'busy'
    if row.status == states.Backup.AVAILABLE:
        condition = _condition(row)
    elif row.status in (states.Backup.ERROR, states.Backup.RESTORING):
        condition = str(row.status)
    if held:
        condition = 'held'
    if row.due_at is None:
        condition = 'manual'
    return retention.Item(row.id, row.due_at, condition)


def _condition(row):
    """The condition of a backup that is available."""
    if (row.result == states.Result.DAMAGED
            or row.verified_result == states.Verified.DAMAGED):
        return 'damaged'
    # Earlier releases did not note it.
    complete = (row.fail_reason is None if row.result is None
                else row.result == states.Result.COMPLETE)
    return retention.GOOD if complete else retention.INCOMPLETE


def context_of(policy, project_id):
    """The context of what a policy has done with things of a project."""
    return contexts.RequestContext(
        user_id=policy.user_id, project_id=project_id, overwrite=False)
