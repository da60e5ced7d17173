# SPDX-License-Identifier: Apache-2.0
"""Requests of Manila's clients for what there is none of."""

from manila_backup.api import microversions
from manila_backup.policies import absent
from tests.unit.api import base


class TestAbsent(base.ApiTest):

    def lists(self):
        return [(each, f'/v2{path}') for each in absent.RESOURCES
                for path in each.paths]

    def test_nothing_is_listed(self):
        for each, path in self.lists():
            for version in (each.since, microversions.MAX):
                for query in '', '?limit=5&all_tenants=1&name=x':
                    answer = self.call(
                        'GET', path + query, token=base.ADMIN, code=200,
                        version=microversions.to_string(version))
                    self.assertEqual({each.key: []}, answer.json)

    def test_not_before_its_version(self):
        for each, path in self.lists():
            if each.since > microversions.MIN:
                self.call('GET', path, token=base.ADMIN, code=404,
                          version=f'2.{each.since[1] - 1}')

    def test_who_may_ask(self):
        for each, path in self.lists():
            code = 200 if 'project' in each.check else 403
            for token in base.MEMBER, base.READER:
                self.call('GET', path, token=token, code=code)

    def test_one_of_them_and_making_one(self):
        id_ = '11111111-1111-4111-8111-111111111111'
        for each in absent.RESOURCES:
            answer = self.call('GET', f'/v2{each.path}/{id_}',
                               token=base.ADMIN, code=404)
            self.assertEqual(404, answer.json['itemNotFound']['code'])
            answer = self.call('POST', f'/v2{each.path}', {'x': {}},
                               token=base.ADMIN, code=405)
            self.assertIn('GET', answer.headers['Allow'])

    def test_beside_a_manila_they_are_its_own(self):
        self.assertNotIn('/share-networks', self.routes('manila'))
        self.assertIn('/share-networks', self.routes('local'))

    def routes(self, source):
        from manila_backup.api import handlers

        self.api.conf.set_override('source', source, 'shares')
        return handlers.routes(self.api.conf)
