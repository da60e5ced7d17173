# SPDX-License-Identifier: Apache-2.0
"""One endpoint for two services: the example of a proxy."""

import json
import urllib.error
import urllib.request
import uuid

import testtools

from tests.functional import cloud
from tests.manila import base
from tests.manila import proxy

GONE = '11111111-2222-4333-8444-555555555555'


class TestProxy(base.TestCase):

    def ask(self, path, method='GET', body=None, root=False, **headers):
        """Send a request to the proxy, as alice.

        :param root: True for a path that is not below ``/v2``.
        :returns: (int: code, headers, body).
        """
        url = self.service.url
        request = urllib.request.Request(
            (url.removesuffix('/v2') if root else url) + path, body,
            {'X-Auth-Token': self.manila.token('alice'),
             'Content-Type': 'application/json',
             'X-OpenStack-Manila-API-Version': '2.91',
             **{name.replace('_', '-'): value
                for name, value in headers.items()}}, method=method)
        try:
            with urllib.request.urlopen(
                    request, timeout=cloud.PATIENCE) as found:
                return found.status, found.headers, found.read()
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code, exc.headers, exc.read()

    def answered_by(self, path, **kwargs):
        """The port of the service that a request went to."""
        marker = f'marker={uuid.uuid4().hex}'
        self.ask(f'{path}{"&" if "?" in path else "?"}{marker}', **kwargs)
        return self.service.proxy.passed_on(marker)[0]

    def test_share_backups_are_this_service(self):
        project = self.manila.keystone.project_id('alice')
        backup = self.service.cloud.port
        for prefix in ('', f'/{project}'):
            for path, kwargs in (
                    ('', {}), ('/', {}), ('/detail', {}), ('?limit=1', {}),
                    (f'/{GONE}', {}), (f'/{GONE}', {'method': 'DELETE'}),
                    (f'/{GONE}/action', {'method': 'POST', 'body': b'{}'})):
                self.assertEqual(backup, self.answered_by(
                    f'{prefix}/share-backups{path}', **kwargs), path)
            for path in ('operations', f'operations/{GONE}',
                         'usage?group_by=share'):
                self.assertEqual(backup, self.answered_by(
                    f'{prefix}/share-backup-{path}'), path)

    def test_all_else_is_manila(self):
        project = self.manila.keystone.project_id('alice')
        for path in ('', '/', f'/{project}/shares', '/shares/detail',
                     '/shares/share-backups', '/share-backups-of-mine',
                     '/share-backup', '/share-backup-',
                     '/shares/share-backup-operations',
                     f'/{project}/shares/share-backups', '/types',
                     '/snapshots?name=share-backups'):
            self.assertEqual(self.manila.port, self.answered_by(path), path)
        for path in ('/', '/healthcheck', '/v1/share-backups'):
            self.assertEqual(self.manila.port,
                             self.answered_by(path, root=True), path)

    def test_version_documents(self):
        for path, code in (('/', 300), ('/v2/', 200)):
            found, _, body = self.ask(path, root=True)
            version, = json.loads(body)['versions']
            self.assertEqual(code, found)
            self.assertEqual(f'{self.service.url}/',
                             version['links'][-1]['href'])
            # Manila's, which is further on than this service.
            self.assertGreater(version['version'], '2.91')

    def test_links(self):
        share = self.manila.create_share()
        for headers in ({}, {'X_Forwarded_Host': 'evil.example',
                             'X_Forwarded_Proto': 'https',
                             'X_Forwarded_Prefix': '/evil',
                             'Forwarded': 'host=evil.example;proto=https'}):
            _, _, body = self.ask(f'/shares/{share["id"]}', **headers)
            links = json.loads(body)['share']['links']
            self.assertEqual(
                [self.service.url.removesuffix('/v2')] * len(links),
                [link['href'].partition('/v2/')[0]
                 .partition('/shares/')[0] for link in links])

    def test_large_body(self):
        for path in ('/shares', '/share-backups'):
            code, _, _ = self.ask(path, 'POST', b'x' * 200000)
            self.assertEqual(413, code)

    def test_client_negotiates(self):
        """It takes the newest version that Manila and it know, and that is
        newer than what this service does."""
        self.assertEqual([], self.service.openstack(
            'share', 'backup', 'list', '--limit', '77', '-f', 'json'))
        port, version = self.service.proxy.passed_on('limit=77')
        self.assertEqual(self.service.cloud.port, port)
        self.assertGreater(version, '2.91')


class TestAbsentService(testtools.TestCase):

    def test_says_so_as_the_services_would(self):
        absent = self.useFixture(proxy.Proxy(
            cloud.free_port(), cloud.free_port(), cloud.free_port()))
        for path in ('/shares', '/share-backups'):
            exc = self.assertRaises(
                urllib.error.HTTPError, urllib.request.urlopen,
                absent.url + path, timeout=cloud.PATIENCE)
            with exc:
                self.assertEqual(503, exc.code)
                self.assertEqual('5', exc.headers['Retry-After'])
                fault = json.loads(exc.read())['serviceUnavailable']
            self.assertEqual(503, fault['code'])
