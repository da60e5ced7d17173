# SPDX-License-Identifier: Apache-2.0
"""Shares of the local source, through the whole application."""

import uuid

from manila_backup.db import models
from tests.unit.api import base

PATH = '/v2/shares'

#: What every version shows a member.
KEYS = {'id', 'name', 'description', 'size', 'status', 'share_proto',
        'project_id', 'availability_zone', 'created_at', 'is_public',
        'metadata', 'snapshot_id', 'share_network_id', 'share_type',
        'volume_type', 'links'}


class TestShares(base.ApiTest):

    def _create(self, code=200, token=base.MEMBER, **values):
        body = {'share': {'size': 1, 'share_proto': 'NFS', **values}}
        return self.call('POST', PATH, body, token, code=code)

    def _show(self, share_id, code=200, **kwargs):
        answer = self.call('GET', f'{PATH}/{share_id}', code=code, **kwargs)
        return answer.json['share'] if code == 200 else None

    def _act(self, share_id, body, code=202, token=base.ADMIN, **kwargs):
        return self.call('POST', f'{PATH}/{share_id}/action', body, token,
                         code=code, **kwargs)

    def test_create(self):
        share = self._create(
            share_proto='nfs', description='d', snapshot_id=None, name='n',
            size=2, metadata={'a': 'b'}, is_public=False,
            share_network_id=None, share_type=None,
            availability_zone=None, scheduler_hints={}).json['share']
        self.assertEqual(('creating', 'n', 'd', 2, 'NFS', 'p1', {'a': 'b'}),
                         tuple(share[key] for key in (
                             'status', 'name', 'description', 'size',
                             'share_proto', 'project_id', 'metadata')))
        self.assertEqual('default', share['share_type_name'])
        self.assertIs(True, share['snapshot_support'])
        self.assertNotIn('host', share)

    def test_create_as_clients_write_it(self):
        type_id = self.call('GET', '/v2/types/default').json[
            'share_type']['id']
        share = self._create(size='3', is_public='False',
                             share_type=type_id).json['share']
        self.assertEqual((3, False, type_id), (
            share['size'], share['is_public'], share['share_type']))

    def test_create_with_bad_fields(self):
        for values in ({'size': 0}, {'size': -1}, {'size': None},
                       {'size': 'x'}, {'size': '0'}, {'size': 2 ** 31},
                       {'size': 1.5}, {'size': True}, {'size': '9' * 20},
                       {'share_proto': 'FTP'}, {'share_proto': None},
                       {'share_type': 'none'}, {'name': 'x' * 256},
                       {'metadata': {'': 'x'}}, {'metadata': {'a': 1}},
                       {'metadata': {'a': 'x' * 1024}},
                       {'is_public': 'perhaps'},
                       {'snapshot_id': str(uuid.uuid4())},
                       {'share_network_id': str(uuid.uuid4())},
                       {'colour': 'red'}):
            self._create(code=400, **values)
        self.call('POST', PATH, {}, code=422)

    def test_create_public(self):
        self._create(is_public=True, code=403)
        share_id = self._create(is_public='true',
                                token=base.ADMIN).json['share']['id']
        self.assertEqual('admin', self._show(share_id)['project_id'])
        found = self.call('GET', f'{PATH}?is_public=True').json['shares']
        self.assertEqual([share_id], [each['id'] for each in found])
        self.assertEqual([], self.call('GET', PATH).json['shares'])
        self.call('DELETE', f'{PATH}/{share_id}', code=404)

    def test_keys_by_version(self):
        share_id = self.make_share()
        later = {
            '2.2': 'snapshot_support', '2.5': 'task_state',
            '2.6': 'share_type_name', '2.10': 'access_rules_status',
            '2.11': 'has_replicas', '2.16': 'user_id',
            '2.24': 'create_share_from_snapshot_support',
            '2.27': 'revert_to_snapshot_support',
            '2.31': 'share_group_id', '2.32': 'mount_snapshot_support',
            '2.54': 'progress', '2.69': 'is_soft_deleted',
            '2.80': 'source_backup_id', '2.90': 'encryption_key_ref'}
        for version, key in later.items():
            minor = int(version[2:])
            self.assertIn(key, self._show(share_id, version=version))
            self.assertNotIn(key, self._show(share_id,
                                             version=f'2.{minor - 1}'))
        first = self._show(share_id, version='2.0')
        self.assertEqual(KEYS | {'export_location', 'export_locations'},
                         set(first))
        self.assertEqual('default', first['share_type'])
        self.assertIn(share_id, first['export_location'])
        self.assertNotIn('export_location',
                         self._show(share_id, version='2.9'))

    def test_show_to_administrator(self):
        share = self._show(self.make_share(), token=base.ADMIN)
        self.assertEqual('here@local#local', share['host'])

    def test_other_projects_share_is_not_there(self):
        share_id = self.make_share()
        path = f'{PATH}/{share_id}'
        for method, suffix, body in (
                ('GET', '', None), ('DELETE', '', None),
                ('PUT', '', {'share': {'name': 'mine'}}),
                ('GET', '/export_locations', None),
                ('GET', '/metadata', None),
                ('POST', '/metadata', {'metadata': {}}),
                ('POST', '/action', {'extend': {'new_size': 2}})):
            self.call(method, path + suffix, body, base.OTHER, code=404)

    def test_lists(self):
        ids = [self.make_share(name=name) for name in ('a', 'b_', 'c')]
        brief = self.call('GET', PATH, code=200).json['shares']
        self.assertEqual([{'id', 'name', 'links'}] * 3,
                         [set(each) for each in brief])
        full = self.call('GET', f'{PATH}/detail', code=200).json['shares']
        self.assertEqual(ids[::-1], [each['id'] for each in full])
        for query, names in (
                ('name=a', ['a']), ('name~=_', ['b_']),
                ('status=error', []), ('is_soft_deleted=True', []),
                ('is_soft_deleted=False', ['c', 'b_', 'a']),
                ('share_network_id=x', []), ('limit=1', ['c']),
                ('sort_key=name&sort_dir=asc', ['a', 'b_', 'c']),
                ('sort_key=display_name&sort_dir=desc', ['c', 'b_', 'a']),
                (f'share_type_id={uuid.uuid4()}', []),
                (f'share_type_id={full[0]["share_type"]}',
                 ['c', 'b_', 'a']),
                ('availability_zone=nova&limit=2', ['c', 'b_'])):
            found = self.call('GET', f'{PATH}/detail?{query}', code=200)
            self.assertEqual(names, [each['name'] for each in
                                     found.json['shares']], query)
        for query in ('limit=x', 'sort_key=x', 'status=x', 'is_public=x',
                      'metadata=x', 'metadata=%7B1:2%7D',
                      'metadata=' + '(' * 300, 'share_type_id=x'):
            self.call('GET', f'{PATH}?{query}', code=400)

    def test_every_sort_key(self):
        self.make_share()
        for key in ('id', 'status', 'size', 'host', 'share_proto',
                    'availability_zone_id', 'availability_zone', 'user_id',
                    'project_id', 'created_at', 'updated_at',
                    'share_type_id', 'share_type', 'snapshot_id',
                    'snapshot'):
            self.call('GET', f'{PATH}?sort_key={key}', code=200)

    def test_pages(self):
        for _number in range(3):
            self.make_share()
        answer = self.call('GET', f'{PATH}?limit=2&with_count=True').json
        self.assertEqual(3, answer['count'])
        link = answer['shares_links'][0]['href']
        rest = self.call('GET', link).json
        self.assertEqual(1, len(rest['shares']))
        self.assertNotIn('shares_links', rest)

    def test_list_by_properties(self):
        self.make_share(metadata={'a': 'b'})
        for wanted, count in ((str({'a': 'b'}), 1), (str({'a': 'c'}), 0),
                              (str({}), 1), (str({"a'": '"'}), 0)):
            found = self.call('GET', f'{PATH}?metadata={wanted}', code=200)
            self.assertEqual(count, len(found.json['shares']))

    def test_all_projects(self):
        self.make_share()
        self.make_share(base.OTHER)
        for query, token, count in (
                ('all_tenants=1', base.ADMIN, 2), ('', base.ADMIN, 0),
                ('all_tenants=1', base.MEMBER, 1),
                ('project_id=p2', base.ADMIN, 1),
                ('host=here@local%23local&all_tenants=1', base.ADMIN, 2),
                ('host=x', base.MEMBER, 1)):
            found = self.call('GET', f'{PATH}?{query}', token=token)
            self.assertEqual(count, len(found.json['shares']), query)

    def test_update(self):
        share_id = self.make_share(name='a')
        path = f'{PATH}/{share_id}'
        share = self.call('PUT', path, {'share': {
            'display_name': 'b', 'display_description': 'd'}},
            code=200).json['share']
        self.assertEqual(('b', 'd'), (share['name'], share['description']))
        self.call('PUT', path, {'share': {'is_public': True}}, code=403)
        self.call('PUT', path, {'share': {'is_public': False}}, code=200)
        self.call('PUT', path, {'share': {'size': 7}}, code=400)

    def test_delete(self):
        share_id = self.make_share()
        self.call('DELETE', f'{PATH}/{share_id}?', code=202)
        self.api.work()
        self._show(share_id, code=404)

    def test_delete_with_backups(self):
        share_id = self.make_share()
        self.make_backup(share_id)
        self.call('DELETE', f'{PATH}/{share_id}', code=403)

    def test_manage(self):
        body = {'share': {
            'service_host': 'h', 'share_type': None, 'protocol': 'nfs',
            'export_path': 'h:/srv/a', 'driver_options': {}, 'name': 'n',
            'description': None, 'is_public': False,
            'share_server_id': None}}
        self.call('POST', f'{PATH}/manage', body, code=403)
        share = self.call('POST', f'{PATH}/manage', body, base.ADMIN,
                          code=200).json['share']
        self.assertEqual('manage_starting', share['status'])
        self.call('POST', f'{PATH}/manage', body, base.ADMIN, code=409)
        self.api.work()
        found = self.call('GET', f'{PATH}/{share["id"]}/export_locations',
                          token=base.ADMIN).json['export_locations']
        self.assertEqual(['here:/srv/a'], [each['path'] for each in found])
        self._act(share['id'], {'unmanage': None})
        self._show(share['id'], code=404, token=base.ADMIN)

    def test_manage_what_is_no_path(self):
        for path in ('', 'x', 'h:x', '/', 'h:/', '/a/../b', '/a/', '/a//b',
                     '/' + 'x' * 1300):
            self.call('POST', f'{PATH}/manage', {'share': {
                'protocol': 'NFS', 'export_path': path}}, base.ADMIN,
                code=400)
        self.call('POST', f'{PATH}/manage', {'share': {
            'protocol': 'NFS', 'export_path': '/a',
            'driver_options': {'size': '12'}}}, base.ADMIN, code=200)

    def test_manage_with_mounts(self):
        def manage(path, code, **options):
            return self.call('POST', f'{PATH}/manage', {'share': {
                'protocol': 'NFS', 'export_path': path,
                'driver_options': options}}, base.ADMIN, code=code).json

        for number, wish in enumerate(('true', 'True', True, 1, 'yes')):
            share = manage(f'/a{number}', 200, include_mounts=wish)['share']
            self.assertEqual({'include_mounts': 'true'},
                             share['driver_options'])
        for number, wish in enumerate(('false', False, '0')):
            share = manage(f'/b{number}', 200, include_mounts=wish)['share']
            self.assertEqual({'include_mounts': 'false'},
                             share['driver_options'])
        for wish in ('maybe', '', None, 2, [], 'true\n'):
            said = manage('/c', 400, include_mounts=wish)['badRequest']
            self.assertIn('driver_options.include_mounts', said['message'])
        said = manage('/c', 400, inlude_mounts='true')['badRequest']
        self.assertIn('inlude_mounts', said['message'])
        self.assertIn('Known are include_mounts, size', said['message'])
        # Only administrators see it, and only of what was adopted.
        self.assertNotIn('driver_options', self._show(
            self.make_share(), token=base.ADMIN))
        self.call('PUT', f'{PATH}/{share["id"]}', {
            'share': {'is_public': True}}, base.ADMIN, code=200)
        self.assertNotIn('driver_options', self._show(share['id']))

    def test_actions(self):
        share_id = self.make_share()
        self._act(share_id, {'extend': {'new_size': 3}}, token=base.MEMBER)
        self._act(share_id, {'extend': {'new_size': 2}}, 400)
        self._act(share_id, {'shrink': {'new_size': '2'}})
        self.assertEqual(2, self._show(share_id)['size'])
        self._act(share_id, {'reset_status': {'status': 'error'}}, 403,
                  token=base.MEMBER)
        self._act(share_id, {'reset_status': {'status': 'error'}})
        self.assertEqual('error', self._show(share_id)['status'])
        self._act(share_id, {'reset_task_state': {'task_state': None}},
                  token=base.MEMBER)
        self._act(share_id, {'unmanage': None}, 403, token=base.MEMBER)
        self._act(share_id, {'force_delete': None}, 403, token=base.MEMBER)
        self._act(share_id, {'force_delete': None})
        self._act(share_id, {'explode': None}, 400)
        self._act(share_id, {'reset_status': {'status': 'fine'}}, 400)
        self._act(share_id, {'extend': {}}, 400)

    def test_actions_by_their_old_names(self):
        share_id = self.make_share()
        body = {'os-extend': {'new_size': 2}}
        self._act(share_id, body, 400, version='2.7')
        self._act(share_id, body, version='2.6')

    def test_export_locations(self):
        share_id = self.make_share(ready=False)
        path = f'{PATH}/{share_id}/export_locations'
        self.assertEqual({'export_locations': []},
                         self.call('GET', path).json)
        self.api.work()
        self.call('GET', path, version='2.8', code=404)
        found = self.call('GET', path, code=200).json['export_locations']
        expected = f'here:{self.api.folder}/shares/{share_id}'
        self.assertEqual([expected], [each['path'] for each in found])
        one = self.call('GET', f'{path}/{found[0]["id"]}',
                        code=200).json['export_location']
        self.assertEqual(expected, one['path'])
        self.assertIn('updated_at', one)
        self.call('GET', f'{path}/{uuid.uuid4()}', code=404)
        self.call('GET', f'{path}/x', code=404)

    def test_properties(self):
        path = f'{PATH}/{self.make_share(metadata={"a": "1"})}/metadata'
        for method, body, expected in (
                ('GET', None, {'a': '1'}),
                ('POST', {'b': '2'}, {'a': '1', 'b': '2'}),
                ('PUT', {'c': '3'}, {'c': '3'})):
            found = self.call(method, path,
                              body and {'metadata': body}, code=200)
            self.assertEqual({'metadata': expected}, found.json)
        self.assertEqual({'meta': {'c': '3'}},
                         self.call('GET', f'{path}/c', code=200).json)
        self.call('DELETE', f'{path}/c', code=200)
        for method in ('GET', 'DELETE'):
            self.call(method, f'{path}/c', code=404)
        self.call('POST', path, {'metadata': {'a/b': '1'}}, code=200)
        for written in ('a/b', 'a%2Fb'):
            self.assertEqual({'meta': {'a/b': '1'}}, self.call(
                'GET', f'{path}/{written}', code=200).json)
        self.call('DELETE', f'{path}/a%2Fb', code=200)
        for bad in ({}, {'metadata': None}, {'metadata': {'a': None}}):
            self.call('POST', path, bad, code=400)

    def test_no_replicas(self):
        for path in ('/v2/share-replicas/detail?share_id=x',
                     '/v2/share-replicas'):
            self.assertEqual({'share_replicas': []},
                             self.call('GET', path, code=200).json)


