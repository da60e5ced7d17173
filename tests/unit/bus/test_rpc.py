# SPDX-License-Identifier: Apache-2.0
"""Messages on the bus between processes of different releases."""

import threading
import types
from unittest import mock

import fixtures

from manila_backup.bus import rpc
from manila_backup.bus import version_cap
from manila_backup.db import models
from manila_backup.db import services as db_services
from manila_backup.db import sqltime
from manila_backup.engine import capabilities
from tests import statuses
from tests.unit import base

messaging = rpc.messaging


class Workers(base.TestCase):
    """With rows of workers."""

    def setUp(self):
        super().setUp()
        self.pin = version_cap.VersionCap(self.conf, self.database)
        # Every look is one at the database.
        self.useFixture(fixtures.MockPatchObject(
            version_cap, 'time', types.SimpleNamespace(
                monotonic=iter(range(0, 10 ** 6, 100)).__next__)))

    def worker(self, name, rpc_version, topic=rpc.TOPIC):
        self.database.write(
            db_services.beat, name, 60.0, binary='x', host='here',
            topic=topic,
            version='1', rpc_version=rpc_version)


class Pin(Workers):

    def test_follows_the_oldest_living_worker(self):
        self.assertEqual('1.0', self.pin.version())
        self.worker('new', '1.1')
        self.assertEqual('1.1', self.pin.version())
        self.worker('old', '1.0')
        self.worker('other', '0.1', topic='something-else')
        self.assertEqual('1.0', self.pin.version())
        self.database.write(lambda conn: conn.execute(
            models.services.update().where(
                models.services.c.identity == 'old').values(
                    last_seen=sqltime.utc_in(-61))))
        self.assertEqual('1.1', self.pin.version())

    def test_sorts_by_number(self):
        self.worker('a', '1.10')
        self.worker('b', '1.9')
        with mock.patch.object(rpc, 'VERSION', '1.12'):
            self.assertEqual('1.9', self.pin.version())

    def test_is_never_newer_than_what_can_be_said(self):
        self.worker('newer', '1.7')
        self.assertEqual(rpc.VERSION, self.pin.version())

    def test_whoever_says_nothing_is_the_oldest(self):
        self.worker('new', '1.1')
        self.worker('silent', None)
        self.assertEqual('1.0', self.pin.version())

    def test_stays_while_the_database_is_away(self):
        self.worker('new', '1.1')
        self.assertEqual('1.1', self.pin.version())
        with mock.patch.object(self.database, 'read',
                               side_effect=Exception('away')):
            self.assertEqual('1.1', self.pin.version())
            self.assertEqual('1.0', version_cap.VersionCap(
                self.conf, self.database).version())

    def test_configured(self):
        self.worker('new', '1.1')
        self.conf.set_override('worker', '1.0', 'upgrade_levels')
        self.assertEqual('1.0', self.pin.version())
        self.conf.clear_override('worker', 'upgrade_levels')
        self.assertEqual('1.1', self.pin.version())

    def test_nonsense_is_refused(self):
        for value in ('newest', '1', '1.x', '1.0.0', 'automatic'):
            self.assertRaises(ValueError, self.conf.set_override, 'worker',
                              value, 'upgrade_levels')


class PinLooksSeldom(base.TestCase):

    def test_once_in_a_report_interval(self):
        found = version_cap.VersionCap(self.conf, self.database)
        with mock.patch.object(self.database, 'read',
                               return_value={'1.1'}) as read:
            for _ in range(100):
                self.assertEqual('1.1', found.version())
        self.assertEqual(1, read.call_count)


