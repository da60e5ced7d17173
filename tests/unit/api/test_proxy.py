# SPDX-License-Identifier: Apache-2.0
"""Behind proxies, and from other web sites' pages."""

from tests.unit.api import base

KEYSTONE = ('[keystone_authtoken]\n'
            'auth_type = password\n'
            'auth_url = http://127.0.0.1:1/\n'
            'www_authenticate_uri = http://127.0.0.1:1/\n')

FORWARDED = {'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'c.example',
             'X-Forwarded-Prefix': '/backup'}


class TestProxy(base.ApiTest):

    OPTIONS = {'auth_strategy': 'keystone', 'text': KEYSTONE + (
        '[oslo_middleware]\nenable_proxy_headers_parsing = True\n')}

    def test_links(self):
        version, = self.call('GET', '/v2/', token=None,
                             headers=FORWARDED).json['versions']
        self.assertEqual('https://c.example/backup/v2/',
                         version['links'][0]['href'])


class TestNoProxy(base.ApiTest):

    OPTIONS = {'auth_strategy': 'keystone', 'text': KEYSTONE}

    def test_headers_are_not_believed(self):
        version, = self.call('GET', '/v2/', token=None,
                             headers=FORWARDED).json['versions']
        self.assertEqual('http://localhost/v2/', version['links'][0]['href'])

    def test_no_cors(self):
        answer = self.call('GET', '/v2/', token=None,
                           headers={'Origin': 'https://ui.example'})
        self.assertNotIn('Access-Control-Allow-Origin', answer.headers)


class TestCors(base.ApiTest):

    OPTIONS = {'auth_strategy': 'keystone', 'text': KEYSTONE + (
        '[cors]\nallowed_origin = https://ui.example\n')}

    def test_allowed_origin(self):
        answer = self.call('GET', '/v2/', token=None,
                           headers={'Origin': 'https://ui.example'})
        self.assertEqual('https://ui.example',
                         answer.headers['Access-Control-Allow-Origin'])
