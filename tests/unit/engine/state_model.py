# SPDX-License-Identifier: Apache-2.0
"""Requests and workers in any order, for hypothesis to think of: the real
admission, claims and ends of attempts, without anything being copied."""

import os
import types

from hypothesis import stateful
from hypothesis import strategies as st
import sqlalchemy as sa

from manila_backup.db import models
from manila_backup.db import operations as db_operations
from manila_backup.db import queue as db_queue
from manila_backup.db import rows
from manila_backup.db import sqltime
from manila_backup.db import usage
from manila_backup.drivers import base as drivers
from manila_backup.engine import attempt
from manila_backup import exception
from manila_backup.requests import admission
from manila_backup.requests import restores
from manila_backup import states
from manila_backup.telemetry import metrics
from tests.unit import base

#: Orders to try. More of them find more.
EXAMPLES = int(os.environ.get('MANILA_BACKUP_TEST_EXAMPLES', 0)) * 10 or 12

SHARES, QUOTA = 2, 3

#: How a request may be refused.
REFUSALS = (exception.InvalidState, exception.Conflict, exception.NotFound,
            exception.QuotaExceeded)

_UNFINISHED = ('queued', 'running', 'cancelling')

# How many shares there may be with those that are made of backups.
_MOST_SHARES = SHARES + 2

#: What a live operation makes of its backup and of its share.
_MEANS = {'create': ('creating', 'backup_creating'),
          'restore': ('restoring', 'backup_restoring'),
          'delete': ('deleting', None)}


def meaning(row):
    """Return what a live operation makes of its backup and of its share."""
    if (row.options or {}).get('makes_share'):
        return 'restoring', 'creating'
    return _MEANS[row.kind]


def is_of_all(operation):
    """Tell whether an operation makes all of a share equal to a backup."""
    return (operation.kind == 'restore'
            and 'paths' not in (operation.options or ()))


REQUESTS = ('create', 'restore', 'restore_files', 'dry_run', 'new_share',
            'delete', 'reset', 'cancel')
WORK = ('claim', 'claim', 'renew', 'write', 'write', 'publish', 'expire',
        'finish', 'finish', 'fail', 'release')

#: (what, of which thing there is, how).
ACTIONS = st.tuples(st.sampled_from(REQUESTS + WORK), st.integers(0, 5),
                    st.integers(0, 5))


class Side:
    """An API and a worker in one process."""

    def __init__(self, conf, database, name):
        self.database = database
        self.admission = admission.Admission(conf, database, base.Bus(),
                                             {'posix': base.Driver()})
        self.worker = types.SimpleNamespace(
            conf=conf, database=database, drivers={}, host=name,
            source=types.SimpleNamespace(EXTERNAL=False),
            identity=name, metrics=metrics.Worker(1),
            bytes_per_second=lambda: 0, operations_per_second=lambda: 0,
            notifier=types.SimpleNamespace(
                started=lambda *_: None, ended=lambda *_: None))


