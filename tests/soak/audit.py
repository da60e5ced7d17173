# SPDX-License-Identifier: Apache-2.0
"""Looking whether all is as it must be: now and then while faults go on, and
thoroughly at the end."""

import json
import time

from tests.functional import cloud
from tests.soak import clients
from tests.soak import model
from tests.soak import plans

_UNFINISHED = "status NOT IN ('done', 'failed', 'cancelled')"


class Monitor:
    """Checks of what must hold at any time."""

    def __init__(self, service, tally):
        self._service = service
        self._tally = tally
        self._over = {}
        self._progress = {}
        self._next = 0

    def look(self):
        """Look, if the last time is long enough ago and the database is
        there."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + 0.5
        self._look_at_operations()
        self._look_at_progress()

    def _look_at_operations(self):
        for row in self._service.try_rows(
                'SELECT share_id, COUNT(*) AS number FROM operations '
                "WHERE live AND kind IN ('create', 'restore') "
                'GROUP BY share_id HAVING COUNT(*) > 1') or ():
            self._tally.violation(f'{row.number} operations are live on '
                                  f'share {row.share_id}')
        # What is over stays so.
        now = {row.id: tuple(row) for row in self._service.try_rows(
            'SELECT id, status, attempt, worker, finished_at FROM operations '
            f'WHERE NOT ({_UNFINISHED})') or ()}
        if now:
            for id_, was in self._over.items():
                if now.get(id_) != was:
                    self._tally.violation(
                        f'operation {id_} was over as {was} and is '
                        f'{now.get(id_)}')
            self._over = now

    def _look_at_progress(self):
        """It never goes back within one operation."""
        now = {}
        for row in self._service.try_rows(
                'SELECT o.id, o.kind, o.attempt, b.progress, '
                'b.restore_progress FROM operations o JOIN share_backups b '
                'ON b.id = o.backup_id WHERE o.live AND o.kind IN '
                "('create', 'restore')") or ():
            percent = (row.progress if row.kind == 'create'
                       else row.restore_progress)
            now[row.id] = percent
            was = self._progress.get(row.id, 0)
            if percent < was:
                self._tally.violation(
                    f'the progress of operation {row.id} ({row.kind}, '
                    f'attempt {row.attempt}) went back from {was} to '
                    f'{percent}')
        self._progress = now


def drain(service, tally):
    """Wait until nothing is being done any more, or no more progress is
    made."""
    was, since = None, time.monotonic()
    while True:
        rows = service.rows(
            'SELECT id, kind, status, attempt, failures, files_done, '
            'bytes_done, not_before, error FROM operations '
            f'WHERE {_UNFINISHED} ORDER BY id')
        if not rows:
            return
        now = [tuple(row) for row in rows]
        if now != was:
            was, since = now, time.monotonic()
        elif (time.monotonic() - since > service.backups.patience
              and not any(row.not_before for row in rows)):
            for row in now:
                tally.violation(f'operation does not go on: {row}')
            return
        time.sleep(0.2)


class Audit:
    """The end.

    :param shares: list of :class:`~tests.soak.model.Share`.
    """

    def __init__(self, service, shares, tally):
        self._service = service
        self._shares = {share.id: share for share in shares}
        self._tally = tally
        self._backups = {
            row.id: row for row in service.rows(
                'SELECT * FROM share_backups')}
        self._operations = service.rows('SELECT * FROM operations')

    def run(self, asking, planned):
        """Do it.

        :param asking: list of :class:`~tests.soak.clients.Client`.
        :param planned: a :class:`~tests.soak.plans.Plans`.
        """
        planned.check(self._operations)
        asked = {backup.id: backup
                 for client in asking for backup in client.made}
        asked.update(planned.asked(self._operations))
        self._operations_are_over()
        self._operations_are_asked_for(set().union(
            *(client.admitted for client in asking)))
        self._shares_are_right()
        self._backups_are_asked_for(asked)
        self._repository_is_right(asked)
        self._quotas_are_right()
        self._service_says_the_same()

    def _operations_are_over(self):
        for row in self._operations:
            self._tally.count('operations', row.kind, row.status)
            if row.attempt > 1:
                self._tally.count('operations', row.kind,
                                  'in several attempts')
            if row.status == 'failed':
                self._tally.violation(f'operation failed: {row}')
            if row.live or row.status not in ('done', 'cancelled', 'failed'):
                self._tally.violation(f'operation is not over: {row}')

    def _operations_are_asked_for(self, admitted):
        """By one request each."""
        users = [row.user_id for row in self._operations
                 if row.kind != 'share_create'
                 and row.user_id != plans.USER]
        for user in sorted(set(users) ^ admitted):
            self._tally.violation(
                f'request {user} was '
                f'{"" if user in admitted else "not "}let in, and there is '
                f'{"an" if user in users else "no"} operation of it')
        for user in sorted(set(users)):
            if users.count(user) > 1:
                self._tally.violation(f'request {user} made '
                                      f'{users.count(user)} operations')

    def _shares_are_right(self):
        for row in self._service.rows('SELECT * FROM shares'):
            if row.status not in ('available', 'backup_restoring_error'):
                self._tally.violation(f'share {row.id} is {row.status}')
                continue
            clients.check_content(self._shares[row.id], row.status,
                                  self._service, self._tally)

    def _backups_are_asked_for(self, asked):
        deleted = {row.backup_id for row in self._operations
                   if row.kind == 'delete' and row.status == 'done'}
        for id_, backup in asked.items():
            if (id_ in self._backups) == (id_ in deleted):
                self._tally.violation(
                    f'backup {id_} of {backup.user} was admitted, its '
                    f'deletion was {"" if id_ in deleted else "not "}done, '
                    f'and its row is {self._backups.get(id_)}')
        for id_, row in self._backups.items():
            self._tally.count('backups at the end', row.status)
            if row.status not in ('available', 'error'):
                self._tally.violation(f'backup {id_} is {row.status}: '
                                      f'{row.fail_reason}')
            if id_ not in asked:
                self._tally.violation(f'nobody asked for backup {id_}')

    # -- the repository --------------------------------------------------

    def _repository_is_right(self, asked):
        repository = self._service.backups
        for each in repository.locks():
            self._tally.violation(f'there is nobody who has the lock {each}')
        before = repository.contents()
        for _, _, name in before:
            if name.startswith('.'):
                self._tally.count('before the last sweep',
                                  name.split('.')[1])
        for each in self._swept():
            if each['done'] != 'removed':
                self._tally.violation(f'the sweep says: {each}')
        found = repository.contents()
        for place in found:
            name = place[2]
            row = self._backups.get(name)
            if row is None:
                self._tally.violation(f'{place} belongs to no backup')
            elif place != _place(row):
                self._tally.violation(f'{place} is where backup {name} does '
                                      f'not belong')
        for row in self._backups.values():
            if row.status == 'available':
                self._backup_is_right(row, asked[row.id], found)

    def _swept(self):
        """Return what a sweep says; after one of a worker's, if that goes on.
        """
        def sweep():
            try:
                return [json.loads(self._service.manage(
                    'repository', 'sweep', '--format', 'json'))]
            except AssertionError as exc:
                if 'try again later' not in str(exc):
                    raise

        said, = cloud.eventually('a sweep', sweep, pause=0.5)
        return said

    def _backup_is_right(self, row, backup, found):
        if _place(row) not in found:
            self._tally.violation(f'backup {row.id} is available, and not '
                                  f'in the repository')
            return
        expected = model.resolve(backup.content, self._service)
        if expected is None:
            self._tally.violation(f'backup {row.id} was made of a share '
                                  f'with undefined content')
            return

        def compare(tree):
            wrong = expected.differences(tree)
            if wrong:
                self._tally.violation(
                    f'backup {row.id} does not hold what share '
                    f'{row.share_id} held: {wrong}')

        attempt = self._service.backups.look(_place(row), compare)
        made, = [each for each in self._operations
                 if each.backup_id == row.id and each.kind == 'create']
        if not 1 <= attempt <= made.attempt:
            self._tally.violation(f'backup {row.id} was published by attempt '
                                  f'{attempt} of {made.attempt}')
        self._tally.count('backups at the end', 'compared with its share',
                          'made by the last attempt'
                          if attempt == made.attempt
                          else 'published by an earlier attempt')

    def _service_says_the_same(self):
        """Check what the service's own commands find."""
        listed = json.loads(self._service.manage(
            'repository', 'list', '--format', 'json'))
        for each in listed:
            if not each['known'] or each['problem']:
                self._tally.violation(f'repository list says: {each}')
        verdicts = json.loads(self._service.manage(
            'repository', 'verify', '--all', '--format', 'json'))
        for each in verdicts:
            self._tally.count('repository verify', each['result'])
            status = self._backups[each['backup_id']].status
            if each['result'] != 'sound' and status == 'available':
                self._tally.violation(f'repository verify says: {each}')

    # -- quotas ----------------------------------------------------------

    def _quotas_are_right(self):
        for project in sorted({each.project
                               for each in self._shares.values()}):
            answer = self._service.request(
                self._service.apis[0], clients.ADMIN, 'GET',
                f'/quota-sets/{project}/detail')
            said = answer.body['quota_set']
            rows = [row for row in self._backups.values()
                    if row.project_id == project]
            expected = len(rows), sum(row.size for row in rows)
            found = tuple(said[name]['in_use']
                          for name in ('backups', 'backup_gigabytes'))
            if found != expected:
                self._tally.violation(f'project {project} uses {expected}, '
                                      f'and its quotas say {found}')


def _place(row):
    return row.project_id, row.share_id, row.id
