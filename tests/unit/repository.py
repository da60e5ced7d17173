# SPDX-License-Identifier: Apache-2.0
"""A real repository and real shares beside the database on SQLite."""

import contextlib
import os
import types

from manila_backup.db import models
from manila_backup.db import operations as db_operations
from manila_backup.drivers import base as drivers
from manila_backup.drivers.posix import driver as posix
from manila_backup.drivers import progress
from manila_backup.engine import tasks
from manila_backup.requests import admission
from manila_backup.shares import local
from manila_backup import states
from tests import statuses
from tests.unit import base


class TestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.driver = posix.PosixDriver(
            os.path.join(self.root, 'repository'), 1)
        self.driver.check(create=True)
        self.tools = types.SimpleNamespace(
            conf=self.conf, database=self.database,
            drivers={'posix': self.driver},
            source=local.LocalShares(os.path.join(self.root, 'shares')),
            host='here', alone=contextlib.nullcontext)
        self.admission = admission.Admission(
            self.conf, self.database, self.bus, self.tools.drivers)

    def make_share(self, **kwargs):
        """An available share with something in it; its row."""
        share = self.share(**kwargs)
        path = self.tools.source.directory(share)
        os.makedirs(os.path.join(path, 'd'))
        with open(os.path.join(path, 'd', 'f'), 'wb') as file:
            file.write(b'content')
        return share

    def begin_backup(self, share=None, attempts=1, **kwargs):
        """A backup that is complete, but for its publication.

        :param attempts: int; after more than one, something of the first is
            still there.
        :returns: its kind.
        """
        share = share or self.make_share()
        row = self.admission.backups.create(base.MEMBER, share.id, **kwargs)
        for number in range(1, attempts):
            self.claim(f'w{number}', -1)
        kind = tasks.TASKS[states.Kind.BACKUP_CREATE](
            self.tools, self.claim(), self.get_share(share.id),
            self.get_backup(row.id))
        kind.report = self.work(kind)
        if attempts > 1:
            # One that the last one could not clear away.
            self.plant(f'.partial.{row.id}.1', kind.place)
        return kind

    def make_backup(self, share=None, **kwargs):
        """A backup that is available; its row."""
        kind = self.begin_backup(share, **kwargs)
        kind.publish()
        self.finish(kind, states.Operation.DONE, kind.succeeded,
                    kind.report)
        return self.get_backup(kind.backup.id)

    def work(self, kind):
        function, args = kind.work()
        return function(*args, progress.Progress())

    def finish(self, kind, status, outcome=None, *args):
        """End an operation as its worker does, leftovers aside."""
        def write(conn):
            self.assertTrue(db_operations.finish(conn, kind.operation,
                                                 status))
            if outcome:
                outcome(conn, *args)

        self.database.write(write)

    def folder(self, place):
        return os.path.join(self.driver.path, place.project_id,
                            place.share_id)

    def place(self, row):
        return drivers.BackupReference(row.project_id, row.share_id, row.id)

    def plant(self, name, place):
        """Something that was left beside a backup."""
        path = os.path.join(self.folder(place), name)
        os.makedirs(os.path.join(path, 'data', 'd'))
        with open(os.path.join(path, 'data', 'd', 'f'), 'wb') as file:
            file.write(b'left')

    def names(self, place):
        """List what there is of backups; an index is nothing by itself."""
        try:
            return sorted(name for name in os.listdir(self.folder(place))
                          if not name.startswith('.contents.'))
        except FileNotFoundError:
            return []

    def set_backup(self, backup_id, **values):
        self.database.write(statuses.put, models.share_backups, backup_id,
                            values)

    def forget(self):
        """Lose the database's rows."""
        def write(conn):
            for table in (models.share_backups, models.operations,
                          models.shares):
                conn.execute(table.delete())

        self.database.write(write)
