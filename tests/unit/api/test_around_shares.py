# SPDX-License-Identifier: Apache-2.0
"""Snapshots, access rules, share types and quotas: what stands around
shares."""

from urllib import parse
import uuid

from manila_backup.db import models
from tests.unit.api import base


class TestSnapshots(base.ApiTest):

    PATH = '/v2/snapshots'

    def setUp(self):
        super().setUp()
        self.share_id = self.make_share()

    def _create(self, code=202, token=base.MEMBER, **values):
        answer = self.call('POST', self.PATH, {'snapshot': {
            'share_id': self.share_id, 'force': False, 'name': 'n',
            'description': 'd', **values}}, token, code=code)
        return answer.json['snapshot'] if code == 202 else None

    def _ready(self, **values):
        id_ = self._create(**values)['id']
        self.api.set(models.snapshots, id_, status='available')
        return id_

    def test_create(self):
        found = self._create(metadata={})
        self.assertEqual(
            ('creating', self.share_id, 'n', 'd', 1, 'p1', 'demo'),
            tuple(found[key] for key in (
                'status', 'share_id', 'name', 'description', 'size',
                'project_id', 'user_id')))
        for values, code in (({'share_id': 'x'}, 400), ({'name': 7}, 400),
                             ({'share_id': str(uuid.uuid4())}, 404),
                             ({'colour': 'red'}, 400)):
            self._create(code, **values)
        self._create(404, base.OTHER)
        self._create(403, base.READER)
        self.call('POST', self.PATH, {}, code=422)

    def test_share_with_snapshots(self):
        self._ready()
        body = {'share_backup': {'share_id': self.share_id}}
        self.call('POST', '/v2/share-backups', body, code=400)
        self.call('DELETE', f'/v2/shares/{self.share_id}', code=403)

    def test_export_locations(self):
        path = f'{self.PATH}/{self._ready()}/export-locations'
        self.assertEqual(
            {'share_snapshot_export_locations': []},
            self.call('GET', path, token=base.READER, code=200).json)
        self.call('GET', path, token=base.OTHER, code=404)
        self.call('GET', path, version='2.31', code=404)

    def test_show_update_delete(self):
        path = f'{self.PATH}/{self._ready()}'
        self.assertEqual('available', self.call(
            'GET', path, code=200).json['snapshot']['status'])
        found = self.call('PUT', path, {'snapshot': {
            'display_name': 'm', 'description': None}}, code=200)
        self.assertEqual(('m', None), (
            found.json['snapshot']['name'],
            found.json['snapshot']['description']))
        self.call('PUT', path, {'snapshot': {'size': 2}}, code=400)
        for method, body in (('GET', None), ('DELETE', None),
                             ('PUT', {'snapshot': {}})):
            self.call(method, path, body, base.OTHER, code=404)
        self.call('DELETE', path, code=202)
        self.call('DELETE', path, code=400)

    def test_reset_status(self):
        path = f'{self.PATH}/{self._create()["id"]}/action'
        body = {'reset_status': {'status': 'error'}}
        self.call('POST', path, body, code=403)
        self.call('POST', path, body, base.ADMIN, code=202)
        self.call('POST', path, {'reset_status': {'status': 'x'}},
                  base.ADMIN, code=400)

    def test_force_delete(self):
        id_ = self._create()['id']
        path = f'{self.PATH}/{id_}/action'
        self.call('POST', path, {'force_delete': None}, code=403)
        # It is being made.
        self.call('POST', path, {'force_delete': None}, base.ADMIN, code=400)
        self.api.work()
        self.call('POST', path, {'reset_status': {'status': 'creating'}},
                  base.ADMIN, code=202)
        self.call('DELETE', f'{self.PATH}/{id_}', code=400)
        self.call('POST', path, {'force_delete': {}}, base.ADMIN, code=202)
        # It is being deleted.
        self.call('POST', path, {'force_delete': None}, base.ADMIN, code=400)
        self.api.work()
        self.call('GET', f'{self.PATH}/{id_}', code=404)

    def test_lists(self):
        ids = [self._ready(name=name) for name in ('a', 'b_')]
        brief = self.call('GET', self.PATH, code=200).json['snapshots']
        self.assertEqual([{'id', 'name', 'links'}] * 2,
                         [set(each) for each in brief])
        for query, token, found in (
                ('', base.MEMBER, ids[::-1]), ('', base.OTHER, []),
                ('all_tenants=1', base.OTHER, []),
                ('all_tenants=1', base.ADMIN, ids[::-1]),
                ('name~=_', base.MEMBER, ids[1:]),
                ('limit=1', base.MEMBER, ids[1:]),
                ('sort_key=name&sort_dir=asc', base.MEMBER, ids),
                (f'share_id={self.share_id}', base.MEMBER, ids[::-1]),
                ('status=error', base.MEMBER, [])):
            answer = self.call('GET', f'{self.PATH}/detail?{query}',
                               token=token, code=200).json
            self.assertEqual(found, [each['id'] for each in
                                     answer['snapshots']], query)
        answer = self.call('GET', f'{self.PATH}?limit=1&with_count=1').json
        self.assertEqual(2, answer['count'])
        self.call('GET', f'{self.PATH}?status=x', code=400)

    def test_links_of_lists(self):
        """By Manila's name and by the one that openstacksdk derives."""
        ids = [self._ready() for _ in range(2)]
        both = {'share_snapshots_links', 'snapshots_links'}
        for path in (self.PATH, f'{self.PATH}/detail'):
            answer = self.call('GET', f'{path}?limit=1', code=200).json
            self.assertEqual({'snapshots', *both}, set(answer))
            link, = answer['share_snapshots_links']
            self.assertEqual([link], answer['snapshots_links'])
            url = parse.urlsplit(link['href'])
            self.assertEqual(('next', path), (link['rel'], url.path))
            rest = self.call('GET', f'{path}?{url.query}', code=200).json
            self.assertEqual(ids[:1], [each['id']
                                       for each in rest['snapshots']])
            # Nothing follows.
            self.assertEqual({'snapshots'}, set(rest))

    def test_keys_by_version(self):
        path = f'{self.PATH}/{self._ready()}'
        for version, key in (('2.17', 'user_id'), ('2.73', 'metadata')):
            for shown, asked in ((True, version), (
                    False, f'2.{int(version[2:]) - 1}')):
                found = self.call('GET', path, version=asked).json
                self.assertIs(shown, key in found['snapshot'])


