# SPDX-License-Identifier: Apache-2.0

import socket
from unittest import mock

from oslo_db import exception as db_exc
import sqlalchemy as sa

from manila_backup.bus import rpc
from manila_backup.db import engine
from manila_backup.db import models
from manila_backup.db import service_hosts
from manila_backup.db import services
from manila_backup.engine import attempt
from manila_backup.engine import worker
from manila_backup import exception
from manila_backup import states
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


class Modes(base.TestCase):
    """Workers of a host that is not to work."""

    def setUp(self):
        super().setUp()
        rpc.get_transport(self.conf)
        self.conf.set_override('transport_url', 'fake://')
        self.worker = worker.Worker(self.conf, self.database,
                                    rpc.get_transport(self.conf))
        self.addCleanup(self.worker._pool.shutdown)
        self.attempt = mock.Mock()
        self.worker._running['x'] = self.attempt

    def beat(self):
        worker.beat(self.database, self.conf, worker.BINARY, 'here:1:a')
        host, = self.database.read(service_hosts.list_all, 60)
        return host

    def set(self, mode):
        self.admission.services.set_mode(self.beat().row.id, mode, 'why')

    def test_enabled_unless_told_otherwise(self):
        self.assertTrue(self.worker._is_enabled())
        self.assertEqual(('enabled', None),
                         (self.beat().row.mode, self.beat().row.reason))
        self.assertTrue(self.worker._is_enabled())

    def test_disabled(self):
        self.set(states.ServiceMode.DISABLED)
        self.assertFalse(self.worker._is_enabled())
        self.attempt.hand_over.assert_not_called()
        self.set(states.ServiceMode.ENABLED)
        self.assertTrue(self.worker._is_enabled())

    def test_draining_hands_over_once(self):
        self.set(states.ServiceMode.DRAINING)
        for _number in range(3):
            self.assertFalse(self.worker._is_enabled())
        self.attempt.hand_over.assert_called_once_with()

    def test_operations_have_an_equal_part_of_what_may_be_moved(self):
        self.assertEqual(0, self.worker.bytes_per_second())
        self.conf.set_override('bytes_per_second', 1000, 'backup')
        self.assertEqual(1000, self.worker.bytes_per_second())
        self.worker._running = dict.fromkeys('abc')
        self.assertEqual(333, self.worker.bytes_per_second())
        self.assertEqual(0, self.worker.operations_per_second())
        self.conf.set_override('operations_per_second', 50, 'backup')
        self.assertEqual(16, self.worker.operations_per_second())

    def test_other_hosts_are_others(self):
        self.set(states.ServiceMode.DISABLED)
        self.conf.set_override('host', 'there')
        other = worker.Worker(self.conf, self.database,
                              rpc.get_transport(self.conf))
        self.addCleanup(other._pool.shutdown)
        self.assertTrue(other._is_enabled())

    def test_purge(self):
        self.beat()
        self.assertEqual(0, self.database.write(service_hosts.purge))
        self.database.write(services.remove, 'here:1:a')
        self.set(states.ServiceMode.DRAINING)
        self.database.write(services.remove, 'here:1:a')
        self.assertEqual(0, self.database.write(service_hosts.purge))
        self.set(states.ServiceMode.ENABLED)
        self.database.write(services.remove, 'here:1:a')
        self.assertEqual(1, self.database.write(service_hosts.purge))

    def test_not_there(self):
        self.assertRaises(exception.NotFound,
                          self.admission.services.set_mode, 4711,
                          states.ServiceMode.DISABLED)


class Stop(base.TestCase):

    def test_while_an_operation_is_claimed(self):
        share = self.share()
        self.admission.backups.create(base.MEMBER, share.id)
        self.database.write(lambda conn: conn.execute(
            models.operations.update().values(driver='posix')))
        rpc.get_transport(self.conf)
        self.conf.set_override('transport_url', 'fake://')
        stopped = worker.Worker(self.conf, self.database,
                                rpc.get_transport(self.conf))
        claim = attempt.Attempt.claim

        def stop_meanwhile(*args):
            found = claim(*args)
            stopped._begin_to_stop(0)
            return found

        with mock.patch.object(attempt.Attempt, 'claim', stop_meanwhile):
            self.assertTrue(stopped._start_one())
        stopped._pool.shutdown()
        row, = self.database.read(lambda conn: conn.execute(
            sa.select(models.operations).where(
                models.operations.c.kind == 'create')).all())
        self.assertEqual(('queued', 1, 0),
                         (row.status, row.attempt, row.failures))
