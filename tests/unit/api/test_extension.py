# SPDX-License-Identifier: Apache-2.0
"""The version of the extension that a request asks for, and operations and
actions that only it has."""

from unittest import mock

from manila_backup.api import extension
from manila_backup.api import handlers
from manila_backup.api import microversions
from manila_backup.api import openapi
from manila_backup.api import operation
from manila_backup.api.schemas import responses
from manila_backup.api.schemas import types
from manila_backup.api import validation
from tests.unit.api import base

BACKUPS = '/v2/share-backups'
PATH = '/v2/share-backup-things'
HEADER = 'OpenStack-API-Version'
ENTRY = 'shared-file-system-backup'


NEWEST = microversions.to_string(extension.MAX)

#: The version after it.
AFTER = (extension.MAX[0], extension.MAX[1] + 1)
LATER = microversions.to_string(AFTER)


@operation.operation(None, extension=(1, 0))
def index(req):
    """Things."""
    return 200, {'things': list(req.extension)}


def act(req, document):
    """Do what the body names."""
    return 200, {'things': [*document]}


def _action(name, since):
    return operation.Operation(
        act, None, (2, 0), None, since, None,
        validation.Schema(types.obj({name: types.NOTHING}, [name])))


ROUTES = {
    '/share-backup-things': {'GET': index},
    '/share-backup-things/action': {'POST': operation.Actions({
        'first': _action('first', (1, 0)),
        'later': _action('later', AFTER)})},
    '/share-backup-later': {'GET': operation.Operation(
        index.function, None, (2, 0), None, AFTER, None, None)},
}

ANSWER = 200, {'type': 'object', 'required': ['things']}


class TestExtension(base.ApiTest):

    def setUp(self):
        table = handlers.routes
        for patch in (
                mock.patch.object(handlers, 'routes',
                                  lambda conf: {**table(conf), **ROUTES}),
                mock.patch.dict(responses.ANSWERS, {
                    f'test_extension.{name}': ANSWER
                    for name in ('index', 'first', 'later')})):
            patch.start()
            self.addCleanup(patch.stop)
        super().setUp()

    def _call(self, method, path, asked, body=None, **kwargs):
        return self.call(method, path, body, headers={HEADER: asked},
                         **kwargs)

    def test_version_that_is_used_is_told(self):
        for version, asked, told in (
                (None, f'{ENTRY} 1.0', f'shared-file-system 2.0, {ENTRY} 1.0'),
                ('2.80', f'{ENTRY} latest',
                 f'shared-file-system 2.80, {ENTRY} {NEWEST}'),
                (None, f'shared-file-system 2.91, {ENTRY} 1.0',
                 f'shared-file-system 2.91, {ENTRY} 1.0'),
                (None, f' {ENTRY.upper()}  1.0 ,compute 2.1',
                 f'shared-file-system 2.0, {ENTRY} 1.0'),
                ('2.91', 'compute 2.1', 'shared-file-system 2.91')):
            answer = self._call('GET', '/v2/shares', asked, version=version,
                                code=200)
            self.assertEqual(told, answer.headers[HEADER])
            self.assertIn(HEADER, answer.headers['Vary'])

    def test_refused_versions(self):
        for asked, code, key in (
                (LATER, 406, 'notAcceptable'), ('0.9', 406, 'notAcceptable'),
                ('2.91', 406, 'notAcceptable'), ('', 400, 'badRequest'),
                ('1', 400, 'badRequest'), ('x', 400, 'badRequest'),
                ('1.0.0', 400, 'badRequest'), ('1.0 x', 400, 'badRequest'),
                (f'1.0, {ENTRY} 1.0', 400, 'badRequest')):
            answer = self._call('GET', BACKUPS, f'{ENTRY} {asked}')
            self.assert_fault(answer, code, key, ENTRY)
            self.assertIn(HEADER, answer.headers['Vary'])
            if code == 406:
                self.assertEqual(
                    ('1.0', NEWEST),
                    (answer.json[key]['min_version'],
                     answer.json[key]['max_version']))

    def test_operations_that_only_it_has(self):
        for path in (PATH, f'/v2/p1{PATH[3:]}'):
            answer = self._call('GET', path, f'{ENTRY} 1.0', code=200)
            self.assertEqual([1, 0], answer.json['things'])
            self._call('POST', path, f'{ENTRY} 1.0', {}, code=405)
            for method in ('GET', 'POST', 'PUT'):
                self.assert_fault(self.call(method, path), 404,
                                  'itemNotFound', HEADER, f'{ENTRY} 1.0')

    def test_operations_that_a_later_version_has(self):
        for method in ('GET', 'POST'):
            self.assert_fault(
                self._call(method, '/v2/share-backup-later',
                           f'{ENTRY} latest'),
                404, 'itemNotFound', HEADER, f'{ENTRY} {LATER}')

    def test_actions_that_only_it_has(self):
        path, first, later = f'{PATH}/action', {'first': None}, {'later': None}
        self._call('POST', path, f'{ENTRY} 1.0', first, code=200)
        self.assert_fault(self._call('POST', path, f'{ENTRY} 1.0', later),
                          400, 'badRequest', 'later')
        self.assert_fault(self.call('POST', path, first), 404,
                          'itemNotFound', HEADER, f'{ENTRY} 1.0')

    def test_document_of_the_versions(self):
        for path, code in (('/', 300), ('/v2/', 200)):
            plain, = self.call('GET', path, code=code).json['versions']
            told, = self._call('GET', path, f'{ENTRY} 9.x',
                               code=code).json['versions']
            self.assertEqual({'name': ENTRY, 'min_version': '1.0',
                              'version': NEWEST}, told.pop('extension'))
            self.assertEqual(plain, told)

    def test_description_of_the_api(self):
        document = self.call('GET', openapi.PATH, code=200).json
        described = document['paths'][PATH]['get']
        self.assertEqual('1.0', described['x-openstack']['extension'])
        self.assertIn({'$ref': '#/components/parameters/ExtensionFrom1.0'},
                      described['parameters'])
        parameter = document['components']['parameters']['ExtensionFrom1.0']
        self.assertEqual(
            [f'{ENTRY} latest',
             *(f'{ENTRY} 1.{minor}' for minor in range(AFTER[1]))],
            parameter['schema']['enum'])
        plain = document['paths'][BACKUPS]['get']
        self.assertNotIn('extension', plain['x-openstack'])

    def test_history_ends_with_the_newest_version(self):
        versions = [line.split()[1] for line in
                    extension.__doc__.splitlines() if line.startswith('* ')]
        major, last = extension.MAX
        self.assertEqual([f'{major}.{minor}' for minor in range(last + 1)],
                         versions)
