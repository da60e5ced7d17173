# SPDX-License-Identifier: Apache-2.0
"""The API's description of itself. That answers are as it says, every test of
the API makes sure of: see :mod:`tests.unit.api.described`."""

import json
import re
import types as types_

import jsonschema
import openapi_spec_validator
import webob

from manila_backup.api import faults
from manila_backup.api import handlers
from manila_backup.api import openapi
from manila_backup.api import operation
from manila_backup.api.schemas import components
from manila_backup.api.schemas import responses
from manila_backup.api.schemas import shares
from manila_backup.api.schemas import types
from manila_backup.api import validation
from tests.unit.api import base

ID = '11111111-1111-4111-8111-111111111111'


def _everything(value):
    """All dicts in a document."""
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from _everything(each)
    elif isinstance(value, list):
        for each in value:
            yield from _everything(each)


class TestDocument(base.ApiTest):

    def setUp(self):
        super().setUp()
        self.document = self.call('GET', openapi.PATH, token=None,
                                  version=None, code=200).json
        self.operations = {
            (method.upper(), path): each
            for path, item in self.document['paths'].items()
            for method, each in item.items() if method != 'parameters'}

    def test_is_valid(self):
        openapi_spec_validator.validate(self.document)

    def test_has_every_route_and_no_other(self):
        declared = {
            (method, f'/v2{path}')
            for path, methods in handlers.routes(self.api.conf).items()
            for method in methods}
        public = {('GET', path) for path in (
            '/', '/v2/', '/healthcheck', openapi.PATH)}
        self.assertEqual(declared | public, set(self.operations))
        for method, path in public:
            self.assertEqual([], self.operations[method, path]['security'])

    def test_has_every_action(self):
        for path, methods in handlers.routes(self.api.conf).items():
            for method, each in methods.items():
                if not isinstance(each, operation.Actions):
                    continue
                body = self.operations[method, f'/v2{path}']['requestBody']
                schema = body['content']['application/json']['schema']
                self.assertEqual(list(each.actions), [
                    one['title'] for one in schema.get('anyOf', [schema])])

    def test_every_answer_belongs_to_an_operation(self):
        known = set()
        for methods in handlers.routes(self.api.conf).values():
            for each in methods.values():
                name = openapi.name_of(each)
                if isinstance(each, operation.Actions):
                    known |= {f'{name.partition(".")[0]}.{action}'
                              for action in each.actions}
                else:
                    known.add(name)
        self.assertEqual(known, set(responses.ANSWERS))

    def test_names_are_unique(self):
        names = [each['operationId'] for each in self.operations.values()]
        self.assertEqual(len(names), len(set(names)))
        self.assertIn('share_backups.create', names)

    def test_bodies_are_what_is_checked(self):
        for path, methods in handlers.routes(self.api.conf).items():
            for method, each in methods.items():
                body = getattr(each, 'body', None)
                if not isinstance(body, validation.Schema):
                    continue
                described = self.operations[method, f'/v2{path}']
                self.assertEqual(
                    body.schema, described['requestBody']['content'][
                        'application/json']['schema'])

    def test_query_parameters(self):
        found = {parameter['name']: parameter['schema']
                 for parameter in self.operations[
                     'GET', '/v2/share-backups']['parameters']
                 if parameter.get('in') == 'query'}
        self.assertEqual('integer', found['limit']['type'])
        self.assertIn('restoring', found['status']['enum'])
        self.assertIn('name~', found)

    def test_query_parameters_of_the_extension(self):
        """They may hold anything, as they are ignored without it."""
        found = {parameter['name']: parameter
                 for parameter in self.operations[
                     'GET', '/v2/share-backups']['parameters']
                 if 'x-openstack' in parameter}
        self.assertEqual({'type': 'string'}, found['result']['schema'])
        told = found['result']['x-openstack']
        self.assertEqual('1.0', told['extension'])
        self.assertIn('incomplete', told['schema']['enum'])
        self.call('GET', '/v2/share-backups?result=AAA&created_since=x',
                  code=200)

    def test_versions(self):
        parameters = self.document['components']['parameters']
        since = parameters['VersionFrom2.80']
        self.assertTrue(since['required'])
        self.assertEqual(['latest', '2.80'], since['schema']['enum'][:2])
        self.assertEqual('2.91', since['schema']['enum'][-1])
        self.assertFalse(parameters['VersionFrom2.0']['required'])
        self.assertEqual(
            {'min-ver': '2.80', 'policy': 'share_backup:create'},
            self.operations['POST', '/v2/share-backups']['x-openstack'])

    def test_both_bodies_of_a_restore(self):
        schema = self.operations[
            'POST', '/v2/share-backups/{backup_id}/action'][
                'requestBody']['content']['application/json']['schema']
        restore = schema['anyOf'][0]
        self.assertEqual('restore', restore['title'])
        self.assertEqual(3, len(restore['anyOf']))

    def test_codes(self):
        create = self.operations['POST', '/v2/share-backups']['responses']
        self.assertEqual({'202', '400', '401', '403', '404', '406', '409',
                          '413', '415', '422', '500', '503'}, set(create))
        show = self.operations[
            'GET', '/v2/share-backups/{backup_id}']['responses']
        self.assertEqual({'200', '400', '401', '403', '404', '406', '500',
                          '503'}, set(show))

    def test_faults_are_those_that_are_sent(self):
        for code in faults.KEYS:
            more = ({'min_version': '2.0', 'max_version': '2.91'}
                    if code == 406 else {})
            body = faults.Fault(code, 'No.', **more).body
            jsonschema.validate(
                json.loads(body),
                components.COMPONENTS[components.fault_name(code)])

    def test_patterns_are_those_of_ecma_262(self):
        patterns = [each['pattern'] for each in _everything(self.document)
                    if isinstance(each.get('pattern'), str)]
        self.assertTrue(patterns)
        for pattern in patterns:
            self.assertNotRegex(pattern, r'\\[AZz]|\(\?[aiLmsux#P]')

    def test_is_only_read(self):
        for method in ('POST', 'PUT', 'DELETE', 'OPTIONS'):
            answer = self.call(method, openapi.PATH)
            self.assert_fault(answer, 405, 'badMethod')
            self.assertEqual('GET, HEAD', answer.headers['Allow'])
        self.assertEqual(b'', self.call('HEAD', openapi.PATH).body)

    def test_server(self):
        described = openapi.Description(
            types_.SimpleNamespace(conf=self.api.conf), {})
        answer = webob.Request.blank(openapi.PATH, headers={
            'Host': 'a"b.example:1'}).get_response(described)
        self.assertEqual([{'url': 'http://a"b.example:1'}],
                         answer.json['servers'])
        self.api.conf.set_override('public_url', 'https://x.example/b/',
                                   'api')
        self.assertEqual([{'url': 'https://x.example/b'}],
                         self.call('GET', openapi.PATH).json['servers'])

    def test_security(self):
        table = handlers.routes(self.api.conf)
        for strategy, expected in (
                ('noauth', [{'token': []}, {}]),
                ('keystone', [{'token': []}]),
                ('http_basic', [{'basic': []}])):
            document = openapi.document(table, strategy)
            openapi_spec_validator.validate(document)
            self.assertEqual(expected, document['security'])