class Machine(stateful.RuleBasedStateMachine):
    """Machine of what may happen, and what must hold.

    :cvar sides: list of :class:`Side`, for subclasses to say; all on one
        database.
    """

    sides = ()

    #: Whether something else is done in the middle of what is done.
    racing = False

    def __init__(self):
        super().__init__()
        self.side = self.sides[0]
        self.runs = []          # attempts that may believe they go on
        self.set_by_admin = set()
        self.torn = set()       # shares that a restore has begun to change
        self.doubtful = set()   # what became of them nobody can know
        self.side.database.write(self._begin)
        self._look()
        self.was = self._statuses()

    @staticmethod
    def _begin(conn):
        for table in reversed(models.Base.metadata.sorted_tables):
            conn.execute(sa.delete(table))
        for number in range(SHARES):
            rows.insert(conn, models.shares, id=f's{number}',
                        project_id='p1', source='local', size=1,
                        share_proto='NFS', status='available')
        rows.insert(conn, models.quotas, project_id='p1',
                    resource='backups', hard_limit=QUOTA)

    # -- looking ---------------------------------------------------------

    def _look(self):
        """See what is in the tables now."""
        def read(conn):
            return [conn.execute(sa.select(table).order_by(
                table.c.created_at, table.c.id)).all()
                for table in (models.operations, models.share_backups,
                              models.shares)]

        self.operations, self.backups, self.shares = (
            self.side.database.read(read))

    def _statuses(self):
        return {(kind, row.id): row.status
                for kind, table in ((states.Share, self.shares),
                                    (states.Backup, self.backups))
                for row in table}

    def _backup(self, number):
        return (self.backups[number % len(self.backups)]
                if self.backups else None)

    def _run(self, number):
        return self.runs[number % len(self.runs)] if self.runs else None

    # -- what happens ----------------------------------------------------

    @stateful.rule(action=ACTIONS)
    def act(self, action):
        """One thing after the other: whether it may be is known before."""
        what, one, other = action
        expected = None
        if what in REQUESTS:
            expected = getattr(self, f'_may_{what}')(one, other)
        accepted = self._do(self.side, action)
        if expected is not None:
            assert accepted == expected, (action, accepted)
        self._look()
        self._check_transitions(what)

    def _do(self, side, action):
        """Do it.

        :returns: bool, whether a request was let in.
        """
        what, one, other = action
        try:
            getattr(self, f'_{what}')(side, one, other)
            return True
        except REFUSALS:
            return False

    def _create(self, side, one, other):
        side.admission.backups.create(base.MEMBER, f's{one % SHARES}')

    def _may_create(self, one, other):
        return (self.was[states.Share, f's{one % SHARES}'] == 'available'
                and len(self.backups) < QUOTA)

    def _restore(self, side, one, other):
        backup = self._backup(one)
        if backup:
            side.admission.backups.restore(base.MEMBER, backup.id,
                                           f's{other % SHARES}')

    def _may_restore(self, one, other):
        backup = self._backup(one)
        return backup is None or (
            backup.status == 'available'
            and self.was[states.Share, f's{other % SHARES}'] in (
                'available', 'backup_restoring_error'))

    def _restore_files(self, side, one, other):
        backup = self._backup(one)
        if backup:
            side.admission.backups.restore(
                base.MEMBER, backup.id, f's{other % SHARES}',
                restores.Paths(['a']))

    _may_restore_files = _may_restore

    def _dry_run(self, side, one, other):
        backup = self._backup(one)
        if backup:
            side.admission.backups.begin_dry_run(
                base.MEMBER, backup.id, f's{other % SHARES}',
                restores.Paths(['a']) if other % 2 else None)

    _may_dry_run = _may_restore

    def _new_share(self, side, one, other):
        backup = self._backup(one)
        if backup and len(self.shares) < _MOST_SHARES:
            side.admission.shares.create_of_backup(base.MEMBER, {}, backup.id)

    def _may_new_share(self, one, other):
        backup = self._backup(one)
        return (backup is None or backup.status == 'available'
                or len(self.shares) >= _MOST_SHARES)

    def _delete(self, side, one, other):
        backup = self._backup(one)
        if backup:
            side.admission.backups.delete(base.MEMBER, backup.id)

    def _may_delete(self, one, other):
        backup = self._backup(one)
        return backup is None or backup.status in ('available', 'error',
                                                   'error_deleting')

    def _reset(self, side, one, other):
        backup = self._backup(one)
        if backup:
            side.admission.backups.reset_status(
                base.ADMIN, backup.id,
                states.BACKUP_RESET[other % len(states.BACKUP_RESET)])
            self.set_by_admin.add(backup.id)

    def _may_reset(self, one, other):
        return True

    def _cancel(self, side, one, other):
        backup = self._backup(one)
        if backup:
            side.admission.operations.cancel_of_backup(base.MEMBER, backup.id)

    def _may_cancel(self, one, other):
        backup = self._backup(one)
        if backup is None:
            return True
        own = [row for row in self.operations if row.backup_id == backup.id]
        live = [row for row in own if row.live]
        if live:
            return live[0].kind != 'delete' and not live[0].publishing
        return any(row.status == 'cancelling' for row in own)

    # Workers. An attempt stays in the list after its end: it may come back
    # from the dead and try again.

    def _claim(self, side, one, other):
        for id_ in side.database.read(db_queue.search):
            claimed = attempt.Attempt.claim(side.worker, id_)
            if claimed:
                self.runs.append(claimed)
                return

    def _renew(self, side, one, other):
        self._attempt(side, one, lambda claimed: claimed.lease.renew())

    def _write(self, side, one, other):
        """Change what is restored to."""
        def write(claimed):
            claimed.lease.renew()
            if claimed.task.changes_share:
                claimed.harmless = False
            # A restore of paths leaves each file as it was or is to be.
            if is_of_all(claimed.operation):
                self.torn.add(claimed.operation.share_id)

        self._attempt(side, one, write)

    def _publish(self, side, one, other):
        def publish(claimed):
            claimed._publishing = True
            claimed.lease.renew()

        self._attempt(side, one, publish)

    def _finish(self, side, one, other):
        def finish(claimed):
            claimed.finish(
                states.Operation.DONE, claimed.task.succeeded,
                {} if getattr(claimed.task, 'dry_run', None)
                else drivers.Result())
            if is_of_all(claimed.operation) and self._done(claimed):
                self.torn.discard(claimed.operation.share_id)
                self.doubtful.discard(claimed.operation.share_id)

        self._attempt(side, one, finish)

    def _done(self, claimed):
        """Tell whether this is the end of its operation, and not once more
        what has ended it: something else may have come after that."""
        first = not getattr(claimed, 'is_done', False)
        claimed.is_done = True
        return first

    def _fail(self, side, one, other):
        def fail(claimed):
            claimed.task.harmless = claimed.harmless
            claimed.finish(states.Operation.FAILED, claimed.task.failed,
                           'because')

        self._attempt(side, one, fail)

    def _release(self, side, one, other):
        self._attempt(side, one, lambda claimed: claimed.release(
            0.0, bool(other % 2), None))

    def _expire(self, side, one, other):
        claimed = self._run(one)
        if claimed:
            if is_of_all(claimed.operation):
                self.doubtful.add(claimed.operation.share_id)
            side.database.write(rows.update, models.operations,
                                claimed.operation.id,
                                {'lease_until': sqltime.utc_in(-1)},
                                status=['running', 'cancelling'])

    def _attempt(self, side, number, function):
        """Have an attempt do something: only the one that holds the
        operation can, and it must."""
        claimed = self._run(number)
        if claimed is None:
            return
        # Whichever side has claimed it: only the second one's never waits.
        claimed._database = side.database
        before = self._operation(claimed)
        held = (before.attempt == claimed.operation.attempt
                and before.worker == claimed.operation.worker)
        try:
            if claimed.operation.status == states.Operation.CANCELLING:
                raise attempt.CalledOff()
            function(claimed)
        except attempt.CalledOff:
            self._call_off(claimed)
        except exception.LeaseLost:
            assert self.racing or not (
                held and before.status == 'running'), before
        else:
            # Once more after its end: as after a commit without an answer.
            assert self.racing or held and before.status in (
                'running', 'done', 'failed'), before

    @staticmethod
    def _call_off(claimed):
        claimed.task.harmless = claimed.harmless
        try:
            claimed.finish(states.Operation.CANCELLED,
                           claimed.task.cancelled)
        except exception.LeaseLost:
            pass

    def _operation(self, claimed):
        return self.side.database.read(db_operations.get,
                                       claimed.operation.id)

    # -- what must hold --------------------------------------------------

    def _check_transitions(self, what):
        """Every change of a status is in the table."""
        now = self._statuses()
        for kind, id_ in self.was.keys() | now.keys():
            old, new = (each.get((kind, id_)) for each in (self.was, now))
            if old != new and not (what == 'reset' and kind is states.Backup):
                self._check_transition(kind, old, new, what)
        self.was = now

    @staticmethod
    def _check_transition(kind, old, new, what):
        if new is None:
            assert old in states.removable(kind), (kind, old, what)
        elif (kind, old) == (states.Share, 'backup_restoring') and (
                what in ('reset', 'cancel')):
            # Called off before a worker had it: nothing was written.
            assert new in ('available', 'backup_restoring_error'), new
        else:
            states.check(old and kind(old), kind(new))

    @stateful.invariant()
    def everything_is_consistent(self):
        self._check_operations()
        for share in self.shares:
            expected = [meaning(row)[1] for row in self.operations
                        if row.share_id == share.id
                        and row.status in _UNFINISHED
                        and meaning(row)[1]]
            # Busy as long as, and only as long as, one operation says so.
            assert expected in ([], [share.status]), (
                share, self.operations)
            assert expected or share.status in (
                'available', 'backup_restoring_error' if len(share.id) < 3
                else 'error'), (share, self.operations)
            self._check_content(share)
        self._check_quota()

    def _check_content(self, share):
        """A share is in error if its content is, and only if it may be."""
        if share.status == 'available':
            assert share.id not in self.torn, share
        elif share.status == 'backup_restoring_error':
            assert share.id in self.torn | self.doubtful, share

    def _check_operations(self):
        live = {}
        for row in self.operations:
            assert bool(row.live) == (row.status in ('queued', 'running'))
            assert (row.lease_until is not None) == (
                row.status in ('running', 'cancelling')), row
            if row.live:
                assert row.backup_id not in live, self.operations
                live[row.backup_id] = row
        for backup in self.backups:
            row = live.pop(backup.id, None)
            assert row is None or backup.status == meaning(row)[0], (
                row, backup)
        assert not live, live

    def _check_quota(self):
        used = self.side.database.read(usage.of_project, 'p1')
        assert used['backups'] == used['backup_gigabytes'] == len(
            self.backups) <= QUOTA

    def teardown(self):
        """Nothing is stuck: one worker that does not die ends it all."""
        for _ in range(100):
            self.side.database.write(
                lambda conn: conn.execute(
                    sa.update(models.operations)
                    .where(models.operations.c.lease_until.is_not(None))
                    .values(lease_until=sqltime.utc_in(-1))))
            self._look()
            unfinished = [row for row in self.operations
                          if row.status in _UNFINISHED]
            if not unfinished:
                break
            count = len(self.runs)
            self._claim(self.side, 0, 0)
            assert len(self.runs) > count, unfinished
            self._finish(self.side, -1, 0)
            self._look()
            self._check_transitions('finish')
        else:
            raise AssertionError(f'stuck: {unfinished}')
        self.everything_is_consistent()
        for (_, id_), status in self._statuses().items():
            if id_ not in self.set_by_admin:
                assert status in ('available', 'error',
                                  'error_deleting',
                                  'backup_restoring_error'), (id_, status)