class TestAccessRules(base.ApiTest):

    def setUp(self):
        super().setUp()
        self.share_id = self.make_share()
        self.path = f'/v2/shares/{self.share_id}/action'

    def _allow(self, code=200, name='allow_access', version=base.LATEST,
               token=base.MEMBER, **values):
        answer = self.call('POST', self.path, {name: {
            'access_type': 'ip', 'access_to': '10.0.0.0/8', **values}},
            token, version, code=code)
        return answer.json['access'] if code == 200 else None

    def _list(self, **kwargs):
        return self.call(
            'GET', f'/v2/share-access-rules?share_id={self.share_id}',
            **kwargs)

    def test_allow_and_deny(self):
        rule = self._allow(access_level='ro')
        self.assertEqual(
            ('ip', '10.0.0.0/8', 'ro', 'active', self.share_id),
            tuple(rule[key] for key in (
                'access_type', 'access_to', 'access_level', 'state',
                'share_id')))
        self._allow(400)
        found = self._list(code=200).json['access_list']
        self.assertEqual([rule['id']], [each['id'] for each in found])
        one = f'/v2/share-access-rules/{rule["id"]}'
        self.assertEqual(rule, self.call('GET', one,
                                         code=200).json['access'])
        self.call('GET', one, token=base.OTHER, code=404)
        body = {'deny_access': {'access_id': rule['id']}}
        self.call('POST', self.path, body, base.OTHER, code=404)
        self.call('POST', self.path, body, code=202)
        self.call('POST', self.path, body, code=404)
        self.assertEqual([], self._list().json['access_list'])

    def test_what_is_no_rule(self):
        for values in ({'access_to': '10.0.0.0/99'}, {'access_to': ''},
                       {'access_to': None}, {'access_type': 'dns'},
                       {'access_level': 'rwx'}, {'colour': 'red'}):
            self._allow(400, **values)
        self._allow(access_type='user', access_to='alice')
        self._allow(403, token=base.READER)
        self._allow(404, token=base.OTHER)

    def test_before_2_45(self):
        self._allow(name='os-allow_access', version='2.6')
        for name, version in (('os-access_list', '2.6'),
                              ('access_list', '2.44')):
            found = self.call('POST', self.path, {name: None},
                              version=version, code=200).json
            self.assertEqual(1, len(found['access_list']))
        self.call('POST', self.path, {'access_list': None}, code=400)
        self._list(version='2.44', code=404)

    def test_lists_need_a_share(self):
        self.call('GET', '/v2/share-access-rules', code=400)
        self._list(token=base.OTHER, code=404)


