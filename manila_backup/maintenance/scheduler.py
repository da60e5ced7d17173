# SPDX-License-Identifier: Apache-2.0
"""Running backup policies, in the workers.

Each of the steps here is done in transactions that any number of workers may
begin at once, and be killed in:

* What is due gets its runs, many at a time. There can be one run of a rule, a
  share and a due time: a worker that comes second finds them there. Only once
  all of them are is it noted that all up to then was planned.
* A run begins in the transaction that admits its backup, as it would admit a
  user's request: either there is the backup and the run has its id, or
  neither. Some runs of one project are let in by the same transaction, each
  or not as if it were alone; a worker goes first to those of projects that no
  other lets in anything of. While there are more than one look deals with, the
  projects take turns.
* A run ends once its backup is not being made any more, whatever the reason.
"""

import datetime
import functools
import random
import types

from oslo_db import exception as db_exc
from oslo_log import log
from oslo_utils import uuidutils

from manila_backup.db import backup_runs as db_runs
from manila_backup.db import clock as db_clock
from manila_backup.db import plans as db_plans
from manila_backup.db import rows
from manila_backup.db import transitions
from manila_backup import exception
from manila_backup.plans import assignments as plans
from manila_backup.plans import schedule
from manila_backup.requests import backups
from manila_backup import states

LOG = log.getLogger(__name__)

_Run = states.Run

#: Shares whose runs are planned in one transaction, due times of theirs at
#: once, and the most rules and runs that one look deals with.
_SHARES = 200
_TIMES = 200
_RULES = 100
_RUNS = 500

#: The most runs of a project that begin in one transaction: so long others
#: wait who want something for the project.
_BATCH = 50

#: What may be over before the start window is.
_PASSING = (exception.Conflict, exception.InvalidState,
            exception.QuotaExceeded, exception.Unavailable, backups.NoDriver)

#: How often a transaction is tried that another worker's had got ahead of.
_TRIES = 5

_AN_OUTAGE = 'No worker was there to begin it before the next one was due.'
_A_LATER = 'The next one was due before it could begin: {}'


class _Lost(Exception):
    """Another worker was faster."""


class _Busy(Exception):
    """Another worker is at it."""


class _NoLongerAssigned(Exception):
    """The policy does not apply to the share any more."""


