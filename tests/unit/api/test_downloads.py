# SPDX-License-Identifier: Apache-2.0
"""The content of files as the API sends it; workers are stood in for."""

from unittest import mock

import webob

from manila_backup.bus import questions
from tests.unit.api import base

DIGEST = 'sha256:' + '0' * 64


class Download:
    """As :class:`manila_backup.requests.downloads.Download`."""

    def __init__(self, data):
        self.data = data
        self.size = len(data)
        self.digest = DIGEST
        self.asked = []
        self.is_closed = False

    def pieces(self, start, end):
        self.asked.append((start, end))
        for at in range(start, end, 4):
            if self.data[at:at + 1] == b'!':
                raise questions.Refused('It is damaged.')
            yield self.data[at:min(at + 4, end)]

    def close(self):
        self.is_closed = True


class TestContent(base.ApiTest):

    def setUp(self):
        super().setUp()
        self.backup_id = self.make_backup()

    def ask(self, data, method='GET', **headers):
        """Ask for a file's content.

        :returns: (response, the download).
        """
        download = Download(data)
        request = webob.Request.blank(
            f'/v2/share-backups/{self.backup_id}/files/content?path=a/b',
            method=method, headers={
                'X-Auth-Token': base.MEMBER,
                'OpenStack-API-Version':
                'shared-file-system 2.91, shared-file-system-backup 1.2',
                **headers})
        with mock.patch.object(self.api.admission.files, 'download',
                               return_value=download):
            response = request.get_response(self.api.app)
        return response, download

    def test_all_of_it(self):
        response, download = self.ask(b'0123456789')
        self.assertEqual(200, response.status_code)
        self.assertEqual((b'0123456789', '10', f'"{DIGEST}"'), (
            b''.join(response.app_iter), response.headers['Content-Length'],
            response.headers['ETag']))
        self.assertFalse(download.is_closed)
        response.app_iter.close()
        self.assertTrue(download.is_closed)

    def test_a_range(self):
        response, _ = self.ask(b'0123456789', Range='bytes=3-7')
        self.assertEqual((206, b'34567', 'bytes 3-7/10'), (
            response.status_code, response.body,
            response.headers['Content-Range']))

    def test_the_head_alone(self):
        """Nothing of the file is read, nor sent."""
        response, download = self.ask(b'0123456789', 'HEAD')
        self.assertEqual((200, '10', [], True), (
            response.status_code, response.headers['Content-Length'],
            download.asked, download.is_closed))
        self.assertEqual([b''], list(response.app_iter))

    def test_a_range_behind_the_end(self):
        response, download = self.ask(b'0123456789', Range='bytes=10-')
        self.assert_fault(response, 416, 'rangeNotSatisfiable', '10 bytes')
        self.assertEqual('bytes */10', response.headers['Content-Range'])
        self.assertTrue(download.is_closed)

    def test_what_is_damaged_at_once(self):
        response, download = self.ask(b'!')
        self.assert_fault(response, 409, 'conflictingRequest', 'damaged')
        self.assertTrue(download.is_closed)
