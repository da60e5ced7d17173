# SPDX-License-Identifier: Apache-2.0

import socket
from unittest import mock

from oslo_db import exception as db_exc
import sqlalchemy as sa

from manila_backup.bus import rpc
from manila_backup.db import engine
from manila_backup.db import models
from manila_backup.engine import attempt
from manila_backup.engine import worker
from manila_backup import exception
from tests.unit import base


class Start(base.TestCase):

    def test_without_a_database(self):
        # Bound and not listened on: a refusal.
        nobody = socket.socket()
        self.addCleanup(nobody.close)
        nobody.bind(('127.0.0.1', 0))
        port = nobody.getsockname()[1]
        rpc.get_transport(self.conf)
        self.conf.set_override('transport_url', 'fake://')
        for url in ('postgresql+psycopg2', 'mysql+pymysql'):
            self.conf.set_override(
                'connection', f'{url}://x@127.0.0.1:{port}/x', 'database')
            self.conf.set_override('max_retries', 1, 'database')
            self.conf.set_override('retry_interval', 0, 'database')
            database = engine.Database(self.conf)
            started = worker.Worker(self.conf, database,
                                    rpc.get_transport(self.conf))
            said = str(self.assertRaises(exception.ConfigurationError,
                                         started.start))
            self.assertIn('The database can\'t be used', said)
            self.assertNotIn('\n', said)

    def test_with_a_database_that_goes_away_just_then(self):
        rpc.get_transport(self.conf)
        self.conf.set_override('transport_url', 'fake://')
        started = worker.Worker(self.conf, self.database,
                                rpc.get_transport(self.conf))
        gone = db_exc.DBConnectionError('refused')
        with mock.patch.object(self.database, 'write', side_effect=gone):
            said = str(self.assertRaises(exception.ConfigurationError,
                                         started.start))
        self.assertIn('The database can\'t be used: refused', said)


class Stop(base.TestCase):

    def test_while_an_operation_is_claimed(self):
        share = self.share()
        self.admission.backups.create(base.MEMBER, share.id)
        self.database.write(lambda conn: conn.execute(
            models.operations.update().values(driver='posix')))
        rpc.get_transport(self.conf)
        self.conf.set_override('transport_url', 'fake://')
        self.conf.set_override('shutdown_grace', 0, 'backup')
        stopped = worker.Worker(self.conf, self.database,
                                rpc.get_transport(self.conf))
        claim = attempt.Attempt.claim

        def stop_meanwhile(*args):
            found = claim(*args)
            stopped._begin_to_stop()
            return found

        with mock.patch.object(attempt.Attempt, 'claim', stop_meanwhile):
            self.assertTrue(stopped._start_one())
        stopped._pool.shutdown()
        row, = self.database.read(lambda conn: conn.execute(
            sa.select(models.operations).where(
                models.operations.c.kind == 'create')).all())
        self.assertEqual(('queued', 1, 0),
                         (row.status, row.attempt, row.failures))