class Scheduler:
    """One worker's part in running policies.

    :param conf: the configuration.
    :param database: a :class:`manila_backup.db.engine.Database`.
    :param requests: a :class:`manila_backup.requests.admission.Admission`.
    :param events: a :class:`Events`.
    """

    def __init__(self, conf, database, requests, events):
        self._conf = conf.policies
        self._database = database
        self._requests = requests
        self._events = events
        # The project whose turn was last, while there were many runs; for
        # each worker another one at first.
        self._turn = uuidutils.generate_uuid(dashed=False)

    def run(self, keep=lambda: None):
        """Do what is due now.

        :param keep: called in between; raises what is to stop it.
        :returns: bool, True if there is more to do at once.
        """
        more = False
        for step in self.plan, self.begin, self.end:
            keep()
            more = step(self._now(), keep) or more
        return more

    def _now(self):
        return self._database.read(db_clock.now)

    # -- planning --------------------------------------------------------

    def plan(self, now, keep=lambda: None):
        """Make the runs of what is due.

        :returns: bool, True if there may be more.
        """
        due = self._database.read(db_plans.rules_due, now, _RULES)
        more = len(due) == _RULES
        for rule in due:
            keep()
            try:
                self._plan_rule(rule, now, keep)
            except _Busy:
                # What it has made by then can begin meanwhile.
                continue
            except _Lost:
                # The next time, and then there are fewer to make.
                more = True
            except exception.Unavailable as exc:
                LOG.warning('The runs of rule %s can\'t be planned now: %s',
                            rule.id, exc)
            except exception.InvalidInput as exc:
                # Its time zone is gone from this host, for instance.
                LOG.error('The runs of rule %s can\'t be planned: %s',
                          rule.id, exc)
        return more

    def _plan_rule(self, rule, now, keep):
        # There may be many shares to read only to find out later.
        self._database.read(_take, rule)
        found = schedule.Schedule(rule.cron, rule.timezone)
        instants = list(found.between(rule.planned_until, now))
        assigned = self._database.read(
            db_plans.assignments_of, [rule.policy_id])[rule.policy_id]
        shares = self._requests.plan_shares.under(assigned)
        for start in range(0, len(shares), _SHARES):
            keep()
            chunk = shares[start:start + _SHARES]
            for first in range(0, len(instants), _TIMES):
                self._plan_chunk(rule, assigned, chunk,
                                 instants[first:first + _TIMES],
                                 instants[-1], now)
        self._database.write(
            rows.update, db_plans.RULES, rule.id,
            {'planned_until': instants[-1] if instants else now,
             'next_at': found.next(now)},
            planned_until=rule.planned_until, next_at=rule.next_at)

    def _plan_chunk(self, rule, assigned, shares, instants, newest, now):
        """Make the runs of some shares, those that are missing."""
        for _ in range(_TRIES):
            try:
                late = self._database.write(
                    self._write_runs, rule, assigned, shares, instants,
                    newest, now)
                break
            except db_exc.DBDuplicateEntry:
                # Another worker made some of them meanwhile.
                continue
        else:
            raise _Lost()
        for run, reason in late:
            self._events.ended(run, _Run.SUPERSEDED, reason)

    def _write_runs(self, conn, rule, assigned, shares, instants, newest,
                    now):
        _take(conn, rule)
        ids = [share.id for share in shares]
        there = db_runs.planned(
            conn, rule.id, ids, instants[0] - datetime.timedelta(seconds=1),
            instants[-1])
        wanted = {_Run.DUE: [], _Run.SUPERSEDED: []}
        for share in shares:
            since = plans.since(assigned, share)
            for due_at in instants:
                if (share.id, due_at) in there or due_at <= since:
                    continue
                status = _Run.DUE if due_at == newest else _Run.SUPERSEDED
                wanted[status].append(
                    _new_run(rule, share, due_at, status, now))
        late = []
        if instants[-1] == newest:
            for run in db_runs.waiting(conn, ids, rule.id, newest):
                reason = (_A_LATER.format(run.reason) if run.reason
                          else _AN_OUTAGE)
                if db_runs.end(conn, run, _Run.SUPERSEDED, now, reason):
                    late.append((run, reason))
        for status, values in wanted.items():
            transitions.create_all(conn, db_runs.TABLE, status, values)
        return late + [
            (types.SimpleNamespace(**each, backup_id=None), each['reason'])
            for each in wanted[_Run.SUPERSEDED]]

    # -- beginning -------------------------------------------------------

    def begin(self, now, keep=lambda: None):
        """Begin the runs whose time has come.

        :returns: bool, True if there may be more.
        """
        due, more = self._to_begin(now)
        policies = functools.lru_cache(None)(
            lambda id_: self._database.read(db_plans.get_own, id_))
        rules = functools.lru_cache(None)(
            lambda id_: self._database.read(rows.get, db_plans.RULES, id_))
        assigned = functools.lru_cache(None)(
            lambda id_: self._database.read(
                db_plans.assignments_of, [id_])[id_])
        left = list(_batches(due))
        # Workers that all begin with the first would all wait for it.
        random.shuffle(left)
        for wait in False, True:
            busy = []
            for runs in left:
                keep()
                wishes = [wish for run in runs if (wish := self._prepare(
                    run, policies(run.policy_id), rules(run.rule_id), assigned,
                    now))]
                if not self._begin(wishes, now, wait):
                    busy.append(runs)
            left = busy
        return more

    def _to_begin(self, now):
        """Find the runs whose time has come.

        :returns: (list of rows, bool: there may be more).
        """
        found = self._database.read(db_runs.to_begin, now, _RUNS)
        if len(found) < _RUNS:
            return found, False
        # One project's are not to be all that is begun for a while.
        found, self._turn = self._database.read(
            db_runs.to_begin_by_turn, now, _RUNS, self._turn)
        return found, True

    def _prepare(self, run, policy, rule, assigned, now):
        """Return what a run wants, or None if it can't begin now.

        :param assigned: called with a policy's id, returns its assignments.
        """
        if run.withdrawn:
            self._end(run, _Run.SKIPPED, now, run.reason)
            return None
        if policy is None or rule is None or not policy.enabled:
            self._end(run, _Run.SKIPPED, now,
                      'The policy or its rule is not in force any more.')
            return None
        try:
            judge = None
            if _has_waited(run):
                judge = functools.partial(_check, assigned(run.policy_id))
                if self._requests.plan_shares.are_local:
                    judge(self._requests.plan_shares.get(run.share_id))
            return self._requests.scheduled_backups.prepare(run, policy, rule,
                                                            judge)
        except _NoLongerAssigned:
            self._end(run, _Run.SKIPPED, now, plans.NO_LONGER_ASSIGNED)
        except exception.ManilaBackupError as exc:
            self._refuse([(run, exc)], now)
        except Exception:
            LOG.exception('Run %s could not begin', run.id)
        return None

    def _begin(self, wishes, now, wait):
        """Begin runs of a project.

        :returns: bool, False if, without waiting, nothing was done.
        """
        if not wishes:
            return True
        try:
            outcome = self._requests.scheduled_backups.create(
                wishes[0].run.project_id, wishes, wait)
        except Exception:
            if len(wishes) == 1:
                LOG.exception('Run %s could not begin', wishes[0].run.id)
                return True
            # Whichever it is about, it is not to keep the others.
            LOG.warning('%d runs could not begin at once', len(wishes),
                        exc_info=True)
            for wish in wishes:
                self._begin([wish], now, True)
            return True
        if outcome is None:
            return False
        self._refuse([(wish.run, outcome[wish.run.id]) for wish in wishes
                      if outcome.get(wish.run.id)], now)
        return True

    def _refuse(self, refused, now):
        """End runs that can't begin, or put them off.

        :param refused: list of (run, error).
        """
        later = []
        for run, exc in refused:
            if isinstance(exc, backups.UnknownShare):
                self._end(run, _Run.SKIPPED, now, 'The share is gone.')
            elif not isinstance(exc, _PASSING):
                self._end(run, _Run.FAILED, now, str(exc))
            elif now >= run.start_until:
                self._end(run, _Run.MISSED, now, str(exc))
            else:
                later.append((run, str(exc)))
        if later:
            self._database.write(self._put_off, later, now)

    def _put_off(self, conn, later, now):
        start_at = now + datetime.timedelta(seconds=self._conf.retry_interval)
        for run, reason in sorted(later, key=lambda each: each[0].id):
            # Once more at its end.
            db_runs.put_off(conn, run, min(start_at, run.start_until), reason)

    # -- ending ----------------------------------------------------------

    def end(self, now, keep=lambda: None):
        """End the runs whose backups are not being made any more, and apply
        retention where a good one has been.

        :returns: bool, True if there may be more.
        """
        ended = self._database.read(db_runs.with_ended_backup, _RUNS)
        for run in ended:
            keep()
            if run.backup_status in (*states.STORED, states.Backup.DELETING,
                                     states.Backup.ERROR_DELETING):
                if self._end(run, _Run.DONE, now, run.fail_reason):
                    self.retain(run.policy_id, run.share_id)
            else:
                self._end(run, _Run.FAILED, now, run.fail_reason or (
                    'The backup was deleted before it was made.'))
        return len(ended) == _RUNS

    def _end(self, run, status, now, reason):
        if self._database.write(db_runs.end, run, status, now, reason):
            self._events.ended(run, status, reason)
            return True
        return False

    # -- retention -------------------------------------------------------

    def retain(self, policy_id, share_id, share=None):
        """Apply a policy's retention to the backups of a share.

        :param share: as of :meth:`manila_backup.requests.retention.Retention.
            apply`.
        """
        try:
            self._requests.retention.apply(policy_id, share_id, share)
        except exception.ManilaBackupError as exc:
            # The next time.
            LOG.warning('The retention of policy %s could not be applied to '
                        'share %s: %s', policy_id, share_id, exc)

    def retain_all(self, keep=lambda: None):
        """Apply the retention of all policies."""
        for policy in self._database.read(db_plans.with_retention):
            keep()
            try:
                for share_id, share in self._requests.retention.shares(
                        policy):
                    keep()
                    self.retain(policy.id, share_id, share)
            except exception.Unavailable as exc:
                LOG.warning('The retention of policy %s can\'t be applied '
                            'now: %s', policy.id, exc)

    def purge(self, keep=lambda: None):
        """Remove the records of runs that were over long ago."""
        before = self._now() - datetime.timedelta(days=self._conf.keep_runs)
        while self._database.write(db_runs.purge, before) == db_runs.BATCH:
            keep()


