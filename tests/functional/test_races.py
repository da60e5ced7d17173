# SPDX-License-Identifier: Apache-2.0
"""Requests that come in the middle of one another, on databases that let
them."""

from concurrent import futures
import os

import sqlalchemy as sa
import testtools

from manila_backup import conf as config
from manila_backup.db import backups as db_backups
from manila_backup.db import engine
from manila_backup.db import models
from manila_backup.db import operations as db_operations
from manila_backup.db import places
from manila_backup.requests import admission
from manila_backup import states
from tests.functional import cloud
from tests.functional import databases
from tests import statuses
from tests.unit import base


class ResetMySQL(testtools.TestCase):

    server = 'mysql'

    def setUp(self):
        super().setUp()
        self.cloud = self.useFixture(cloud.Cloud(self.server))
        self.bus = base.Bus()
        self.database, self.admission = self._api()
        _, self.other = self._api()
        share = self.admission.shares.create(
            base.MEMBER, {'size': 1, 'share_proto': 'NFS'})
        self._set(models.shares, share.id, states.Share.AVAILABLE)
        self.share_id = share.id
        self.backup_id = self.admission.backups.create(
            base.MEMBER, share.id).id

    def _api(self):
        conf = config.load(['--config-file', self.cloud.config], 'test')
        database = engine.Database(conf)
        self.addCleanup(database.dispose)
        return database, admission.Admission(conf, database, self.bus,
                                             {'posix': base.Driver()})

    def _set(self, table, id_, status):
        """As if what was running had been done."""
        def write(conn):
            conn.execute(models.operations.update().values(
                status='done', live=None))
            statuses.put(conn, table, id_, {'status': status})

        self.database.write(write)

    def _before_the_update(self, function):
        """Call a function right before this API changes the backup, once:
        after it has looked."""
        waiting = [function]

        def listen(conn, cursor, statement, *_):
            if statement.startswith('UPDATE share_backups') and waiting:
                waiting.pop()()

        sa.event.listen(self.database.engine, 'before_cursor_execute',
                        listen)

    def _what_became(self):
        """The backup's status, and those of its operations that are not
        done."""
        backup = self.database.read(db_backups.get, self.backup_id)
        operations = self.database.read(db_operations.of_backup,
                                        self.backup_id)
        return backup.status, [row.status for row in operations
                               if row.status != 'done']

    def _call_off(self):
        self.admission.backups.reset_status(base.ADMIN, self.backup_id,
                                            'error')

    def test_against_a_deletion(self):
        self._set(models.share_backups, self.backup_id, 'available')
        self._before_the_update(lambda: self.other.backups.delete(
            base.MEMBER, self.backup_id))
        self._call_off()
        self.assertEqual(('error', ['cancelled']), self._what_became())

    def test_against_a_restore(self):
        self._set(models.shares, self.share_id, 'available')
        self._set(models.share_backups, self.backup_id, 'available')
        self._before_the_update(lambda: self.other.backups.restore(
            base.MEMBER, self.backup_id))
        self._call_off()
        self.assertEqual(('error', ['cancelled']), self._what_became())
        self.assertEqual([('available',)], self.cloud.rows(
            'SELECT status FROM shares'))

    def test_against_its_like(self):
        self._set(models.share_backups, self.backup_id, 'available')
        self._before_the_update(lambda: self.other.backups.reset_status(
            base.ADMIN, self.backup_id, 'available'))
        self._call_off()
        self.assertEqual(('error', []), self._what_became())


class FirstOnesMySQL(testtools.TestCase):
    """Two transactions that each find a row missing and insert it."""

    server = 'mysql'

    def test_the_second_sees_what_the_first_has_inserted(self):
        url = self.useFixture(databases.Schema(self.server, made=True)).url
        conf = config.load(['--config-file', os.devnull], 'test')
        conf.set_override('connection', url, 'database')
        first, second = engine.Database(conf), engine.Database(conf)
        self.addCleanup(first.dispose)
        self.addCleanup(second.dispose)
        with futures.ThreadPoolExecutor(1) as pool:
            with first.writer() as conn:
                self.assertEqual({'a': 1}, places.note(conn, 'x', {'a': 1}))
                noted = pool.submit(second.write, places.note, 'x', {'a': 2})
                # It waits, or it has not come that far: either is right.
                futures.wait([noted], 0.2)
            self.assertEqual({'a': 1}, noted.result())


class FirstOnesPostgreSQL(FirstOnesMySQL):
    server = 'postgresql'


class ResetPostgreSQL(ResetMySQL):

    server = 'postgresql'
