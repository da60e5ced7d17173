# SPDX-License-Identifier: Apache-2.0
"""Notifications about share backups on the bus."""

import datetime
import json
import os
import uuid

import amqp
import kombu

from tests.functional import base
from tests.functional import cloud


class ListeningTestCase(base.TestCase):
    """A cloud whose notifications can be read."""

    options = {'oslo_messaging_notifications__driver': 'messagingv2'}

    def setUp(self):
        # Of this test alone: what a worker tells while it ends would be the
        # next test's.
        self.topic = f'test-{uuid.uuid4()}'
        self.options = {**self.options,
                        'oslo_messaging_notifications__topics': self.topic}
        self.bus = kombu.Connection(
            cloud.RABBITMQ.replace('rabbit://', 'amqp://'))
        self.addCleanup(self.bus.release)
        self.channel = self.bus.channel()
        # Once the workers have ended, who would make them again.
        for level in ('info', 'warn', 'error'):
            self.addCleanup(lambda level=level: self.channel.queue_delete(
                f'{self.topic}.{level}'))
        super().setUp()
        self.prepare()
        self.worker = self.cloud.start()

    def prepare(self):
        """Prepare what the service needs before it starts."""

    def next_message(self, level='info'):
        """The next notification, as a dict."""
        message = cloud.eventually('a notification',
                                   lambda: self._get(f'{self.topic}.{level}'))
        body = json.loads(json.loads(message.body)['oslo.message'])
        self.assertEqual('share_backup.here', body['publisher_id'])
        return body

    def next_event(self, level='info'):
        """The next notification: (its event, its payload)."""
        body = self.next_message(level)
        return body['event_type'], body['payload']

    def _get(self, queue):
        try:
            return self.channel.basic_get(queue, no_ack=True)
        except amqp.NotFound:
            # Whoever notifies first makes it. The error closed the channel.
            self.channel = self.bus.channel()
            return None


