# SPDX-License-Identifier: Apache-2.0
"""Share backups through the whole application."""

from urllib import parse
import uuid

from manila_backup.db import models
from tests.unit.api import base

PATH = '/v2/share-backups'

#: What the specification lists, and nothing else.
KEYS = {'id', 'share_id', 'status', 'size', 'availability_zone', 'name',
        'description', 'created_at', 'updated_at', 'progress',
        'restore_progress'}


class TestLifeCycle(base.ApiTest):

    def _create(self, share_id, code=202, token=base.MEMBER, **values):
        return self.call('POST', PATH, {'share_backup': {
            'share_id': share_id, **values}}, token, code=code)

    def _act(self, backup_id, body, code, token=base.MEMBER, **kwargs):
        return self.call('POST', f'{PATH}/{backup_id}/action', body, token,
                         code=code, **kwargs)

    def test_create(self):
        share_id = self.make_share(size=3)
        backup = self._create(
            share_id, name='b', description='d',
            backup_options=None).json['share_backup']
        self.assertEqual(KEYS | {'backup_type'}, set(backup))
        self.assertEqual('creating', backup['status'])
        self.assertEqual((share_id, 3, 'b', 'd', '0', '0', 'posix'), (
            backup['share_id'], backup['size'], backup['name'],
            backup['description'], backup['progress'],
            backup['restore_progress'], backup['backup_type']))
        self.assertRegex(backup['created_at'],
                         r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$')

    def test_second_create_at_once_is_refused(self):
        share_id = self.make_share()
        self._create(share_id)
        self.assert_fault(self._create(share_id, code=None), 400,
                          'badRequest', 'backup_creating')

    def test_create_of_unknown_share(self):
        self._create(str(uuid.uuid4()), code=400)
        self._create(self.make_share(base.OTHER), code=400)

    def test_create_without_object(self):
        for body in ({}, {'share_backup': None}, {'share_backup': []},
                     [], 'x', 7, None):
            response = self.call('POST', PATH, body)
            self.assert_fault(response, 422, 'unprocessableEntity',
                              'share_backup')

    def test_create_with_bad_fields(self):
        share_id = self.make_share()
        for values in ({'share_id': 'x'}, {'share_id': None},
                       {'name': 'x' * 256}, {'description': 7},
                       {'backup_options': 'x'},
                       {'backup_options': {'a': 1}},
                       {'backup_options': {'backup_type': 'tape'}},
                       {'backup_options': {'level': '1'}},
                       {'backup_options': {'backup_type': 'picky',
                                           'level': '3'}},
                       {'colour': 'red'}):
            self._create(values.pop('share_id', share_id), code=400,
                         **values)
        self._create(share_id, backup_options={'backup_type': 'picky',
                                               'level': '2'})

    def test_show(self):
        backup_id = self.make_backup(name='é\U0001f40d')
        shown = self.call('GET', f'{PATH}/{backup_id}',
                          code=200).json['share_backup']
        self.assertEqual(KEYS | {'backup_type'}, set(shown))
        self.assertEqual('é\U0001f40d', shown['name'])
        older = self.call('GET', f'{PATH}/{backup_id}', version='2.84',
                          code=200).json['share_backup']
        self.assertEqual(KEYS, set(older))
        self.call('GET', f'{PATH}/{backup_id}', version='2.79', code=404)

    def test_show_to_administrator(self):
        backup_id = self.make_backup()
        self.api.set(models.share_backups, backup_id, host='w1',
                     fail_reason='broke')
        shown = self.call('GET', f'{PATH}/{backup_id}', token=base.ADMIN,
                          code=200).json['share_backup']
        self.assertEqual(KEYS | {'backup_type', 'host', 'topic',
                                 'fail_reason', 'share_status'},
                         set(shown))
        self.assertEqual(
            ('w1', 'broke', 'available'),
            (shown['host'], shown['fail_reason'], shown['share_status']))

    def test_update(self):
        backup_id = self.make_backup()
        path = f'{PATH}/{backup_id}'
        for asked, expected in (
                ({'name': 'a'}, ('a', None)),
                ({'display_description': 'd'}, ('a', 'd')),
                ({'display_name': 'b', 'status': 'error', 'x': 1},
                 ('b', 'd')),
                ({'name': None, 'description': None}, (None, None)),
                ({}, (None, None))):
            found = self.call('PUT', path, {'share_backup': asked},
                              code=200).json['share_backup']
            self.assertEqual(expected, (found['name'],
                                        found['description']))
            self.assertEqual('available', found['status'])
        self.call('PUT', path, {'share_backup': {'name': 'x' * 256}},
                  code=400)
        self.call('PUT', path, {}, code=422)

    def test_delete(self):
        backup_id = self.make_backup()
        answer = self.call('DELETE', f'{PATH}/{backup_id}?', code=202)
        self.assertEqual(b'', answer.body)
        self.api.work()
        self.call('GET', f'{PATH}/{backup_id}', code=404)

    def test_delete_while_creating(self):
        backup_id = self.make_backup(ready=False)
        self.call('DELETE', f'{PATH}/{backup_id}', code=400)

    def test_restore(self):
        share_id = self.make_share()
        backup_id = self.make_backup(share_id)
        answer = self._act(backup_id, {'restore': None}, 202)
        self.assertEqual({'restore': {'backup_id': backup_id,
                                      'share_id': share_id}}, answer.json)
        self._act(backup_id, {'restore': None}, 400)

    def test_restore_to_another_share(self):
        backup_id = self.make_backup()
        target = self.make_share()
        self._act(backup_id, {'restore': target}, 400, version='2.90')
        answer = self._act(backup_id, {'restore': target.upper()}, 202)
        self.assertEqual(target, answer.json['restore']['share_id'])

    def test_restore_to_what_is_no_target(self):
        backup_id = self.make_backup()
        for target in (str(uuid.uuid4()), self.make_share(base.OTHER),
                       'x', 7, {}, []):
            self._act(backup_id, {'restore': target}, 400)

    def test_reset_status(self):
        backup_id = self.make_backup(ready=False)
        body = {'reset_status': {'status': 'error'}}
        self._act(backup_id, body, 403)
        self._act(backup_id, body, 202, token=base.ADMIN)
        shown = self.call('GET', f'{PATH}/{backup_id}', code=200)
        self.assertEqual('error', shown.json['share_backup']['status'])
        for bad in ({'status': 'error_deleting'}, {'status': None}, {},
                    None, {'status': 'error', 'x': 1}):
            self._act(backup_id, {'reset_status': bad}, 400,
                      token=base.ADMIN)

    def test_malformed_actions(self):
        backup_id = self.make_backup()
        for body in ({}, {'restore': None, 'reset_status': {}},
                     {'explode': None}, [], None, 'restore'):
            self._act(backup_id, body, 400)

    def test_other_projects_backup_is_not_there(self):
        backup_id = self.make_backup()
        path = f'{PATH}/{backup_id}'
        for method, suffix, body in (
                ('GET', '', None), ('DELETE', '', None),
                ('PUT', '', {'share_backup': {'name': 'mine'}}),
                ('POST', '/action', {'restore': None})):
            self.assert_fault(
                self.call(method, path + suffix, body, base.OTHER),
                404, 'itemNotFound', backup_id)

    def test_administrator_changes_any_projects_backup(self):
        backup_id = self.make_backup()
        path = f'{PATH}/{backup_id}'
        self.call('PUT', path, {'share_backup': {'name': 'x'}}, base.ADMIN,
                  code=200)
        self._act(backup_id, {'restore': None}, 202, token=base.ADMIN)
        self.api.work()
        self.call('DELETE', path, token=base.ADMIN, code=202)

    def test_reader_only_looks(self):
        backup_id = self.make_backup()
        path = f'{PATH}/{backup_id}'
        self.call('GET', path, token=base.READER, code=200)
        self.call('GET', PATH, token=base.READER, code=200)
        self.call('DELETE', path, token=base.READER, code=403)
        self.call('PUT', path, {}, base.READER, code=403)
        self.call('POST', PATH, {}, base.READER, code=403)
        self._act(backup_id, {'restore': None}, 403, token=base.READER)

    def test_what_is_no_id(self):
        for id_ in ('x', '7', 'f' * 32, str(uuid.uuid4()), '%00', '%ff'):
            self.assertIn(self.call('GET', f'{PATH}/{id_}').status_code,
                          (400, 404))


class TestLists(base.ApiTest):

    def setUp(self):
        super().setUp()
        self.share_id = self.make_share()
        self.ids = {}
        for name in ('alpha', 'Beta', '100%', 'a_c', 'abc', None):
            self.ids[name] = self.make_backup(
                self.share_id, name=name, description=f'of {name}')

    def list(self, query='', path=f'{PATH}/detail', code=200, **kwargs):
        return self.call('GET', f'{path}{query}', code=code, **kwargs)

    def names(self, query='', **kwargs):
        answer = self.list(query, **kwargs).json
        return [each['name'] for each in answer['share_backups']]

    def test_detail(self):
        answer = self.list().json
        self.assertEqual(['share_backups'], list(answer))
        self.assertEqual([None, 'abc', 'a_c', '100%', 'Beta', 'alpha'],
                         [each['name'] for each in answer['share_backups']])
        for backup in answer['share_backups']:
            self.assertEqual(KEYS | {'backup_type'}, set(backup))

    def test_brief(self):
        answer = self.list(path=PATH).json
        self.assertEqual(list(reversed(self.ids.values())),
                         [each['id'] for each in answer['share_backups']])
        for backup in answer['share_backups']:
            self.assertEqual({'id', 'name', 'share_id', 'status'},
                             set(backup))

    def test_only_ones_own(self):
        self.assertEqual([], self.names(token=base.OTHER))
        self.assertEqual([], self.names('?all_tenants=1',
                                        token=base.OTHER))
        self.assertEqual([], self.names('?project_id=p1',
                                        token=base.OTHER))
        self.assertEqual([], self.names(token=base.ADMIN))

    def test_all_projects(self):
        self.make_backup(token=base.OTHER, name='eve')
        for query in ('all_tenants=1', 'all_projects=True'):
            self.assertEqual(7, len(self.names(f'?{query}',
                                               token=base.ADMIN)))
        self.assertEqual(['eve'], self.names('?project_id=p2',
                                             token=base.ADMIN))
        self.assertEqual(
            ['eve'], self.names('?all_tenants=1&project_id=p2',
                                token=base.ADMIN))
        self.list('?all_tenants=maybe', token=base.ADMIN, code=400)

    def test_filters_by_text(self):
        for query, names in (
                ('name=alpha', ['alpha']), ('name=ALPHA', []),
                ('name=alp', []),
                ('name~=a', ['abc', 'a_c', 'Beta', 'alpha']),
                ('name~=B', ['Beta']), ('name~=%25', ['100%']),
                ('name~=_', ['a_c']), ('name~=%5C', []),
                ('name~=%27', []),
                ('name~=', ['abc', 'a_c', '100%', 'Beta', 'alpha']),
                ('description=of+abc', ['abc']),
                ('description~=of+a', ['abc', 'a_c', 'alpha']),
                ('name~=a&description~=B', ['Beta'])):
            self.assertEqual(names, self.names(f'?{query}'), query)

    def test_filters_by_what_they_are(self):
        self.api.set(models.share_backups, self.ids['abc'],
                     status='error', backup_type='picky')
        other = self.make_backup()
        for query, count in (
                (f'share_id={self.share_id}', 6),
                (f'share_id={self.share_id.upper()}', 6),
                (f'share_id={uuid.uuid4()}', 0),
                ('status=error', 1), ('status=restoring', 0),
                ('backup_type=picky', 1), ('colour=red', 7),
                (f'share_id={self.share_id}&status=available', 5)):
            self.assertEqual(count, len(self.names(f'?{query}')), query)
        self.assertIsNotNone(other)

    def test_filters_for_administrators(self):
        self.api.set(models.share_backups, self.ids['abc'], host='w1')
        query = '?project_id=p1&host=w1'
        self.assertEqual(['abc'], self.names(query, token=base.ADMIN))
        self.assertEqual(6, len(self.names('?host=w1')))
        self.assertEqual(6, len(self.names('?topic=x')))

    def test_bad_values(self):
        for query in ('limit=-1', 'limit=x', 'limit=', 'limit=1.5',
                      'limit=99999999999999999999', 'offset=-1',
                      'offset=1e3', 'limit=%D9%A1', 'sort_key=colour',
                      'sort_key=', 'sort_dir=up', 'status=fine',
                      'share_id=x', 'with_count=maybe', 'name=%00',
                      'name=%ff', 'name=' + 'x' * 256,
                      '&'.join(['a=b'] * 1000)):
            self.list(f'?{query}', code=400)

    def test_order(self):
        rising = [None, '100%', 'Beta', 'a_c', 'abc', 'alpha']
        for key in ('name', 'display_name'):
            self.assertEqual(rising, self.names(
                f'?sort_key={key}&sort_dir=asc'))
            self.assertEqual(rising[::-1], self.names(f'?sort_key={key}'))

    def test_progress_is_a_number(self):
        for name, progress in (('alpha', 9), ('Beta', 100), ('abc', 10)):
            self.api.set(models.share_backups, self.ids[name],
                         progress=progress)
        self.assertEqual(['Beta', 'abc', 'alpha'],
                         self.names('?sort_key=progress')[:3])

    def test_every_sort_key(self):
        for key in ('id', 'status', 'size', 'host', 'share_id',
                    'availability_zone', 'created_at', 'updated_at',
                    'topic', 'restore_progress', 'project_id'):
            for direction in ('asc', 'desc'):
                self.assertEqual(6, len(self.names(
                    f'?sort_key={key}&sort_dir={direction}')))

    def test_pages(self):
        found, query = [], '?limit=4&sort_key=name&name~=a'
        answer = self.list(query).json
        self.assertNotIn('share_backup_links', answer)
        query = '?limit=4&sort_key=name&sort_dir=asc'
        pages = 0
        while query:
            answer = self.list(query).json
            found.extend(each['name'] for each in answer['share_backups'])
            links = answer.get('share_backup_links')
            query = None
            pages += 1
            if links:
                self.assertEqual('next', links[0]['rel'])
                url = parse.urlsplit(links[0]['href'])
                self.assertEqual(f'{PATH}/detail', url.path)
                query = f'?{url.query}'
        self.assertEqual([None, '100%', 'Beta', 'a_c', 'abc', 'alpha'],
                         found)
        self.assertEqual(2, pages)

    def test_links_have_the_names_that_clients_look_for(self):
        answer = self.list('?limit=4').json
        self.assertEqual({'share_backups', 'share_backup_links',
                          'share_backups_links'}, set(answer))
        self.assertEqual(answer['share_backup_links'],
                         answer['share_backups_links'])

    def ids_in_order(self, query):
        return [each['id'] for each in self.list(query).json[
            'share_backups']]

    def test_markers(self):
        for key in ('id', 'name', 'size', 'host', 'created_at',
                    'updated_at'):
            for direction in ('asc', 'desc'):
                query = f'?sort_key={key}&sort_dir={direction}'
                everything = self.ids_in_order(query)
                self.assertEqual(6, len(everything))
                for number, id_ in enumerate(everything):
                    # As openstacksdk has it, which goes on from the last
                    # link's offset where no link follows.
                    self.assertEqual(
                        everything[number + 1:][:2], self.ids_in_order(
                            f'{query}&limit=2&offset=4&marker={id_}'))

    def test_links_after_a_marker(self):
        first, *others = self.ids_in_order('')
        query, found = f'?limit=2&marker={first}', []
        while query:
            answer = self.list(query).json
            found += [each['id'] for each in answer['share_backups']]
            links = answer.get('share_backups_links')
            query = links and '?' + parse.urlsplit(links[0]['href']).query
        self.assertEqual(others, found)

    def test_markers_that_are_none(self):
        for marker in ('x', '11111111-1111-4111-8111-111111111111'):
            self.list(f'?marker={marker}', code=400)

    def test_page_that_is_just_full(self):
        self.assertEqual(['share_backups'], list(self.list('?limit=6').json))
        self.assertEqual(['share_backups'],
                         list(self.list('?offset=3&limit=3').json))

    def test_limits_at_the_edge(self):
        self.assertEqual([], self.names('?limit=0'))
        self.assertEqual([], self.names('?offset=6'))
        self.assertEqual([], self.names('?offset=2147483647'))
        self.assertEqual(1, len(self.names('?offset=5')))
        self.assertEqual(6, len(self.names('?limit=2147483647')))

    def test_most_items_of_a_page(self):
        self.api.conf.set_override('max_limit', 2, group='api')
        for query in ('', '?limit=5'):
            answer = self.list(query).json
            self.assertEqual(2, len(answer['share_backups']))
            self.assertIn('limit=2&offset=2',
                          answer['share_backup_links'][0]['href'])

    def test_link_in_a_projects_path(self):
        answer = self.list('?limit=1', path='/v2/p1/share-backups').json
        self.assertIn('/v2/p1/share-backups?',
                      answer['share_backup_links'][0]['href'])

    def test_link_by_public_url(self):
        self.api.conf.set_override('public_url', 'https://c.example/backup/',
                                   group='api')
        href = self.list('?limit=1').json['share_backup_links'][0]['href']
        self.assertTrue(href.startswith(
            'https://c.example/backup/v2/share-backups/detail?'), href)

    def test_count(self):
        answer = self.list('?limit=1&with_count=true').json
        self.assertEqual(6, answer['count'])

    def test_last_of_several_counts(self):
        self.assertEqual(2, len(self.names('?limit=1&limit=2')))