class Messages(Workers):
    """Over oslo.messaging's in-memory bus."""

    def setUp(self):
        super().setUp()
        rpc.get_transport(self.conf)
        self.conf.set_override('transport_url', 'fake://')
        self.transport = rpc.get_transport(self.conf)
        self.addCleanup(self.transport.cleanup)
        self.caller = rpc.Caller(self.transport, self.pin)

    def listen(self, version):
        """A worker of a version; the list that its messages come to."""
        heard = []

        class Endpoint:
            target = messaging.Target(version=version)

            def operation_queued(self, context, **args):
                heard.append(('queued', args))

            def operation_cancelled(self, context, **args):
                heard.append(('cancelled', args))

        self.serve(messaging.get_rpc_server(
            self.transport, messaging.Target(topic=rpc.TOPIC,
                                             server='listener'),
            [Endpoint()], executor='threading'))
        return heard

    def serve(self, server):
        server.start()
        self.addCleanup(server.wait)
        self.addCleanup(server.stop)

    def send(self):
        """A message of each kind, on their way when this returns."""
        self.caller.queued(base.MEMBER, 'op', 'create', 'posix')
        self.caller.cancelled(base.MEMBER, 'op')
        self.caller.close()

    def heard(self, heard, count):
        for _ in range(500):
            if len(heard) >= count:
                break
            threading.Event().wait(0.02)
        return sorted(heard, key=str)

    def test_newest_form(self):
        self.worker('new', '1.1')
        heard = self.listen('1.1')
        self.send()
        self.assertEqual(
            [('cancelled', {'operation_id': 'op'}),
             ('queued', {'operation_id': 'op', 'kind': 'create',
                         'driver': 'posix'})], self.heard(heard, 2))

    def test_one_call_for_many(self):
        self.worker('new', '1.1')
        heard = self.listen('1.1')
        self.caller.queued_all(base.MEMBER, ['a', 'b', 'c'], 'create',
                               'posix')
        self.send()
        self.assertEqual(
            ['a', 'op'],
            [args['operation_id'] for name, args in self.heard(heard, 3)
             if name == 'queued'])

    def test_older_form_that_an_older_worker_understands(self):
        self.worker('new', '1.1')
        self.worker('old', '1.0')
        heard = self.listen('1.0')
        self.send()
        self.assertEqual([('cancelled', {'operation_id': 'op'}),
                          ('queued', {'operation_id': 'op'})],
                         self.heard(heard, 2))

    def test_what_has_no_form_old_enough_is_not_sent(self):
        self.worker('old', '1.0')
        heard = self.listen('1.0')
        forms = dict(rpc.FORMS, operation_queued=rpc.FORMS[
            'operation_queued'][:1])
        with mock.patch.object(rpc, 'FORMS', forms):
            self.send()
        self.assertEqual([('cancelled', {'operation_id': 'op'})],
                         self.heard(heard, 1))

    def test_nothing_is_sent_to_another_world(self):
        self.conf.set_override('worker', '2.0', 'upgrade_levels')
        with mock.patch.object(rpc.LOG, 'debug') as said:
            self.send()
        self.assertEqual(2, said.call_count)

    def test_worker_looks_only_where_it_may_know_what_to_do(self):
        calls = []
        worker = types.SimpleNamespace(
            capabilities=capabilities.Capabilities({'posix': base.Driver()}),
            wake=lambda: calls.append('wake'),
            look_after=lambda id_: calls.append(id_))
        endpoint = rpc._Endpoint(worker)
        for args, count in ((('create', 'posix'), 1), ((), 1),
                            (('share_create', None), 1),
                            (('create', 'tape'), 0),
                            (('backup_praise', 'posix'), 0)):
            endpoint.operation_queued({}, 'op', *args)
            self.assertEqual(['wake'] * count, calls, args)
            calls.clear()


class Everything(base.TestCase):
    """All that this release's API asks for, its workers can do: also what
    stands in the options."""

    def setUp(self):
        super().setUp()
        self.able = capabilities.Capabilities({'first': base.Driver(),
                                               'second': base.Driver()})
        self.kinds = set()

    def check(self):
        row = self.operation()
        self.assertTrue(self.able.can_do(row), row)
        self.kinds.add(row.kind)

    def test_that_is_asked_for(self):
        share = self.admission.shares.create(
            base.MEMBER, {'size': 1, 'share_proto': 'NFS'})
        self.check()
        share = self.share(path='/somewhere')
        self.admission.snapshots.create(base.MEMBER, share.id)
        self.check()
        self.finish_all()
        self.admission.shares.delete(base.MEMBER, self.share().id)
        self.check()
        backup = self.admission.backups.create(
            base.MEMBER, self.share().id, options={
                'backup_type': 'second', 'speed': 'fast'})
        self.check()
        self.finish_all()
        for table, id_ in ((models.share_backups, backup.id),
                           (models.shares, backup.share_id)):
            self.database.write(statuses.put, table, id_,
                                {'status': 'available'})
        self.admission.backups.restore(base.MEMBER, backup.id)
        self.check()
        self.finish_all()
        self.database.write(statuses.put, models.share_backups, backup.id,
                            {'status': 'available'})
        self.admission.backups.delete(base.MEMBER, backup.id)
        self.check()
        self.assertEqual({'share_create', 'snapshot_create', 'share_delete',
                          'create', 'restore', 'delete'}, self.kinds)

    def test_a_driver_that_went_away(self):
        self.admission.backups.create(base.MEMBER, self.share().id)
        self.assertFalse(capabilities.Capabilities(
            {'second': base.Driver()}).can_do(self.operation()))
