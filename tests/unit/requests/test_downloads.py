# SPDX-License-Identifier: Apache-2.0

import base64
import types
import unittest
from unittest import mock

from manila_backup.bus import questions
from manila_backup.contents import digests
from manila_backup import exception
from manila_backup.requests import downloads

BACKUP = types.SimpleNamespace(id='b', share_id='s', project_id='p',
                               backup_type='posix')


def _context(project_id='p'):
    return types.SimpleNamespace(project_id=project_id)


class Worker:
    """Stands in for what asks workers."""

    def __init__(self, data, digest=None):
        self.data = data
        self.digest = digest
        self.asked = []
        self.failures = []

    def ask_one(self, context, driver, question, *, host, **arguments):
        self.asked.append((question, host, arguments.get('offset')))
        if question == 'open_file':
            return {'size': len(self.data), 'digest': self.digest,
                    'is_checked': True}, 'h1'
        if self.failures:
            raise self.failures.pop()
        offset, length = arguments['offset'], arguments['length']
        return {'data': base64.b64encode(
            self.data[offset:offset + length]).decode()}, host or 'h2'


class TestDownloads(unittest.TestCase):

    def setUp(self):
        super().setUp()
        for module, name, value in ((questions, 'PIECE', 4),
                                    (downloads, '_PAUSE', 0)):
            patched = mock.patch.object(module, name, value)
            patched.start()
            self.addCleanup(patched.stop)

    def open(self, worker, threads=8, project_id='p'):
        conf = types.SimpleNamespace(api=types.SimpleNamespace(
            threads=threads, max_download=1, question_timeout=10))
        self.downloads = downloads.Downloads(conf, worker)
        return self.again(project_id)

    def again(self, project_id='p'):
        found = self.downloads.open(_context(project_id), BACKUP, 'a')
        self.addCleanup(found.close)
        return found

    def test_pieces(self):
        worker = Worker(b'0123456789')
        found = self.open(worker)
        self.assertEqual([b'0123', b'4567', b'89'],
                         list(found.pieces(0, 10)))
        self.assertEqual([b'123', ], list(found.pieces(1, 4)))
        self.assertEqual([], list(found.pieces(3, 3)))
        self.assertIn(('read_file', 'h1', 8), worker.asked)

    def test_the_last_piece_waits_for_the_digest(self):
        running = digests.Running()
        running.update(b'0123456789')
        digest = running.text()
        found = self.open(Worker(b'0123456789', digest))
        self.assertEqual(b'0123456789', b''.join(found.pieces(0, 10)))
        found.close()
        pieces = self.open(Worker(b'0123456780', digest)).pieces(0, 10)
        self.assertEqual([b'0123', b'4567'], [next(pieces), next(pieces)])
        with self.assertRaises(questions.Refused):
            next(pieces)

    def test_a_worker_that_goes_away(self):
        worker = Worker(b'01234567')
        found = self.open(worker)
        worker.failures = [questions.Unanswered('x')] * 2
        self.assertEqual(b'01234567', b''.join(found.pieces(0, 8)))
        self.assertIn(('read_file', None, 0), worker.asked)
        self.assertIn(('read_file', 'h2', 4), worker.asked)

    def test_a_file_that_got_shorter(self):
        worker = Worker(b'01234567')
        found = self.open(worker)
        worker.data = b'0123'
        with self.assertRaises(questions.Refused):
            list(found.pieces(0, 8))

    def test_too_large(self):
        worker = Worker(bytes((1 << 20) + 1))
        for _ in range(3):
            # Nothing keeps its place.
            with self.assertRaises(exception.Forbidden):
                self.open(worker)

    def test_places(self):
        found = self.open(Worker(b'x'))
        with self.assertRaises(exception.Unavailable):
            self.again()
        self.again('other')
        with self.assertRaises(exception.Unavailable):
            self.again('third')
        found.close()
        found.close()
        self.again('third')

    def test_one_place(self):
        found = self.open(Worker(b'x'), threads=1)
        with self.assertRaises(exception.Unavailable):
            self.again('other')
        found.close()
        self.again('other')