class NotificationsMySQL(ListeningTestCase):

    def test_life_cycle(self):
        share = self.cloud.create_share()
        self.fill(self.cloud.share_path(share['id']), 2, 10)
        backup = self.cloud.create_backup(share['id'], name='monday')['id']
        self.cloud.wait_backup(backup, 'available')
        path = f'/share-backups/{backup}'
        self.cloud.ask(202, 'POST', f'{path}/action', {'restore': None})
        self.cloud.wait_share(share['id'], 'available')
        self.cloud.wait_backup(backup, 'available')
        self.cloud.ask(202, 'DELETE', path)
        self.cloud.wait_backup(backup, None)
        for kind, before, after in (
                ('create', 'creating', 'available'),
                ('restore', 'restoring', 'available'),
                ('delete', 'deleting', 'deleted')):
            self._started(kind, before, share['id'], backup)
            self._ended(kind, after, share['id'], backup)

    def _common(self, event, status, share_id, backup_id):
        found, payload = self.next_event()
        self.assertEqual(event, found)
        self.assertEqual(
            (backup_id, share_id, share_id, 'p1', 'demo', 1, 'monday',
             'posix', 1, status),
            tuple(payload[name] for name in (
                'backup_id', 'share_id', 'backup_share_id', 'tenant_id',
                'user_id', 'attempt', 'name', 'backup_type', 'size',
                'status')))
        times = [payload[name] for name in (
            'created_at', 'queued_at', 'started_at') if payload[name]]
        self.assertEqual(sorted(times), times)
        return payload

    def _started(self, kind, status, *ids):
        payload = self._common(f'share_backup.{kind}.start', status, *ids)
        self.assertEqual((None, None), (payload['finished_at'],
                                        payload['duration']))

    def _ended(self, kind, status, *ids):
        payload = self._common(f'share_backup.{kind}.end', status, *ids)
        self.assertLess(0, payload['duration'])
        self.assertLess(payload['started_at'], payload['finished_at'])
        measured = {each['name']: each['value']
                    for each in payload['metrics']}
        self.assertEqual(
            (1, 1, payload['duration']),
            tuple(measured[name] for name in (
                'share.backup', 'share.backup.size',
                f'share.backup.{kind}.duration')))
        if kind == 'create':
            self.assertEqual(20, payload['bytes_done'])

    def test_audit(self):
        share = self.cloud.create_share()
        self.fill(self.cloud.share_path(share['id']), 2, 10)
        kept, gone = [self._made(share['id']) for _number in range(2)]
        self.cloud.ask(202, 'DELETE', f'/share-backups/{gone}')
        self.cloud.wait_backup(gone, None)
        self._drain(6)
        now = datetime.datetime.now(datetime.timezone.utc)
        begin = (now - datetime.timedelta(hours=1)).isoformat()
        end = (now + datetime.timedelta(hours=1)).isoformat()
        said = self.cloud.manage('usage', 'audit', '--begin', begin, '--end',
                                 end, '--send-actions')
        self.assertIn('2 backups from ', said)
        events = [self.next_event() for _number in range(8)]
        self.assertEqual(
            [(event, kept) for event in ('exists', 'create.start',
                                         'create.end')]
            + [(event, gone) for event in (
                'exists', 'create.start', 'create.end', 'delete.start',
                'delete.end')],
            [(event.removeprefix('share_backup.'), payload['backup_id'])
             for event, payload in events])
        self.assertEqual([None, 'deleted'], [
            payload['deleted_at'] and payload['status']
            for event, payload in events if event == 'share_backup.exists'])
        self.assertIn('0 backups from ', self.cloud.manage('usage', 'audit'))

    def _made(self, share_id):
        backup = self.cloud.create_backup(share_id)['id']
        self.cloud.wait_backup(backup, 'available')
        self.cloud.wait_share(share_id, 'available')
        return backup

    def _drain(self, count):
        for _number in range(count):
            self.next_event()

    def test_cancelled_before_any_worker_has_it(self):
        share = self.cloud.create_share()
        self.worker.stop()
        self.cloud.tolerate = cloud.NO_WORKER
        for action, status in (
                ({'cancel': None}, 'error'),
                ({'reset_status': {'status': 'available'}}, 'available')):
            backup = self.cloud.create_backup(share['id'], name='x')['id']
            self.cloud.ask(
                202, 'POST', f'/share-backups/{backup}/action', action,
                token='admin:p1', headers={
                    'OpenStack-API-Version':
                    'shared-file-system 2.91, shared-file-system-backup 1.0'})
            event, payload = self.next_event()
            self.assertEqual('share_backup.create.cancelled', event)
            self.assertEqual(
                (backup, 'p1', status, 0, None, None), tuple(
                    payload[name] for name in (
                        'backup_id', 'tenant_id', 'status', 'attempt',
                        'started_at', 'duration')))
            self.assertIsNotNone(payload['finished_at'])

    def test_error(self):
        self.cloud.tolerate = 'attempt [0-9]+ failed'
        share = self.cloud.create_share()
        os.rmdir(self.cloud.share_path(share['id']))
        backup = self.cloud.create_backup(share['id'])['id']
        self.cloud.wait_backup(backup, 'error')
        self.assertEqual('share_backup.create.start', self.next_event()[0])
        event, payload = self.next_event('error')
        self.assertEqual('share_backup.create.error', event)
        self.assertEqual((backup, 'error'), (payload['backup_id'],
                                             payload['status']))
        self.assertTrue(payload['fail_reason'])
        self.assertTrue(payload['status_code'])


class NotificationsPostgreSQL(NotificationsMySQL):

    server = 'postgresql'


class NobodyIsTold(base.TestCase):

    def test_audit(self):
        self.assertRaisesRegex(
            AssertionError, 'set .oslo_messaging_notifications. driver',
            self.cloud.manage, 'usage', 'audit')
        self.assertRaisesRegex(
            AssertionError, 'given together', self.cloud.manage, 'usage',
            'audit', '--begin', '2026-01-01')
