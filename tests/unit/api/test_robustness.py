# SPDX-License-Identifier: Apache-2.0
"""Answers in good form, whatever comes in."""

import io
import itertools
import json
from unittest import mock
import uuid

from oslo_db import exception as db_exc
from sqlalchemy import exc as sa_exc
import webob

from manila_backup.api import handlers
from manila_backup.api import microversions
from manila_backup.api import operation
from manila_backup.db import backups
from tests.unit.api import base


def operations(table):
    """Everything that can be called: (method, path, operation, action's
    name or None)."""
    for path, methods in table.items():
        for method, handler in methods.items():
            if isinstance(handler, operation.Actions):
                for name, action in handler.actions.items():
                    yield method, path, action, name
            else:
                yield method, path, handler, None


#: Asks for all that there is.
EXTENSION = {'OpenStack-API-Version': 'shared-file-system-backup latest'}


class TestRoutes(base.ApiTest):

    def _declared(self):
        found = list(operations(handlers.routes(self.api.conf)))
        self.assertGreater(len(found), 30)
        return found

    def _path(self, path):
        for name in ('backup_id', 'share_id', 'share_type_id',
                     'location_id', 'snapshot_id', 'access_id',
                     'operation_id'):
            path = path.replace(f'{{{name}}}', str(uuid.uuid4()))
        return '/v2' + path.replace('{project_id}', 'p9').replace(
            '{key}', 'k')

    def test_stranger_may_nothing(self):
        with mock.patch('manila_backup.api.auth.noauth.roles_of',
                        return_value=['stranger']):
            for method, path, each, action in self._declared():
                self.assertIsNotNone(each.rule, path)
                version = microversions.to_string(
                    each.until or microversions.MAX)
                body = {action: None} if action else None
                response = self.call(method, self._path(path), body,
                                     's:p9', version, EXTENSION)
                self.assert_fault(response, 403, 'forbidden', each.rule)

    def test_administrator_may_everything(self):
        for method, path, each, action in self._declared():
            version = microversions.to_string(
                each.until or microversions.MAX)
            body = {action: None} if action else None
            response = self.call(method, self._path(path), body, base.ADMIN,
                                 version, EXTENSION)
            self.assertIn(response.status_code,
                          (200, 202, 204, 400, 404, 422),
                          path)

    def test_every_operation_says_what_it_does(self):
        for _method, path, each, _action in self._declared():
            self.assertTrue(each.__doc__, path)

    def test_other_methods(self):
        for path, methods in handlers.routes(self.api.conf).items():
            for method in ('GET', 'POST', 'PUT', 'DELETE', 'PATCH',
                           'OPTIONS', 'BREW'):
                if method in methods:
                    continue
                response = self.call(method, self._path(path),
                                     headers=EXTENSION)
                self.assert_fault(response, 405, 'badMethod')
                allowed = set(response.headers['Allow'].split(', '))
                self.assertEqual(set(methods), allowed - {'HEAD'})

    def test_head(self):
        response = self.call('HEAD', '/v2/share-backups', code=200)
        self.assertEqual(b'', response.body)
        self.assertEqual('21', response.headers['Content-Length'])

    def test_unknown_paths(self):
        for path in ('/x', '/v1/shares', '/v2/x', '/v2/x/y', '/v2/p1',
                     '/v2/p1/', '/v2/p1/x', '/v2/share-backups/a/b/c',
                     '/v3', '/v2x', '/v2//', '/%F0%9F%90%8D',
                     '/v2/share-backups/detail/x'):
            self.assert_fault(self.call('GET', path), 404, 'itemNotFound')

    def test_path_that_is_not_utf8(self):
        for path in ('/v2/%ff', '/v2/share-backups/%ff',
                     '/v2/share-backups/a%00b'):
            self.assert_fault(self.call('GET', path), 400, 'badRequest')

    def test_paths_with_a_project(self):
        for path in ('/v2/share-backups', '/v2/share-backups/',
                     '/v2/p1/share-backups', '/v2/p1/share-backups/detail',
                     '/v2/p1/shares/detail'):
            self.call('GET', path, code=200)
        self.assert_fault(self.call('GET', '/v2/p2/share-backups'),
                          400, 'badRequest', 'Malformed request URL')