class TestWithoutShares(base.ApiTest):

    OPTIONS = {'shares__source': 'manila'}

    def test_only_what_is_offered(self):
        paths = self.call('GET', openapi.PATH).json['paths']
        self.assertIn('/v2/share-backups', paths)
        self.assertIn('/v2/share-backup-quotas/{project_id}', paths)
        self.assertNotIn('/v2/shares', paths)
        self.assertNotIn('/v2/quota-sets/{project_id}', paths)


class TestPatterns(base.ApiTest):
    """Patterns, which refuse a line feed at the end."""

    def _refused(self, schema, good, *bad):
        validator = jsonschema.Draft202012Validator(schema)
        validator.validate(good)
        for each in bad:
            self.assertFalse(validator.is_valid(each), each)

    def test_uuid(self):
        self._refused(types.UUID, ID, ID + '\n', ID + '\n\n', '\n' + ID,
                      ID + ' ', ID[:-1], 'x' + ID)

    def test_size(self):
        self._refused(types.SIZE, '12', '12\n', '0', '1\n2', '١', '-1', '')

    def test_protocol(self):
        protocol = shares.CREATE.schema[
            'properties']['share']['properties']['share_proto']
        for name in shares.PROTOCOLS:
            for good in (name, name.lower(), name.title()):
                self._refused(protocol, good, good + '\n', good + 'x',
                              'x' + good)
        # Python takes these for an s and a k where case is ignored.
        self._refused(protocol, 'nfs', 'nf\u017f')

    def test_over_http(self):
        share = {'size': 1, 'share_proto': 'NFS'}
        for wrong in ({'size': '1\n'}, {'share_proto': 'NFS\n'}):
            self.call('POST', '/v2/shares', {'share': {**share, **wrong}},
                      code=400)
        self.call('POST', '/v2/share-backups', {'share_backup': {
            'share_id': self.make_share() + '\n'}}, code=400)

    def test_end_in_both_dialects(self):
        # What follows $ in ECMA-262 is nothing: so must it be in Python.
        self.assertTrue(re.search('a' + types.END, 'a'))
        self.assertFalse(re.search('a' + types.END, 'a\n'))
