# SPDX-License-Identifier: Apache-2.0
"""Parts of the client's plug-in that need no service."""

import io
import types
from unittest import mock

from manila_backup_client import api
from manila_backup_client import calendars
from manila_backup_client import columns
from manila_backup_client import policies
from manila_backup_client import progress
from manila_backup_client import warnings
from manilaclient import exceptions
from osc_lib import exceptions as osc_exceptions
import testtools


class ColumnsTestCase(testtools.TestCase):

    def test_sizes(self):
        for size, text in ((None, ''), (0, '0 B'), (1023, '1023 B'),
                           (1536, '1.5 KiB'), (5 << 30, '5.0 GiB'),
                           (3 << 50, '3072.0 TiB')):
            self.assertEqual(text, columns.Size(size).human_readable())
            self.assertEqual(size, columns.Size(size).machine_readable())

    def test_row(self):
        row = columns.row({'id': 'x', 'bytes_per_second': 2048,
                           'queued_at': '2026-01-02T03:04:05.678901'},
                          ('id', 'bytes_per_second', 'queued_at', 'other'))
        self.assertEqual(['x', '2.0 KiB/s', '2026-01-02 03:04:05', ''],
                         [value.human_readable() for value in row])

    def test_heading(self):
        self.assertEqual('Backup ID', columns.heading('backup_id'))


class ProgressTestCase(testtools.TestCase):

    def wait(self, stream):
        looks = iter([(False, 0), (False, None), (True, 100)])
        with mock.patch.object(progress.time, 'sleep'):
            progress.wait(lambda: next(looks), 'restore', stream)
        return stream.getvalue()

    def test_on_a_terminal(self):
        stream = io.StringIO()
        stream.isatty = lambda: True
        said = self.wait(stream)
        self.assertIn(f'\rrestore [{" " * 40}]   0 %', said)
        self.assertTrue(said.endswith(f'[{"#" * 40}] 100 %\n'))

    def test_elsewhere(self):
        self.assertEqual('', self.wait(io.StringIO()))


class ApiTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.http = mock.Mock()
        self.api = api.Api(types.SimpleNamespace(
            client=self.http, api_version=types.SimpleNamespace(
                get_string=lambda: '2.91')))

    def test_request(self):
        self.http.get.return_value = None, {'some': [1]}
        self.assertEqual([1], self.api.get('/path', 'some', a='b c', d=None))
        self.http.get.assert_called_once_with('/path?a=b+c', headers={
            'OpenStack-API-Version':
            'shared-file-system 2.91, shared-file-system-backup 1.0'})

    def test_plain_manila(self):
        self.http.get.side_effect = exceptions.NotFound(404)
        self.assertRaisesRegex(
            osc_exceptions.CommandError, 'This cloud has no',
            self.api.get, api.OPERATIONS, 'share_backup_operations', limit=1)
        self.assertRaises(exceptions.NotFound, self.api.get,
                          f'{api.OPERATIONS}/x', 'share_backup_operation')


class WarningsTestCase(testtools.TestCase):

    def test_what_is_not_listed(self):
        whole = {'warnings': [{'number': 7}]}
        for count, last, said in (
                (None, {'warnings': []}, 'not known'),
                (9, whole, 'no room to record 2 of 9'),
                (9, {**whole, 'warnings_links': []}, 'their number is 9'),
                (9, {'warnings': []}, 'their number is 9')):
            self.assertRegex(warnings.what_lacks(count, last), said)


class PoliciesTestCase(testtools.TestCase):

    def test_what_is_kept(self):
        self.assertEqual({'daily': 7, 'within': 2 * 86400, 'last': 0},
                         policies._numbers(['daily=7', 'within=2d',
                                            'last=0']))
        for wrong in ('daily', 'daily=', 'often=3', 'daily=-1', 'daily=2d',
                      'within=1y'):
            self.assertRaises(osc_exceptions.CommandError,
                              policies._numbers, [wrong])

    def test_calendar(self):
        backups = [
            {'due_at': f'2026-03-{day:02}T23:30:00.000000', 'keep': keep,
             'rules': [{'rule': rule, 'period': None} for rule in rules]}
            for day, keep, rules in (
                (27, False, ['daily']), (28, True, ['daily', 'weekly']),
                (31, True, ['newest']))]
        lines = calendars.draw(
            [*backups, {'due_at': None, 'keep': True, 'rules': []}],
            'Europe/Berlin')
        text = '\n'.join(lines)
        self.assertIn('March 2026', text)
        # In Berlin each is of the next day.
        self.assertIn('-28-', text)
        self.assertIn('[29]DW', text)
        self.assertIn('April 2026', text)
        self.assertIn('[1]+', text)
        self.assertNotIn('[27]', text)
        self.assertTrue(all(len(line) <= 79 for line in lines))