class TestBodies(base.ApiTest):

    PATH = '/v2/share-backups'

    def test_malformed(self):
        for raw in (b'{', b'x', b'\xff', b'\xef\xbb\xbf{}', b'{"a": NaN}',
                    b'{"a": Infinity}', b'[' * 50000, b'{"a":' * 20000,
                    b'"\\u12"', b'1' * 5000, b'\x00', b'{} {}'):
            response = self.call('POST', self.PATH, raw=raw)
            self.assertIn(response.status_code, (400, 422), raw[:20])

    def test_deep_but_valid(self):
        for depth in (50, 500, 900, 20000):
            raw = b'{"share_backup": {"share_id": %s1%s}}' % (
                b'[' * depth, b']' * depth)
            self.call('POST', self.PATH, raw=raw, code=400)

    def test_text_that_no_database_takes(self):
        share_id = self.make_share()
        for name in ('a\0b', '\ud800', 'x\udc00', '\0'):
            for body in ({'share_id': share_id, 'name': name},
                         {'share_id': share_id, name: 'x'},
                         {'share_id': share_id,
                          'backup_options': {name: 'x'}}):
                self.call('POST', self.PATH, {'share_backup': body},
                          code=400)
        self.call('POST', self.PATH, {'share_backup': {
            'share_id': share_id, 'name': '\U0001f600\\u0000'}}, code=202)

    def test_too_large(self):
        limit = self.api.conf.api.max_request_body_size
        for size, code in ((limit + 1, 413), (limit, 422)):
            raw = json.dumps({'x': ''}).encode()
            raw = raw[:-2] + b'y' * (size - len(raw)) + raw[-2:]
            self.assertEqual(size, len(raw))
            response = self.call('POST', self.PATH, raw=raw)
            self.assertEqual(code, response.status_code)
        self.assertEqual(['unprocessableEntity'], list(response.json))

    def test_too_large_without_a_length(self):
        limit = self.api.conf.api.max_request_body_size
        for size, code in ((limit + 1, 413), (10, 400)):
            environ = webob.Request.blank(self.PATH).environ
            environ.update({
                'REQUEST_METHOD': 'POST', 'wsgi.input_terminated': True,
                'HTTP_X_OPENSTACK_MANILA_API_VERSION': base.LATEST,
                'CONTENT_TYPE': 'application/json',
                'wsgi.input': io.BytesIO(b'x' * size)})
            environ.pop('CONTENT_LENGTH', None)
            response = webob.Request(environ).get_response(self.api.app)
            self.assertEqual(code, response.status_code)

    def test_content_types(self):
        for kind, code in (
                ('text/plain', 415), ('application/xml', 415),
                ('application/x-www-form-urlencoded', 415),
                ('application/json', 422), (None, 422), ('', 422),
                ('Application/JSON; charset=utf-8', 422)):
            response = self.call('POST', self.PATH, {'x': 1},
                                 headers={'Content-Type': kind})
            self.assertEqual(code, response.status_code, kind)

    def test_anything_at_all(self):
        """Every path with every kind of JSON: never a 5xx."""
        values = (None, True, 0, -1, 1e308, '', 'x', [], [{}], {}, {'a': {}},
                  {'share_backup': {'share_id': {}}},
                  {'share': {'size': [], 'share_proto': {}}},
                  {'restore': {'a': 1}}, {'reset_status': []},
                  {'metadata': []}, {'extend': {'new_size': {}}})
        ids = {'{backup_id}': self.make_backup(),
               '{share_id}': self.make_share(), '{project_id}': 'admin',
               '{share_type_id}': str(uuid.uuid4()), '{key}': 'k',
               '{location_id}': str(uuid.uuid4()),
               '{snapshot_id}': str(uuid.uuid4()),
               '{access_id}': str(uuid.uuid4())}
        table = handlers.routes(self.api.conf)
        for path, value in itertools.product(table, values):
            for method in table[path]:
                url = '/v2' + path
                for name, id_ in ids.items():
                    url = url.replace(name, id_)
                if method == 'DELETE':
                    continue
                response = self.call(method, url, value, base.ADMIN)
                self.assertLess(response.status_code, 500, (url, value))


class TestFailures(base.ApiTest):

    def _get(self, error):
        with mock.patch.object(backups, 'list_page', side_effect=error):
            return self.call('GET', '/v2/share-backups')

    def test_database_is_away(self):
        for error in (db_exc.DBConnectionError('pw'),
                      db_exc.DBDeadlock('pw'), sa_exc.TimeoutError('pw')):
            with mock.patch.object(self.api.database, 'read',
                                   side_effect=error):
                response = self.call('GET', '/v2/share-backups')
            self.assert_fault(response, 503, 'serviceUnavailable')
            self.assertEqual('5', response.headers['Retry-After'])
            self.assertNotIn('pw', response.text)

    def test_unexpected(self):
        response = self._get(RuntimeError('secret'))
        self.assert_fault(response, 500, 'computeFault')
        self.assertNotIn('secret', response.text)

    def test_refused_by_a_constraint(self):
        for refusal in (db_exc.DBDuplicateEntry(), db_exc.DBReferenceError(
                'shares', 'constraint', 'key', 'key_table')):
            with mock.patch.object(self.api.admission.share_types, 'create',
                                   side_effect=refusal):
                response = self.call('POST', '/v2/types', {'share_type': {
                    'name': 'x', 'extra_specs': {
                        'driver_handles_share_servers': False}}}, base.ADMIN)
            self.assert_fault(response, 409, 'conflictingRequest')
