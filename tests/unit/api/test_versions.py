# SPDX-License-Identifier: Apache-2.0
"""Version documents, microversions, request ids and health."""

import re
from unittest import mock

from oslotest import base as test_base

from manila_backup.api import faults
from manila_backup.api import microversions
from tests.unit.api import base

PATH = '/v2/share-backups'


class TestDocuments(base.ApiTest):

    def test_documents(self):
        for path, code in (('/', 300), ('', 300), ('/v2', 200),
                           ('/v2/', 200)):
            answer = self.call('GET', path or '/', token=None, version=None,
                               code=code)
            version, = answer.json['versions']
            self.assertEqual(
                ('v2.0', 'CURRENT', '2.0', '2.91'),
                tuple(version[key] for key in ('id', 'status', 'min_version',
                                               'version')))
            self.assertEqual([{'rel': 'self',
                               'href': 'http://localhost/v2/'}],
                             version['links'])

    def test_behind_a_public_url(self):
        self.api.conf.set_override('public_url', 'https://c/x', group='api')
        version, = self.call('GET', '/v2').json['versions']
        self.assertEqual('https://c/x/v2/', version['links'][0]['href'])

    def test_methods(self):
        self.assertEqual(b'', self.call('HEAD', '/', code=300).body)
        answer = self.call('POST', '/v2', {})
        self.assert_fault(answer, 405, 'badMethod')
        self.assertEqual('GET, HEAD', answer.headers['Allow'])


class TestMicroversions(base.ApiTest):

    def _get(self, code, **headers):
        return self.call('GET', PATH, version=None, code=code, headers={
            name.replace('_', '-'): value
            for name, value in headers.items()})

    def test_either_header(self):
        for headers in (
                {'X_OpenStack_Manila_API_Version': '2.80'},
                {'OpenStack_API_Version': 'shared-file-system 2.80'},
                {'OpenStack_API_Version': 'compute 2.1, '
                                          'shared-file-system 2.80'},
                {'OpenStack_API_Version': 'sharev2 2.80'},
                {'X_OpenStack_Manila_API_Version': '2.80',
                 'OpenStack_API_Version': 'shared-file-system 2.80'}):
            answer = self._get(200, **headers)
            self.assertEqual('2.80', answer.headers[
                'X-OpenStack-Manila-API-Version'])
            self.assertEqual('shared-file-system 2.80', answer.headers[
                'OpenStack-API-Version'])
            self.assertEqual('X-OpenStack-Manila-API-Version, '
                             'OpenStack-API-Version', answer.headers['Vary'])

    def test_latest(self):
        for headers in ({'X_OpenStack_Manila_API_Version': 'latest'},
                        {'OpenStack_API_Version':
                         'shared-file-system latest'}):
            answer = self._get(200, **headers)
            self.assertEqual('2.91', answer.headers[
                'X-OpenStack-Manila-API-Version'])

    def test_default(self):
        for headers in ({}, {'OpenStack_API_Version': 'compute 2.1'}):
            answer = self._get(404, **headers)
            self.assertEqual('2.0', answer.headers[
                'X-OpenStack-Manila-API-Version'])

    def test_unsupported(self):
        for text in ('2.92', '1.0', '3.0', '2.9999'):
            answer = self._get(406, X_OpenStack_Manila_API_Version=text)
            self.assertEqual(
                ('2.0', '2.91'),
                (answer.json['notAcceptable']['min_version'],
                 answer.json['notAcceptable']['max_version']))

    def test_malformed(self):
        for text in ('2', '2.', 'x', '2.x', '2.80.1', '', '-2.80', '2.80 x',
                     '٢.٨٠', '2.99999'):
            self._get(400, X_OpenStack_Manila_API_Version=text.encode(
                ).decode('latin-1'))
        self._get(400, OpenStack_API_Version='shared-file-system')
        self._get(400, OpenStack_API_Version='shared-file-system 2')

    def test_contradiction(self):
        self._get(400, X_OpenStack_Manila_API_Version='2.80',
                  OpenStack_API_Version='shared-file-system 2.81')

    def test_experimental(self):
        for version, value in (('2.80', 'True'), ('2.91', 'false')):
            answer = self.call('GET', PATH, version=version, code=200,
                               headers={'X-OpenStack-Manila-API-Experimental':
                                        value})
            self.assertIn('X-OpenStack-Manila-API-Experimental',
                          answer.headers)

    def test_faults_tell_their_version_too(self):
        answer = self.call('GET', f'{PATH}/x', code=404)
        self.assertEqual('2.91', answer.headers[
            'X-OpenStack-Manila-API-Version'])

    def test_backups_begin_at_2_80(self):
        for path, method in ((PATH, 'GET'), (PATH, 'POST'),
                             (f'{PATH}/detail', 'GET'),
                             (f'{PATH}/x/action', 'POST')):
            answer = self.call(method, path, version='2.79')
            self.assert_fault(answer, 404, 'itemNotFound')


