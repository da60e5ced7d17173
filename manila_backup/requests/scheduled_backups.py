# SPDX-License-Identifier: Apache-2.0
"""The backups that policies have made, many in a transaction."""

import dataclasses
import itertools
import typing

from oslo_utils import uuidutils

from manila_backup.db import backup_runs as db_runs
from manila_backup.db import backups as db_backups
from manila_backup.db import operations as db_operations
from manila_backup.db import quotas as db_quotas
from manila_backup.db import shares as db_shares
from manila_backup.db import transitions
from manila_backup.db import usage
from manila_backup.engine.tasks import backup_create
from manila_backup.engine.tasks import refusals
from manila_backup import exception
from manila_backup.plans import names
from manila_backup.requests import backups
from manila_backup.requests import common
from manila_backup.requests import retention
from manila_backup import states
from manila_backup import wording


@dataclasses.dataclass(frozen=True)
class Wish:
    """A backup that a run is to have made.

    :ivar run: the run's row.
    :ivar context: on whose behalf.
    :ivar driver: str, and ``options``: the driver's, as dict.
    """

    run: typing.Any
    context: typing.Any
    name: str | None
    driver: str
    options: dict
    backup_id: str = dataclasses.field(
        default_factory=uuidutils.generate_uuid)
    operation_id: str = dataclasses.field(
        default_factory=uuidutils.generate_uuid)


class ScheduledBackups:
    """Runs of policies that begin.

    :param conf: the configuration.
    :param database: a :class:`manila_backup.db.engine.Database`.
    :param caller: a :class:`manila_backup.bus.rpc.Caller`.
    :param requests: a :class:`~.backups.Backups`.
    :param external: a :class:`~.external_shares.ExternalShares`.
    """

    def __init__(self, conf, database, caller, requests, external):
        self._conf = conf
        self._database = database
        self._caller = caller
        self._backups = requests
        self._external = external

    def prepare(self, run, policy, rule, judge=None):
        """Make sure, as far as that takes no transaction, that a run can
        begin.

        :param judge: as of :meth:`.external_shares.ExternalShares.look_up`.
        :returns: a :class:`Wish`.
        :raises manila_backup.exception.ManilaBackupError: as a request for
            the same backup.
        """
        self._external.look_up(run.share_id, run.project_id,
                               backups.unknown_share(run.share_id), judge)
        driver, options = self._backups.check_options(
            {**rule.backup_options, 'backup_type': rule.backup_type})
        return Wish(run, retention.context_of(policy, run.project_id),
                    names.fill(rule.name_template, policy.name, rule.name,
                               run.due_at, rule.timezone), driver, options)

    def create(self, project_id, wishes, wait=True):
        """Have runs of a project begin, those which can.

        :param wishes: list of :class:`Wish`.
        :param wait: bool, whether to wait for others that admit something
            for the project.
        :returns: dict of a run's id to the error for which it can't begin,
            or None where it has begun. One that is not in it had begun, or
            ended, before. None in place of the dict if, without waiting,
            nothing was done.
        """
        result = self._database.write(self._admit, project_id, wishes, wait)
        if result is None:
            return None
        outcome, begun = result
        by_driver = sorted(begun, key=lambda wish: wish.driver)
        for driver, group in itertools.groupby(
                by_driver, key=lambda wish: wish.driver):
            each = list(group)
            self._caller.queued_all(
                each[0].context, [wish.operation_id for wish in each],
                states.Kind.BACKUP_CREATE, driver)
        return outcome

    def _admit(self, conn, project_id, wishes, wait):
        if not db_quotas.lock(conn, project_id, wait):
            return None
        shares = {row.id: row for row in db_shares.lock(
            conn, [wish.run.share_id for wish in wishes], project_id)}
        room = _Room(conn, self._conf, project_id, shares)
        due = db_runs.lock_due(conn, [wish.run.id for wish in wishes])
        outcome, begun = {}, []
        for wish in wishes:
            if wish.run.id not in due:
                continue
            try:
                room.take(wish.run.share_id)
            except exception.ManilaBackupError as exc:
                outcome[wish.run.id] = exc
            else:
                outcome[wish.run.id] = None
                begun.append(wish)
        if begun:
            _write(conn, begun, shares)
        return outcome, begun


class _Room:
    """The limits of what a project may have backed up: nothing changes in
    it but by :meth:`take`, as the project and the shares are held.

    :param shares: dict of id to row.
    """

    def __init__(self, conn, conf, project_id, shares):
        self._defaults = conf.quota
        self._shares = shares
        self._refused = backup_create.find_refused(conn,
                                                   list(shares.values()))
        self._limits = db_quotas.limits(conn, project_id)
        self._count, self._size, self._stored = usage.backups_of_project(
            conn, project_id)
        self._most = conf.policies.max_running
        self._running = db_runs.count_queued(conn, project_id)

    def take(self, share_id):
        """Count one more in, or raise why it can't be."""
        if 0 <= self._most <= self._running:
            raise exception.Conflict(
                'Policies are already making '
                f'{wording.counted(self._most, "backup")} of the project.')
        if share_id not in self._shares:
            raise backups.unknown_share(share_id)
        if share_id in self._refused:
            raise self._refused[share_id]
        size = self._shares[share_id].size
        common.check_limits(self._limits, self._defaults, self._stored,
                            backups=(self._count, 1),
                            backup_gigabytes=(self._size, size))
        self._count += 1
        self._size += size
        self._running += 1
        # Two rules may be due at once.
        self._refused[share_id] = exception.Conflict(refusals.of_share(
            share_id, states.Share.BACKUP_CREATING))


def _write(conn, wishes, shares):
    """Write that backups are made, all that is held by now."""
    status = states.Share.BACKUP_CREATING
    changed = transitions.change_all(
        conn, db_shares.TABLE, [wish.run.share_id for wish in wishes], status)
    transitions.create_all(
        conn, db_backups.TABLE, states.Backup.CREATING,
        [_backup(wish, shares[wish.run.share_id]) for wish in wishes])
    transitions.create_all(
        conn, db_operations.TABLE, states.Operation.QUEUED,
        [_operation(wish, shares[wish.run.share_id]) for wish in wishes])
    begun = db_runs.begin(conn, {wish.run.id: wish.backup_id
                                 for wish in wishes})
    if not changed == begun == len(wishes):
        raise RuntimeError(f'{changed} shares and {begun} runs were changed '
                           f'instead of {len(wishes)}.')


def _backup(wish, share):
    run = wish.run
    return backups.new_values(
        wish.context, wish.backup_id, share, wish.driver, wish.name,
        policy_id=run.policy_id, rule_id=run.rule_id, due_at=run.due_at,
        requested_by=str(states.Requester.POLICY))


def _operation(wish, share):
    return common.operation_values(
        wish.context, wish.operation_id, states.Kind.BACKUP_CREATE, share,
        backup_id=wish.backup_id, driver=wish.driver,
        options={**wish.options, **backups.wishes(share)})