class Events:
    """Notifications and metrics about runs.

    :param notifier: a :class:`manila_backup.telemetry.notifications.
        Notifier`.
    :param metrics: a :class:`manila_backup.telemetry.metrics.Worker`.
    """

    def __init__(self, notifier, metrics):
        self._notifier = notifier
        self._metrics = metrics

    def ended(self, run, status, reason):
        """A run is over."""
        LOG.info('Run %s of policy %s, due at %s for share %s: %s%s', run.id,
                 run.policy_id, run.due_at, run.share_id, status,
                 f' ({reason})' if reason else '')
        self._metrics.policy_run(run.policy_id, status)
        self._notifier.policy_run(run, status, reason)


def _batches(due):
    """Split runs into lists of such as may begin together."""
    projects = {}
    for run in due:
        projects.setdefault(run.project_id, []).append(run)
    for runs in projects.values():
        for start in range(0, len(runs), _BATCH):
            yield runs[start:start + _BATCH]


def _check(assigned, share):
    """Make sure that a policy still is about a share: its metadata may have
    changed, for instance. That a share is gone is found by what comes next.

    :raises _NoLongerAssigned: it is not.
    """
    if share is not None and plans.since(assigned, share) is None:
        raise _NoLongerAssigned()


def _has_waited(run):
    """Tell whether a run was to begin later than it was made. Of others the
    policy has just been about the share, and there may be many at once."""
    return run.reason is not None or run.start_at > run.due_at


def _take(conn, rule):
    """Keep other workers from planning a rule until the transaction ends.

    :raises _Busy: another is at it.
    """
    if not db_plans.lock_rule(conn, rule.id):
        raise _Busy()


def _new_run(rule, share, due_at, status, now):
    """The columns of a run that is due, or was superseded before it was
    planned."""
    start_at = due_at + schedule.jitter(rule.id, share.id, rule.jitter)
    late = status == _Run.SUPERSEDED
    return {
        'id': uuidutils.generate_uuid(), 'policy_id': rule.policy_id,
        'rule_id': rule.id, 'share_id': share.id,
        'project_id': share.project_id, 'due_at': due_at,
        'start_at': start_at,
        # One that comes late because no worker was there has its time, too.
        'start_until': max(start_at, now) + datetime.timedelta(
            seconds=rule.start_window),
        'reason': _AN_OUTAGE if late else None,
        'ended_at': now if late else None}
