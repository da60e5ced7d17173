# SPDX-License-Identifier: Apache-2.0
"""Months of use of the service, as rows: what pages show after that.

What is in the repository is only of what a test has really backed up.
"""

import dataclasses
import datetime
import os
import random
import uuid

import sqlalchemy as sa

from manila_backup.db import models
from manila_backup.plans import schedule

#: When the policy of all of this is due.
CRON, ZONE = '30 2 * * *', 'Europe/Berlin'

#: What it keeps: all of what there is.
RETENTION = {'daily': 14, 'weekly': 8, 'monthly': 6}

GIB = 2 ** 30

#: Files of a share that is really backed up, with their sizes.
FILES = {
    'contracts/2025/Hansen, framework agreement.pdf': 1843201,
    'contracts/2026/Hansen, price list.ods': 88412,
    'contracts/2026/Öztürk, delivery terms.pdf': 412980,
    'database/shop-2026-11-27.sql.gz': 38211904,
    'database/shop-2026-11-28.sql.gz': 38300672,
    'database/shop-2026-11-29.sql.gz': 38402048,
    'invoices/2026-10/R-20841.pdf': 190233,
    'invoices/2026-10/R-20842.pdf': 204119,
    'invoices/2026-11/R-20843.pdf': 188020,
    'invoices/2026-11/R-20844.pdf': 191755,
    'invoices/2026-11/totals.ods': 45020,
    'templates/letter.odt': 24110,
    'templates/logo.svg': 8312,
    'customers.csv': 5120331,
    'README.txt': 1204,
}


@dataclasses.dataclass(frozen=True)
class Share:
    """A share and what is made up about its backups.

    :ivar id: str.
    :ivar size: int, GiB.
    :ivar files: int, how many entries it has.
    :ivar bytes: int, how large they are in all.
    """

    id: str
    project_id: str
    size: int
    files: int
    bytes: int


def fill(path, changed=()):
    """Make :data:`FILES` in a directory, as sparse files.

    :param changed: names of those whose content is to be another one.
    """
    for number, (name, size) in enumerate(FILES.items()):
        full = os.path.join(path, name)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        if os.path.exists(full) and name not in changed:
            continue
        with open(full, 'wb') as file:
            file.write(b'changed' if name in changed else b'first')
            file.truncate(size)
        if name not in changed:
            at = datetime.datetime(2026, 11, 1 + number, 9, 41).timestamp()
            os.utime(full, (at, at))


