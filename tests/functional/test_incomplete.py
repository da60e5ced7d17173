# SPDX-License-Identifier: Apache-2.0
"""Backups that lack a file, as their owners see them."""

import contextlib
import json
import os
import re
import subprocess
import sys
import uuid

import amqp
import kombu

from tests.functional import base
from tests.functional import cloud
from tests.functional import test_observability

TOPIC = f'test-{uuid.uuid4()}'

# Writes to all of a file, one letter after the other, without a pause.
_WRITER = '''
import os, sys

fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
number = 0
while True:
    os.pwrite(fd, bytes([65 + number % 26]) * (16 << 20), 0)
    number += 1
    if number == 3:
        print("writing", flush=True)
'''

#: Asks for what Manila does not have.
EXTENSION = {'OpenStack-API-Version': 'shared-file-system 2.91, '
                                      'shared-file-system-backup 1.0'}


class IncompleteTestCase(base.TestCase):

    options = {'oslo_messaging_notifications__driver': 'messagingv2',
               'oslo_messaging_notifications__topics': TOPIC,
               'metrics__enabled': True, 'metrics__worker_bind_port': 0,
               'local_shares__point_in_time': 'live'}

    def setUp(self):
        super().setUp()
        self.worker = self.cloud.start()
        self.share_id = self.cloud.create_share()['id']
        self.path = self.cloud.share_path(self.share_id)
        self.fill(self.path, 4, 5000)
        self.write_to(os.path.join(self.path, 'd1', 'base.db'))

    def write_to(self, path):
        """Have a file written to all the time, as a database's is."""
        writer = subprocess.Popen(
            [sys.executable, '-c', _WRITER, path], stdout=subprocess.PIPE)
        self.addCleanup(writer.wait)
        self.addCleanup(writer.kill)
        with writer.stdout as said:
            self.assertEqual(b'writing\n', said.readline())

    def show(self, backup_id):
        """The backup as its owner sees it."""
        return self.cloud.ask(
            200, 'GET', f'/share-backups/{backup_id}',
            headers=EXTENSION)['share_backup']

    def back_up(self, status):
        """Back the share up; what its owner sees of that."""
        backup_id = self.cloud.create_backup(self.share_id)['id']
        self.cloud.wait_backup(backup_id, status)
        self.cloud.wait_share(self.share_id, 'available')
        return self.show(backup_id)

    def message(self, backup):
        """The number of the only message about a backup."""
        found, = self.cloud.ask(
            200, 'GET', f'/messages?resource_id={backup["id"]}')['messages']
        return found['detail_id']

    def notified(self):
        """The payload of the warning on the bus."""
        def get():
            with contextlib.suppress(amqp.NotFound):
                return bus.channel().basic_get(f'{TOPIC}.warn', no_ack=True)

        with kombu.Connection(cloud.RABBITMQ.replace(
                'rabbit://', 'amqp://')) as bus:
            message = cloud.eventually('the warning', get)
            bus.channel().queue_delete(f'{TOPIC}.warn')
        body = json.loads(json.loads(message.body)['oslo.message'])
        self.assertEqual('share_backup.incomplete', body['event_type'])
        return body['payload']

    def counted(self):
        """What the worker has counted of such backups."""
        port = int(re.search(r':(\d+)/metrics', self.worker.said())[1])
        return test_observability.read(port).get((
            'manila_backup_incomplete_backups_total',
            test_observability.labels(driver='posix')))


class Accepted(IncompleteTestCase):

    def test_it_is_available(self):
        backup = self.back_up('available')
        self.assertEqual(
            ('incomplete', 1, 1, 8, 20_000, 20_000, 'file', 'incomplete',
             'user'),
            tuple(backup[name] for name in (
                'result', 'warning_count', 'missing_count', 'entries',
                'content_bytes', 'stored_bytes', 'point_in_time',
                'status_code', 'requested_by')))
        self.assertLessEqual(backup['taken_at'], backup['completed_at'])
        self.assertEqual('902', self.message(backup))
        payload = self.notified()
        self.assertEqual((backup['id'], 1, 1), (
            payload['backup_id'], payload['missing_count'],
            payload['warning_count']))
        self.assertEqual(1, self.counted())
        found = self.cloud.ask(
            200, 'GET', '/share-backups?result=incomplete',
            headers=EXTENSION)['share_backups']
        self.assertEqual([backup['id']], [each['id'] for each in found])


class Refused(IncompleteTestCase):

    server = 'postgresql'
    options = {**IncompleteTestCase.options, 'backup__incomplete': 'error'}

    def test_it_is_in_error_and_kept(self):
        backup = self.back_up('error')
        self.assertEqual(('incomplete', 'incomplete', 1, '100'),
                         tuple(backup[name] for name in (
                             'result', 'status_code', 'missing_count',
                             'progress')))
        self.assertEqual('907', self.message(backup))
        self.assertEqual(backup['id'], self.notified()['backup_id'])
        self.assertEqual(1, self.counted())
        # What there is of it can be had after all.
        path = f'/share-backups/{backup["id"]}/action'
        self.cloud.ask(202, 'POST', path, {
            'reset_status': {'status': 'available'}}, token='admin:admin')
        self.cloud.ask(202, 'POST', path, {'restore': None})
        self.cloud.wait_share(self.share_id, 'available')
        self.assertEqual('100', self.show(backup['id'])['restore_progress'])
