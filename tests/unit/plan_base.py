# SPDX-License-Identifier: Apache-2.0
"""The real requests and scheduler on SQLite, while time is the test's."""

import datetime

import fixtures

from manila_backup.db import backup_runs
from manila_backup.db import clock
from manila_backup.db import models
from manila_backup.db import rows
from manila_backup.maintenance import scheduler
from manila_backup.plans import assignments
from manila_backup import states
from tests import statuses
from tests.unit import base

SECOND = datetime.timedelta(seconds=1)
HOUR = 3600 * SECOND
DAY = 24 * HOUR

NIGHTLY = {'name': 'nightly', 'cron': '0 2 * * *'}


class Events:
    """Notes what others would be told."""

    def __init__(self):
        self.told = []

    def ended(self, run, status, reason):
        self.told.append((str(status), reason))


class TestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.now = datetime.datetime.now().replace(
            hour=12, minute=0, second=0, microsecond=0) + DAY
        self.midnight = self.now - 12 * HOUR
        self.useFixture(fixtures.MonkeyPatch(
            'manila_backup.db.clock.now', lambda conn: self.now))
        self.assertEqual(self.now, self.database.read(clock.now))
        self.events = Events()
        self.scheduler = self.worker()

    def worker(self):
        return scheduler.Scheduler(self.conf, self.database, self.admission,
                                   self.events)

    def policy(self, rules=(NIGHTLY,), context_=base.MEMBER, project='p1',
               assigned=(assignments.PROJECT, 'p1'), **values):
        """A policy about the shares of a project; its row."""
        found = self.admission.plans.create(context_, {
            'name': 'gold', 'rules': [dict(each) for each in rules],
            **values})
        if assigned:
            kind, target = assigned
            self.admission.plans.assign(context_, found.id, kind, target,
                                        project)
        return found

    def pass_time(self, delta, step=None):
        """Have time go by, and the scheduler look every so often."""
        end = self.now + delta
        while self.now < end:
            self.now = min(end, self.now + (step or delta))
            self.look()

    def look(self):
        while self.scheduler.run():
            pass

    def finish(self, status=states.Backup.AVAILABLE, **values):
        """Have all backups that are being made end, and all deletions."""
        table = models.share_backups
        for row in self.backups():
            if row.status == states.Backup.CREATING:
                self.put(models.shares, row.share_id, states.Share.AVAILABLE)
                self.put(table, row.id, status, **values)
            elif row.status == states.Backup.DELETING:
                self.database.write(rows.delete, table, row.id)
        self.finish_all()
        self.look()

    def put(self, table, id_, status, **values):
        """Set a status, whatever it was."""
        self.database.write(statuses.put, table, id_,
                            dict(values, status=status))

    def runs(self):
        """(due time since midnight, status) of all runs, the oldest
        first."""
        table = backup_runs.TABLE
        return [(row.due_at - self.midnight, row.status)
                for row in self.database.read(
                    lambda conn: conn.execute(
                        table.select().order_by(table.c.due_at)).all())]

    def backups(self):
        """The rows of all backups, by their due times."""
        table = models.share_backups
        return self.database.read(lambda conn: conn.execute(
            table.select().order_by(table.c.due_at)).all())
