# SPDX-License-Identifier: Apache-2.0
"""Backup policies in the soak: shares that they alone are about, on a clock
by which a year goes by in ten minutes, and that differs between processes."""

import datetime
import zoneinfo

from tests.functional import cloud
from tests import simulated_clock
from tests.soak import model
from tests.soak import servers
from tests.soak import service as services

#: Seconds by the clock in one; and by how many the processes' are apart.
SPEED, APART = 365 * 86400 / 600, 2 * 3600

#: Who has the policies, and their projects.
USER, PROJECTS = 'planner', ('q0', 'q1')

ZONE = 'Europe/Berlin'

#: One that is due each night, in the hour that is left out or comes twice.
_POLICY = {'name': 'nightly', 'timezone': ZONE,
           'rules': [{'name': 'n', 'cron': '30 2 * * *',
                      'start_window': 3 * 86400}],
           'retention': {'last': 3, 'weekly': 2}}

_HEADERS = {'OpenStack-API-Version': 'shared-file-system-backup 1.1'}

#: What may have become of a run that has no backup.
_ENDED = ('superseded', 'missed', 'skipped', 'failed')


class Plans:
    """The policies, one of each project.

    :param service: a :class:`~tests.soak.service.Service`.
    :param tally: a :class:`~tests.soak.model.Tally`.
    :ivar shares: list of :class:`~tests.soak.model.Share`.
    """

    def __init__(self, service, tally):
        self._service = service
        self._tally = tally
        self.shares = []
        self._policies = {}
        self._began = None

    def set_clock(self):
        """Have processes that start from now on use the clock."""
        simulated_clock.write(self._service.folder, self._now(), SPEED,
                              APART)

    def _now(self):
        """The instant by the database's clock."""
        query = ("SELECT clock_timestamp() AT TIME ZONE 'UTC'"
                 if isinstance(self._service.database, servers.PostgreSQL)
                 else 'SELECT UTC_TIMESTAMP(6)')
        (found,), = self._service.rows(query)
        return found

    def begin(self, shares):
        """Have policies be about these shares."""
        self.shares = shares
        for project in PROJECTS:
            path = '/share-backup-policies'
            made = self._ask(project, 'POST', path, {
                'share_backup_policy': _POLICY})['share_backup_policy']
            self._policies[project] = f'{path}/{made["id"]}'
            self._ask(project, 'POST', f'{path}/{made["id"]}/assignments', {
                'assignment': {'kind': 'project', 'target': project}})
        self._began = simulated_clock.shown(self._service.folder,
                                            self._now())

    def end(self):
        """Let nothing be due any more."""
        for project, path in self._policies.items():
            self._ask(project, 'POST', f'{path}/action', {'disable': None})

    def _ask(self, project, method, path, body):
        def answered():
            answer = self._service.request(
                self._service.apis[0], f'{USER}:{project}', method, path,
                body, _HEADERS)
            return (not isinstance(answer, str) and answer.status < 300
                    and answer)

        return cloud.eventually(f'{method} {path}', answered,
                                services.STARTING, 0.3).body

    def asked(self, operations):
        """The backups that were made for runs.

        :param operations: rows of all that there were.
        :returns: dict of id to :class:`~tests.soak.model.Backup`.
        """
        shares = {share.id: share for share in self.shares}
        return {row.backup_id: model.Backup(
            row.backup_id, None, USER, shares[row.share_id],
            shares[row.share_id].content) for row in operations
            if row.user_id == USER and row.kind == 'create'}

    def check(self, operations):
        """Every run that was due is there once, with one backup or with the
        reason why it has none.

        :param operations: rows of all that there were.
        """
        cloud.eventually('the end of all runs', lambda: not self._service.rows(
            "SELECT id FROM backup_runs WHERE status IN ('due', 'queued')"),
            services.STARTING, 0.3)
        runs = self._service.rows('SELECT * FROM backup_runs')
        for share in self.shares:
            self._due_times_are_right(
                share, [run.due_at for run in runs
                        if run.share_id == share.id])
        for run in runs:
            self._tally.count('runs of policies', run.status)
            right = (run.backup_id if run.status == 'done'
                     else run.status in _ENDED and run.reason)
            if not right:
                self._tally.violation(f'there is no reason why: {run}')
        made = [row.backup_id for row in operations
                if row.user_id == USER and row.kind == 'create']
        of_runs = [run.backup_id for run in runs if run.backup_id]
        if len(set(made)) < len(made) or sorted(made) != sorted(of_runs):
            self._tally.violation(f'runs have the backups {of_runs}, and '
                                  f'operations made {made}')

    def _due_times_are_right(self, share, found):
        expected = list(_nights(min(found), max(found))) if found else []
        if not found or sorted(found) != expected:
            self._tally.violation(f'share {share.id} was to be backed up at '
                                  f'{expected}, and was at {sorted(found)}')
        elif abs(expected[0] - self._began) > datetime.timedelta(days=2):
            self._tally.violation(f'the first run of share {share.id} is of '
                                  f'{expected[0]}, and not of {self._began}')


def _nights(first, last):
    """Half past two of each night between two instants, on the clock of the
    zone; three where there is no such time."""
    zone = zoneinfo.ZoneInfo(ZONE)
    day = first.date() - datetime.timedelta(days=2)
    while True:
        clock = datetime.datetime.combine(day, datetime.time(2, 30))
        instant = clock.replace(tzinfo=zone).astimezone(datetime.timezone.utc)
        if instant.astimezone(zone).replace(tzinfo=None) != clock:
            instant = instant.replace(minute=0)
        instant = instant.replace(tzinfo=None)
        if instant > last:
            return
        if instant >= first:
            yield instant
        day += datetime.timedelta(days=1)