class TestTypes(base.ApiTest):

    PATH = '/v2/types'

    def _create(self, code=200, token=base.ADMIN, **values):
        answer = self.call('POST', self.PATH, {'share_type': {
            'name': 'gold', 'extra_specs': {
                'driver_handles_share_servers': 'False',
                'snapshot_support': True, 'mount_snapshot_support': True},
            'share_type_access:is_public': True, **values}}, token,
            code=code)
        return answer.json['share_type'] if code == 200 else None

    def test_create(self):
        found = self._create()
        self.assertEqual(('gold', True, 'True'), (
            found['name'], found['share_type_access:is_public'],
            found['extra_specs']['snapshot_support']))
        self._create(409)
        self._create(403, base.MEMBER, name='x')
        for values in ({'name': ''}, {'name': None}, {'extra_specs': {}},
                       {'extra_specs': {
                           'driver_handles_share_servers': 'x'}},
                       {'share_type_access:is_public': 'x'}):
            self._create(400, **values)

    def test_whole_numbers_with_a_point(self):
        found = self._create(**{
            'share_type_access:is_public': 1.0,
            'extra_specs': {'driver_handles_share_servers': 0.0,
                            'tier': 2.0}})
        self.assertIs(True, found['share_type_access:is_public'])
        self.assertEqual({'driver_handles_share_servers': '0', 'tier': '2'},
                         found['extra_specs'])
        for value in (0.5, 1e300, 10 ** 300):
            self._create(400, name='x', extra_specs={
                'driver_handles_share_servers': False, 'tier': value})

    def test_update(self):
        path = f'{self.PATH}/{self._create()["id"]}'
        found = self.call('PUT', path, {'share_type': {
            'name': 'silver', 'share_type_access:is_public': False}},
            base.ADMIN, code=200).json['share_type']
        self.assertEqual(('silver', False), (
            found['name'], found['share_type_access:is_public']))
        self.call('PUT', path, {'share_type': {}}, code=403)

    def test_delete(self):
        type_id = self._create()['id']
        path = f'{self.PATH}/{type_id}'
        share_id = self.make_share(share_type=type_id)
        self.call('DELETE', path, code=403)
        self.call('DELETE', path, token=base.ADMIN, code=400)
        self.call('DELETE', f'/v2/shares/{share_id}', code=202)
        self.api.work()
        self.call('DELETE', path, token=base.ADMIN, code=202)
        self.call('GET', path, token=base.ADMIN, code=404)
        self.call('DELETE', path, token=base.ADMIN, code=404)

    def test_extra_specs(self):
        path = f'{self.PATH}/{self._create()["id"]}/extra_specs'
        found = self.call('POST', path, {'extra_specs': {'tier': '1'}},
                          base.ADMIN, code=200).json['extra_specs']
        self.assertEqual(('1', 'True'),
                         (found['tier'], found['snapshot_support']))
        self.assertEqual({'tier': '1'}, self.call(
            'GET', f'{path}/tier', code=200).json)
        self.call('DELETE', f'{path}/tier', code=403)
        self.call('DELETE', f'{path}/tier', token=base.ADMIN, code=202)
        self.call('GET', f'{path}/tier', code=404)
        self.call('POST', path, {'extra_specs': {'a/b': '1'}}, base.ADMIN,
                  code=200)
        self.call('DELETE', f'{path}/a/b', token=base.ADMIN, code=202)
        self.call('DELETE', f'{path}/driver_handles_share_servers',
                  token=base.ADMIN, code=403)


