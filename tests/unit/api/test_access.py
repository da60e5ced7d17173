# SPDX-License-Identifier: Apache-2.0
"""The log of requests."""

import logging

import fixtures
import testtools
import webob

from manila_backup.api import access


class LogTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(
            access.__name__, level=logging.INFO))

    def _ask(self, path, **kwargs):
        def app(environ, start_response):
            return webob.Response(status=202, body=b'four')(
                environ, start_response)

        return webob.Request.blank(path, **kwargs).send(access.Log(app))

    def test_a_line(self):
        answer = self._ask('/v2/share-backups?limit=1', method='POST',
                           remote_addr='192.0.2.7')
        self.assertEqual(b'four', answer.body)
        self.assertRegex(self.log.output, (
            r'^192\.0\.2\.7 "POST /v2/share-backups\?limit=1" 202, 4 bytes, '
            r'\d+\.\d{3} s\n$'))

    def test_a_path_makes_one_line(self):
        self._ask('/v2/%0a%22x%e2%80%a8')
        self.assertIn('"GET /v2/%0A%22x%E2%80%A8" 202', self.log.output)

    def test_probes(self):
        self._ask('/healthcheck')
        self.assertEqual('', self.log.output)