class Use:
    """Rows of months of use.

    :param engine: SQLAlchemy's, of the service's database.
    :param policy: dict of a policy with one rule, as the API tells of it;
        None for backups that users have asked for.
    :param driver: str, of the backups.
    """

    def __init__(self, engine, policy=None, driver='posix'):
        self._engine = engine
        self._policy = policy
        self._driver = driver
        self._random = random.Random(f'{bool(policy)} {driver}')
        self.now = datetime.datetime.now(datetime.timezone.utc).replace(
            tzinfo=None, microsecond=0)

    def insert(self, table, *rows):
        """Insert rows, all with the same keys."""
        with self._engine.begin() as conn:
            conn.execute(sa.insert(table), list(rows))

    def update(self, table, id_, **values):
        """Change one row."""
        with self._engine.begin() as conn:
            conn.execute(sa.update(table).where(table.c.id == id_)
                         .values(**values))

    def nights(self, count):
        """The last times that the policy was due, the latest first."""
        due = schedule.Schedule(CRON, ZONE)
        found = [due.previous(self.now)]
        while len(found) < count:
            found.append(due.previous(
                found[-1] - datetime.timedelta(seconds=1)))
        return found

    def kept(self):
        """Of all nights those whose backups the policy keeps, the latest
        first: of the last days, and Sundays of the weeks before."""
        return [night for number, night in enumerate(self.nights(170))
                if number < 14 or night.weekday() == 6 and number < 56
                or night.day == 1]

    def long_since(self):
        """Have the policy be there, and be assigned, for months."""
        begun = self.now - datetime.timedelta(days=180)
        with self._engine.begin() as conn:
            conn.execute(sa.update(models.shares).values(created_at=begun))
            conn.execute(sa.update(models.backup_policy_rules).where(
                models.backup_policy_rules.c.policy_id == self._policy['id'])
                .values(begun_at=begun))
            conn.execute(sa.update(models.backup_policy_assignments).where(
                models.backup_policy_assignments.c.policy_id
                == self._policy['id']).values(created_at=begun))

    def history(self, share, bad=(), skip=0):
        """Backups of a share in each night of which one is kept.

        :param bad: dict of the number of a night, from the last one, to the
            status code of what went wrong in it; None for a run that was
            missed.
        :param skip: int, how many of the last nights to leave to others.
        """
        nights = self.kept()
        for number, night in list(enumerate(nights))[skip:]:
            code = dict(bad).get(number, 'none')
            if code is None:
                self._run(share, night, 'missed', None,
                          'It could not begin in time.')
                continue
            backup = self.backup(share, night, first=night == nights[-1],
                                 code=None if code == 'none' else code)
            if number < 10:
                self.operation(share, backup)
            if self._policy and number < 10:
                self._run(share, night, 'failed' if backup[
                    'status'] == 'error' else 'done', backup['id'])

    def backup(self, share, at, first=False, code=None, **values):
        """A backup, as inserted.

        :param first: bool, whether none was made before.
        :param code: str, the status code of what went wrong.
        """
        age = (self.now - at).days
        size = int(share.bytes * (1 - 0.002 * age))
        begun = at + datetime.timedelta(seconds=self._random.randrange(5, 90))
        rule = self._policy and self._policy['rules'][0]
        row = {
            'id': self._id(), 'project_id': share.project_id,
            'user_id': 'demo', 'share_id': share.id,
            'name': f'nightly {at:%Y-%m-%d}',
            'status': 'available', 'size': share.size,
            'availability_zone': 'nova', 'host': 'backup1',
            'topic': 'manila-data', 'backup_type': self._driver,
            'progress': 100, 'restore_progress': 0, 'status_code': code,
            'result': 'complete',
            'policy_id': rule and self._policy['id'],
            'rule_id': rule and rule['id'], 'due_at': at if rule else None,
            'entries': int(share.files * (1 - 0.001 * age)),
            'content_bytes': size, 'warning_count': 0, 'missing_count': 0,
            'stored_bytes': size if first else int(
                size * self._random.uniform(0.004, 0.03)),
            'taken_at': begun, 'point_in_time': 'snapshot',
            'completed_at': begun + datetime.timedelta(
                seconds=20 + size // (90 * 2 ** 20)),
            'requested_by': 'policy' if rule else 'user',
            'verified_at': at + datetime.timedelta(hours=5),
            'verified_result': 'sound', 'created_at': at, **values}
        if code == 'incomplete':
            row.update(result=code, warning_count=5, missing_count=3)
        elif code:
            row.update(status='error', progress=0, **dict.fromkeys((
                'result', 'entries', 'content_bytes', 'warning_count',
                'missing_count', 'stored_bytes', 'taken_at', 'point_in_time',
                'completed_at', 'verified_at', 'verified_result')))
        self.insert(models.share_backups, row)
        return row

    def operation(self, share, backup, kind='create', status=None, done=1.0,
                  **values):
        """An operation on a backup.

        :param done: float, how much of it is.
        """
        total = backup['content_bytes'] or 0
        begun = backup['created_at'] + datetime.timedelta(seconds=3)
        failed = backup['status'] == 'error'
        status = status or ('failed' if failed else 'done')
        seconds = max(10, done * total / (88 * 2 ** 20))
        over = status in ('done', 'failed', 'cancelled')
        row = {
            'id': self._id(), 'kind': kind, 'status': status,
            'project_id': share.project_id, 'user_id': 'demo',
            'live': None if over else True,
            'request_id': f'req-{self._id()}',
            'share_id': share.id, 'backup_id': backup['id'],
            'driver': self._driver, 'options': {}, 'attempt': 1,
            'failures': int(failed), 'worker': 'backup2:1874:5be1',
            'lease_until': None if over else self.now
            + datetime.timedelta(hours=2),
            'files_total': backup['entries'] or 0, 'bytes_total': total,
            'files_done': int(done * (backup['entries'] or 0)),
            'bytes_done': int(done * total),
            'status_code': backup['status_code'],
            'created_at': backup['created_at'], 'started_at': begun,
            'attempt_started_at': begun,
            'finished_at': begun + datetime.timedelta(seconds=seconds)
            if over else None, **values}
        self.insert(models.operations, row)
        return row

    def _id(self):
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def _run(self, share, due, status, backup_id, reason=None):
        self.insert(models.backup_runs, {
            'id': str(uuid.uuid4()), 'policy_id': self._policy['id'],
            'rule_id': self._policy['rules'][0]['id'], 'share_id': share.id,
            'project_id': share.project_id, 'due_at': due, 'start_at': due,
            'start_until': due + datetime.timedelta(hours=1),
            'status': status, 'backup_id': backup_id, 'reason': reason,
            'ended_at': due + datetime.timedelta(minutes=9)})

    def hosts(self):
        """Hosts of workers beside the test's own, and repositories."""
        gone = self.now - datetime.timedelta(hours=2)
        worker = 'manila-backup-worker'
        self.insert(models.services, *(
            {'binary': worker, 'host': host, 'topic': 'manila-data',
             'identity': f'{host}:{1873 + number}:5be{number}',
             'availability_zone': 'nova', 'last_seen': gone}
            for number, host in enumerate(('backup2', 'backup2', 'backup3',
                                           'backup4'))))
        self.insert(models.service_hosts, *(
            {'binary': worker, 'host': host, 'mode': mode, 'reason': reason,
             'mode_changed_at': gone}
            for host, mode, reason in (('backup2', 'enabled', None),
                                       ('backup3', 'draining', 'new disks'),
                                       ('backup4', 'enabled', None))))
        measured = {'measured_at': self.now - datetime.timedelta(minutes=4),
                    'looked_at': self.now - datetime.timedelta(minutes=4)}
        tib = 1024 * GIB
        offsite = 's3:https://objects.example/backups'
        self.insert(models.repositories, *(
            {'driver': driver, 'host': host, 'location': location,
             'used_bytes': used, 'free_bytes': free, 'problem': problem,
             **measured}
            for driver, host, location, used, free, problem in (
                ('nfs', 'backup2', 'nas.example:/backups', int(6.2 * tib),
                 int(1.9 * tib), None),
                ('nfs', 'backup4', 'nas.example:/backups', None, None,
                 'mount.nfs: Connection timed out'),
                ('restic', 'backup2', offsite, int(2.7 * tib), None, None))))

    def now_seen(self):
        """Have those hosts but the last one been seen by now, and the test's
        own repository be as large as one is."""
        with self._engine.begin() as conn:
            conn.execute(sa.update(models.services).where(
                models.services.c.host.in_(['backup2', 'backup3'])).values(
                    last_seen=sa.func.utc_timestamp(6)))
            conn.execute(sa.update(models.repositories).where(
                models.repositories.c.driver == 'posix').values(
                    location='/srv/manila-backup/repository',
                    used_bytes=int(8.4 * 1024 * GIB),
                    free_bytes=int(3.1 * 1024 * GIB)))