class TestMicroversionsBesideManila(base.ApiTest):

    OPTIONS = {'shares__source': 'manila'}

    def _version(self, asked):
        return self.call('GET', PATH, version=asked, code=200).headers[
            'X-OpenStack-Manila-API-Version']

    def test_newer_than_this_service(self):
        for asked in ('2.91', '2.92', '2.9999'):
            self.assertEqual(asked, self._version(asked))
        self.assertEqual('2.91', self._version('latest'))

    def test_unsupported(self):
        for asked in ('1.99', '3.0'):
            self.call('GET', PATH, version=asked, code=406)


class TestRequestIds(base.ApiTest):

    FORM = re.compile('req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}')

    def test_every_answer_has_its_own(self):
        seen = {self.call('GET', path, version=version).headers[
            'x-openstack-request-id'] for path, version in (
                (PATH, None), ('/x', None), ('/', None),
                ('/healthcheck', None), (PATH, 'x'), (PATH, '2.92'))}
        self.assertEqual(6, len(seen))
        for each in seen:
            self.assertRegex(each, self.FORM)

    def test_of_the_caller(self):
        sent = 'req-11111111-2222-3333-4444-555555555555'
        seen = []
        with mock.patch.object(
                self.api.admission.backups, 'create',
                side_effect=lambda context, *args, **kwargs:
                seen.append(context) or self.fail('enough')):
            for each in (sent, 'req-1', sent + 'x'):
                self.call('POST', PATH, {'share_backup': {
                    'share_id': sent[4:]}},
                    headers={'X-OpenStack-Request-Id': each})
        self.assertEqual([sent, None, None],
                         [each.global_request_id for each in seen])


class TestHealth(base.ApiTest):

    def test_well(self):
        answer = self.call('GET', '/healthcheck', token=None, code=200)
        self.assertIn('database: OK', answer.text)
        self.assertIn('bus: OK', answer.text)

    def test_database_is_away(self):
        with mock.patch.object(self.api.database, 'reader',
                               side_effect=OSError('secret')):
            answer = self.call('GET', '/healthcheck', token=None, code=503)
        self.assertIn('database: can', answer.text)
        self.assertNotIn('secret', answer.text)

    def test_bus_is_away(self):
        self.api.conf.set_override('transport_url',
                                   'rabbit://u:p@127.0.0.1:1/')
        answer = self.call('GET', '/healthcheck', token=None, code=503)
        self.assertIn('bus: can', answer.text)

    def test_as_json(self):
        answer = self.call('GET', '/healthcheck', token=None, code=200,
                           headers={'Accept': 'application/json'})
        self.assertEqual(2, len(answer.json['reasons']))


class TestFunctions(test_base.BaseTestCase):

    def test_to_string(self):
        self.assertEqual('2.80', microversions.to_string((2, 80)))

    def test_faults_have_reasons(self):
        for code in faults.KEYS:
            self.assertIn(code, faults.REASONS)