class TestShareTypes(base.ApiTest):

    def setUp(self):
        super().setUp()
        self.private = str(uuid.uuid4())
        with self.api.database.writer() as conn:
            conn.execute(models.share_types.insert().values(
                id=self.private, name='gold', is_public=False,
                extra_specs={'driver_handles_share_servers': 'False',
                             'tier': '1'}))

    def _names(self, query='', **kwargs):
        answer = self.call('GET', f'/v2/types{query}', code=200,
                           **kwargs).json
        self.assertEqual(answer['share_types'], answer['volume_types'])
        return [each['name'] for each in answer['share_types']]

    def test_list(self):
        self.assertEqual(['default'], self._names())
        self.assertEqual(['default'], self._names('?is_public=all'))
        self.assertEqual(['default', 'gold'], self._names(
            '?is_public=all', token=base.ADMIN))
        self.assertEqual(['gold'], self._names(
            '?is_public=false', token=base.ADMIN))
        self.assertEqual(['default'], self._names(token=base.ADMIN))
        self.call('GET', '/v2/types?is_public=maybe', code=400)

    def test_default(self):
        found = self.call('GET', '/v2/types/default', code=200).json
        self.assertEqual('default', found['share_type']['name'])
        self.assertIs(True, found['share_type']['is_default'])

    def test_show(self):
        path = f'/v2/types/{self.private}'
        self.call('GET', path, code=404)
        found = self.call('GET', path, token=base.ADMIN,
                          code=200).json['share_type']
        self.assertEqual({'driver_handles_share_servers': 'False'},
                         found['required_extra_specs'])
        self.assertIs(False, found['share_type_access:is_public'])
        old = self.call('GET', path, token=base.ADMIN, version='2.6',
                        code=200).json['share_type']
        self.assertEqual({'id', 'name', 'extra_specs',
                          'required_extra_specs',
                          'os-share-type-access:is_public'}, set(old))
        specs = self.call('GET', f'{path}/extra_specs', token=base.ADMIN,
                          code=200).json['extra_specs']
        self.assertEqual('1', specs['tier'])
        for id_ in ('x', '5', str(uuid.uuid4())):
            self.call('GET', f'/v2/types/{id_}', code=404)

    def test_of_a_share(self):
        body = {'share': {'size': 1, 'share_proto': 'NFS',
                          'share_type': 'gold'}}
        self.call('POST', '/v2/shares', body, code=400)
        share = self.call('POST', '/v2/shares', body, base.ADMIN,
                          code=200).json['share']
        self.assertEqual('gold', share['share_type_name'])
        self.assertIs(False, share['snapshot_support'])


class TestOtherSource(base.ApiTest):

    OPTIONS = {'shares__source': 'manila'}

    def test_shares_are_manilas(self):
        for path in ('/v2/shares', '/v2/types', '/v2/limits'):
            self.call('GET', path, code=404)
        self.call('GET', '/v2/share-backups', code=200)
