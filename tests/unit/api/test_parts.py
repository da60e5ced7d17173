# SPDX-License-Identifier: Apache-2.0
"""The parts that need no application around them."""

import gc
import json

import jsonschema
from oslotest import base as test_base

from manila_backup.api import faults
from manila_backup.api import handlers
from manila_backup.api import request
from manila_backup.api.schemas import share_backups
from manila_backup.api.schemas import types
from manila_backup.api import validation
from manila_backup import context
from manila_backup import exception


class TestContext(test_base.BaseTestCase):

    def test_there_and_back(self):
        sent = context.RequestContext(
            user_id='u', project_id='p', roles=['member'], is_admin=True,
            auth_token='secret', global_request_id='req-1')
        values = json.loads(json.dumps(sent.to_dict()))
        self.assertNotIn('secret', str(values))
        found = context.RequestContext.from_dict({**values, 'later': 1})
        for name in ('user_id', 'project_id', 'roles', 'is_admin',
                     'request_id', 'global_request_id'):
            self.assertEqual(getattr(sent, name), getattr(found, name))

    def test_from_environ(self):
        found = context.RequestContext.from_environ({
            'HTTP_X_USER_ID': 'u', 'HTTP_X_PROJECT_ID': 'p',
            'HTTP_X_ROLES': 'member,reader',
            'openstack.request_id': 'req-2',
            'openstack.global_request_id': 'req-1'})
        self.assertEqual(('u', 'p', ['member', 'reader'], 'req-2', 'req-1'), (
            found.user_id, found.project_id, found.roles, found.request_id,
            found.global_request_id))

    def test_policies_can_compare_is_admin(self):
        values = context.admin().to_policy_values()
        self.assertIs(True, values['is_admin'])


class TestFaults(test_base.BaseTestCase):

    def test_codes(self):
        for error, code in (
                (exception.InvalidInput('x'), 400),
                (exception.InvalidState('x'), 400),
                (exception.Unprocessable('x'), 422),
                (exception.NotFound('Share', 'x'), 404),
                (exception.Forbidden('x'), 403),
                (exception.QuotaExceeded('x'), 403),
                (exception.Conflict('x'), 409),
                (exception.ConfigurationError('x'), 500),
                (exception.IllegalTransition('x'), 500),
                (ValueError('x'), 500), (faults.Fault(415, 'x'), 415)):
            found = faults.from_exception(error)
            self.assertEqual(code, found.code)
            body = json.loads(found.body)
            self.assertEqual(code, body[faults.KEYS[code]]['code'])

    def test_unusual_codes_have_a_body_too(self):
        body = json.loads(faults.Fault(431, 'x').body)
        self.assertEqual({'badRequest': {'code': 431, 'message': 'x'}}, body)


class TestDecode(test_base.BaseTestCase):

    def test_decode(self):
        self.assertEqual({'é': ['\U0001f600', '\\u0000']}, request.decode(
            b'{"\xc3\xa9": ["\\ud83d\\ude00", "\\\\u0000"]}'))
        for raw in (b'{"a": "\\u0000"}', b'{"\\u0000": 1}', b'["\\ud800"]',
                    b'[["\\udc00"]]', b'"\x80"', b'', b'nan', b'-Infinity'):
            error = self.assertRaises(faults.Fault, request.decode, raw)
            self.assertEqual(400, error.code)

    def test_uuid(self):
        id_ = '11111111-1111-4111-8111-11111111111a'
        self.assertEqual(id_, request.uuid(id_.upper()))
        for text in ('', 'x', id_ + '\n', id_.replace('-', ''), f'{{{id_}}}',
                     '١' + id_[1:]):
            self.assertRaises(faults.Fault, request.uuid, text)


class TestValidation(test_base.BaseTestCase):

    def test_schemas_are_schemas(self):
        """At its start, a service doesn't look."""
        self.assertTrue(handlers.LOCAL)
        found = [each for each in gc.get_objects()
                 if isinstance(each, validation.Schema)]
        self.assertGreater(len(found), 30)
        for each in found:
            jsonschema.Draft202012Validator.check_schema(each.schema)

    def _message(self, schema, document):
        return self.assertRaises(
            faults.Fault, validation.Schema(schema).check, document).message

    def test_messages_name_the_field(self):
        schema = types.wrapped('thing', {
            'name': types.TEXT, 'size': types.SIZE, 'id': types.UUID,
            'kind': {'enum': ['a', 'b']}, 'options': types.STRINGS},
            ['name'])
        for thing, words in (
                ({}, ['thing', 'name']),
                ({'name': 7}, ['thing.name', 'string', 'null']),
                ({'name': 'x' * 256}, ['thing.name', '255']),
                ({'name': '', 'size': 0}, ['thing.size', '1']),
                ({'name': '', 'size': 'x'}, ['thing.size', 'GiB']),
                ({'name': '', 'id': 'x'}, ['thing.id', 'UUID']),
                ({'name': '', 'kind': 'c'}, ['thing.kind', 'a, b']),
                ({'name': '', 'extra': 1}, ['thing', 'extra', 'options']),
                ({'name': '', 'options': {'a': 1}}, ['thing.options.a',
                                                     'string']),
                ({'name': '', 'options': {'': ''}}, ['thing.options'])):
            message = self._message(schema, {'thing': thing})
            for word in words:
                self.assertIn(word, message)

    def test_unknown_parameters_are_ignored(self):
        self.assertEqual({'limit': 5}, validation.parse(
            share_backups.LIST, {'limit': '5', 'x': 'y'}))

    def test_converters(self):
        for convert, text, value in (
                (types.count, '0', 0), (types.count, '2147483647', 2**31 - 1),
                (types.boolean, 'True', True), (types.boolean, '0', False),
                (types.boolean, True, True),
                (types.one_of('a', 'b'), 'a', 'a')):
            self.assertEqual(value, convert(text))
        for convert, text in (
                (types.count, ''), (types.count, '-1'), (types.count, '+1'),
                (types.count, ' 1'), (types.count, '٣'), (types.count, '1_0'),
                (types.count, '2147483648'), (types.count, '9' * 5000),
                (types.boolean, ''), (types.boolean, 'maybe'),
                (types.one_of('a'), 'A'), (types.text, 'x' * 256),
                (types.uuid, 'x')):
            self.assertRaises(ValueError, convert, text)
