# SPDX-License-Identifier: Apache-2.0
"""Pages of other origins that ``[cors]`` lets use the API."""

import os

import bcrypt
import fixtures
import webob

from manila_backup.conf import auth
from tests.unit.api import base

PATH = '/v2/share-backups'
ORIGIN = 'https://dashboard.example'
OTHER = 'https://evil.example'


class CorsCase(base.ApiTest):
    """Requirements, whoever identifies the caller."""

    STRATEGY = {}
    CREDENTIALS = {}

    def setUp(self):
        self.OPTIONS = {
            'text': f'[cors]\nallowed_origin = {ORIGIN}\n{self.text()}',
            **self.STRATEGY}
        super().setUp()

    def text(self):
        return ''

    def preflight(self, origin, path=PATH):
        # Not by call(): the API's description has no such method.
        return webob.Request.blank(path, method='OPTIONS', headers={
            'Origin': origin, 'Access-Control-Request-Method': 'POST',
            'Access-Control-Request-Headers':
                'authorization, x-auth-token, content-type, '
                'x-openstack-manila-api-version',
        }).get_response(self.api.app)

    def _test_preflight(self):
        for path in (PATH, '/v2/', '/v2/share-backups/x/action'):
            answer = self.preflight(ORIGIN, path)
            self.assertEqual(200, answer.status_code, answer.text)
            self.assertEqual(
                ORIGIN, answer.headers['Access-Control-Allow-Origin'])
            self.assertEqual(
                'POST', answer.headers['Access-Control-Allow-Methods'])
            allowed = answer.headers['Access-Control-Allow-Headers'].lower()
            for name in ('authorization', 'x-auth-token', 'content-type',
                         'x-openstack-manila-api-version'):
                self.assertIn(name, allowed)

    def _test_another_origins_preflight(self):
        self.assertNotIn('Access-Control-Allow-Origin',
                         self.preflight(OTHER).headers)

    def _test_request(self, refused):
        answer = self.call('GET', PATH, token=None, code=200, headers={
            'Origin': ORIGIN, **self.CREDENTIALS})
        self.assertEqual(ORIGIN,
                         answer.headers['Access-Control-Allow-Origin'])
        self.assertIn('x-openstack-request-id', answer.headers[
            'Access-Control-Expose-Headers'].lower())
        # A page is to learn why it was refused, too.
        answer = self.call('GET', PATH, headers={'Origin': ORIGIN, **refused},
                           token=None)
        self.assertIn(answer.status_code, (401, 403))
        self.assertEqual(ORIGIN,
                         answer.headers['Access-Control-Allow-Origin'])


class TestNoAuth(CorsCase):

    def test_preflight(self):
        self._test_preflight()

    def test_another_origins_preflight(self):
        self._test_another_origins_preflight()

    def test_request(self):
        self._test_request({'Via': '1.1 proxy'})

    def test_another_origins_request(self):
        answer = self.call('GET', PATH, headers={'Origin': OTHER}, code=403)
        self.assertNotIn('Access-Control-Allow-Origin', answer.headers)

    def test_a_wildcard_is_for_those_who_authenticate(self):
        self.api.conf.set_override('allowed_origin', ['*'], group='cors')
        for origin in (OTHER, '*'):
            self.call('GET', PATH, headers={'Origin': origin}, code=403)


class TestHttpBasic(CorsCase):

    # ann:pw
    CREDENTIALS = {'Authorization': 'Basic YW5uOnB3'}

    def setUp(self):
        folder = self.useFixture(fixtures.TempDir()).path
        hashed = bcrypt.hashpw(b'pw', bcrypt.gensalt(4)).decode()
        self.STRATEGY = {'auth_strategy': 'http_basic'}
        for option, content in (
                ('user_file', f'ann:{hashed}\n'),
                ('role_file', 'ann: {project: p, roles: [member]}\n')):
            path = os.path.join(folder, option)
            with open(path, 'w') as file:
                file.write(content)
            self.STRATEGY[f'{auth.GROUP}__{option}'] = path
        super().setUp()

    def test_preflight(self):
        self._test_preflight()

    def test_another_origins_preflight(self):
        self._test_another_origins_preflight()

    def test_request(self):
        self._test_request({})


class TestKeystone(CorsCase):

    STRATEGY = {'auth_strategy': 'keystone'}

    def text(self):
        return ('[keystone_authtoken]\nauth_type = password\n'
                'auth_url = http://127.0.0.1:1/\n'
                'www_authenticate_uri = http://127.0.0.1:1/\n')

    def test_preflight(self):
        self._test_preflight()

    def test_another_origins_preflight(self):
        self._test_another_origins_preflight()