class TestQuotas(base.ApiTest):

    PATH = '/v2/quota-sets/p1'

    def test_update_and_delete(self):
        body = {'quota_set': {'backups': 1, 'shares': -1, 'force': True,
                              'tenant_id': 'p1'}}
        self.call('PUT', self.PATH, body, code=403)
        found = self.call('PUT', self.PATH, body, base.ADMIN,
                          code=200).json['quota_set']
        self.assertEqual((1, -1, 50), (
            found['backups'], found['shares'], found['snapshots']))
        share_id = self.make_share()
        self.make_backup(share_id)
        self.call('POST', '/v2/share-backups', {'share_backup': {
            'share_id': share_id}}, code=403)
        self.call('DELETE', self.PATH, code=403)
        self.call('DELETE', self.PATH, token=base.ADMIN, code=202)
        self.make_backup(share_id)

    def test_bad_values(self):
        for query in ('?user_id=eve', '?share_type=default'):
            path = self.PATH + query
            for method, body in (('GET', None), ('DELETE', None),
                                 ('PUT', {'quota_set': {'shares': 1}})):
                self.call(method, path, body, base.ADMIN, code=400)
            self.call('GET', f'{self.PATH}/detail{query}', code=400)
        for values in ({'backups': -2}, {'backups': 'x'}, {'x': 1},
                       {'backups': 2 ** 31}):
            self.call('PUT', self.PATH, {'quota_set': values}, base.ADMIN,
                      code=400)
        self.call('PUT', f'/v2/quota-sets/{"x" * 300}',
                  {'quota_set': {'backups': 1}}, base.ADMIN, code=404)

    def test_what_there_is_none_of(self):
        body = {'quota_set': {'share_networks': 3, 'encryption_keys': 0}}
        found = self.call('PUT', self.PATH, body, base.ADMIN,
                          code=200).json['quota_set']
        self.assertEqual((3, 0, -1), (
            found['share_networks'], found['encryption_keys'],
            found['share_groups']))

    def test_sizes(self):
        share_id = self.make_share(size=2)
        body = {'quota_set': {'per_share_gigabytes': 2,
                              'snapshot_gigabytes': 1}}
        self.call('PUT', self.PATH, body, base.ADMIN, code=200)
        self.call('POST', '/v2/shares', {'share': {
            'size': 3, 'share_proto': 'nfs'}}, code=403)
        action = f'/v2/shares/{share_id}/action'
        self.call('POST', action, {'extend': {'new_size': 3}}, code=403)
        self.call('POST', '/v2/snapshots', {'snapshot': {
            'share_id': share_id}}, code=403)
        # What is too large already may become smaller.
        body = {'quota_set': {'per_share_gigabytes': 0}}
        self.call('PUT', self.PATH, body, base.ADMIN, code=200)
        self.call('POST', action, {'shrink': {'new_size': 1}}, code=202)

    def test_class(self):
        path = '/v2/quota-class-sets/default'
        body = {'quota_class_set': {'backups': 0, 'shares': 3,
                                    'class_name': 'default'}}
        self.call('PUT', path, body, code=403)
        self.call('PUT', '/v2/quota-class-sets/other', body, base.ADMIN,
                  code=404)
        self.call('GET', '/v2/quota-class-sets/other', code=404)
        self.call('PUT', path, {'quota_class_set': {'backups': 9}},
                  base.ADMIN, code=200)
        found = self.call('PUT', path, body, base.ADMIN, code=200).json
        self.assertEqual(found, self.call('GET', path, code=200).json)
        self.assertEqual(('default', 0, 3, 1000), tuple(
            found['quota_class_set'][name] for name in (
                'id', 'backups', 'shares', 'backup_gigabytes')))
        for suffix in ('', '/defaults'):
            found = self.call('GET', self.PATH + suffix, code=200).json[
                'quota_set']
            self.assertEqual((0, 3), (found['backups'], found['shares']))
        backup = {'share_backup': {'share_id': self.make_share()}}
        self.call('POST', '/v2/share-backups', backup, code=403)
        # A project's own quota goes before those of the class.
        self.call('PUT', self.PATH, {'quota_set': {'backups': 1}},
                  base.ADMIN, code=200)
        self.call('POST', '/v2/share-backups', backup, code=202)
        self.call('DELETE', self.PATH, token=base.ADMIN, code=202)
        found = self.call('GET', self.PATH, code=200).json['quota_set']
        self.assertEqual(0, found['backups'])
