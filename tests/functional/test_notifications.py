# SPDX-License-Identifier: Apache-2.0
"""What is told on the bus of share backups."""

import json
import os
import uuid

import amqp
import kombu

from tests.functional import base
from tests.functional import cloud

TOPIC = f'test-{uuid.uuid4()}'


class NotificationsTestCase(base.TestCase):

    options = {'oslo_messaging_notifications__driver': 'messagingv2',
               'oslo_messaging_notifications__topics': TOPIC}

    def setUp(self):
        super().setUp()
        self.bus = kombu.Connection(
            cloud.RABBITMQ.replace('rabbit://', 'amqp://'))
        self.addCleanup(self.bus.release)
        self.channel = self.bus.channel()
        for level in ('info', 'error'):
            self.addCleanup(lambda level=level: self.channel.queue_delete(
                f'{TOPIC}.{level}'))
        self.cloud.start()

    def _next(self, level):
        """The next notification: (its event, its payload)."""
        message = cloud.eventually('a notification',
                                   lambda: self._get(f'{TOPIC}.{level}'))
        body = json.loads(json.loads(message.body)['oslo.message'])
        self.assertEqual('share_backup.here', body['publisher_id'])
        return body['event_type'], body['payload']

    def _get(self, queue):
        try:
            return self.channel.basic_get(queue, no_ack=True)
        except amqp.NotFound:
            # Whoever notifies first makes it. The error closed the channel.
            self.channel = self.bus.channel()
            return None

    def test_life_cycle(self):
        share = self.cloud.create_share()
        self.fill(self.cloud.share_path(share['id']), 2, 10)
        backup = self.cloud.create_backup(share['id'])['id']
        self.cloud.wait_backup(backup, 'available')
        path = f'/share-backups/{backup}'
        self.cloud.ask(202, 'POST', f'{path}/action', {'restore': None})
        self.cloud.wait_share(share['id'], 'available')
        self.cloud.wait_backup(backup, 'available')
        self.cloud.ask(202, 'DELETE', path)
        self.cloud.wait_backup(backup, None)
        for kind in ('create', 'restore', 'delete'):
            for phase in ('start', 'end'):
                event, payload = self._next('info')
                self.assertEqual(f'share_backup.{kind}.{phase}', event)
                self.assertEqual(
                    (backup, share['id'], 'p1', 'demo', 1),
                    tuple(payload[name] for name in (
                        'backup_id', 'share_id', 'tenant_id', 'user_id',
                        'attempt')))

    def test_error(self):
        self.cloud.tolerate = 'attempt [0-9]+ failed'
        share = self.cloud.create_share()
        os.rmdir(self.cloud.share_path(share['id']))
        backup = self.cloud.create_backup(share['id'])['id']
        self.cloud.wait_backup(backup, 'error')
        self.assertEqual('share_backup.create.start', self._next('info')[0])
        event, payload = self._next('error')
        self.assertEqual('share_backup.create.error', event)
        self.assertEqual(backup, payload['backup_id'])
        self.assertTrue(payload['fail_reason'])
