# SPDX-License-Identifier: Apache-2.0
"""Connections that break after a commit, before its answer: what was asked
for is done once, and whoever asked is told that it is."""

import testtools

from tests.functional import cloud
from tests.functional import proxy
from tests.functional import test_lost_servers


class LosingProxy(proxy.Proxy):
    """Passes connections on; while ``losing``, every other one that commits
    ends once the server has, without the answer.

    :ivar lost: int, how many answers were lost.
    """

    losing = False
    lost = 0
    _commits = 0

    def lose(self):
        """Begin: the next one that commits is one that ends."""
        self._commits, self.losing = 0, True

    def _take(self, near, far, source):
        data = source.recv(65536)
        commits = data.rstrip(b'\0').endswith(b'COMMIT')
        if not self.losing or source is not near or not commits:
            return data
        self._commits += 1
        if self._commits % 2:
            far.sendall(data)
            # It has committed when it says so.
            far.recv(65536)
            self.lost += 1
            return b''
        return data


class LosingCloud(test_lost_servers.CutOffCloud):

    PROXY = LosingProxy

    def _configure(self):
        if self._server == 'postgresql':
            # Encrypted, nobody in between would see a commit.
            self._options['database__connection_parameters'] = (
                'sslmode=disable')
        super()._configure()


class LostAnswersMySQL(testtools.TestCase):

    server = 'mysql'

    def setUp(self):
        super().setUp()
        self.cloud = self.useFixture(LosingCloud(self.server))
        self.cloud.tolerate = '^(?!.*Unexpected error).*$'
        self.cloud.start()
        self.share = self.cloud.create_share()

    def _ask(self, method, path, body=None, status=202):
        """A request whose transaction's answer is lost."""
        store = self.cloud.store
        before = store.lost
        store.lose()
        try:
            answer = self.cloud.request(method, path, body, 'admin:p1')
        finally:
            store.losing = False
        self.assertLess(before, store.lost)
        self.assertEqual(status, answer.status, answer.body)
        return answer.body

    def _act(self, name, values=None, status=202):
        return self._ask('POST', f'/shares/{self.share["id"]}/action',
                         {name: values}, status)

    def test_sizes(self):
        self._act('extend', {'new_size': 3})
        self.assertEqual([(3,)], self.cloud.rows('SELECT size FROM shares'))
        self._act('shrink', {'new_size': 2})
        self.assertEqual([(2,)], self.cloud.rows('SELECT size FROM shares'))

    def test_access_rules(self):
        rule = self._act('allow_access', {
            'access_type': 'ip', 'access_to': '10.0.0.1',
            'access_level': 'rw'}, 200)['access']
        self.assertEqual([(rule['id'],)],
                         self.cloud.rows('SELECT id FROM access_rules'))
        self._act('deny_access', {'access_id': rule['id']})
        self.assertEqual([], self.cloud.rows('SELECT id FROM access_rules'))

    def test_share_types(self):
        made = self._ask('POST', '/types', {'share_type': {
            'name': 'gold',
            'extra_specs': {'driver_handles_share_servers': 'False'}}}, 200)
        path = f'/types/{made["share_type"]["id"]}'
        self._ask('PUT', path, {'share_type': {'name': 'silver'}},
                  200)
        self._ask('DELETE', path)
        self.assertEqual([], self.cloud.rows(
            "SELECT id FROM share_types WHERE name IN ('gold', 'silver')"))

    def test_unmanage(self):
        self._act('unmanage')
        self.assertEqual([], self.cloud.rows('SELECT id FROM shares'))

    def test_backups(self):
        path = '/share-backups'
        backup = self._ask('POST', path, {'share_backup': {
            'share_id': self.share['id']}})['share_backup']
        self.cloud.wait_backup(backup['id'], 'available')
        path = f'{path}/{backup["id"]}'
        self._ask('POST', f'{path}/action', {'restore': None})
        cloud.eventually('the restore', lambda: self.cloud.rows(
            "SELECT id FROM operations WHERE kind = 'restore'"
            " AND status = 'done'"))
        self._ask('DELETE', path)
        cloud.eventually('the deletion', lambda: not self.cloud.rows(
            'SELECT id FROM share_backups'))
        self.assertEqual(
            [('create', 1, 0), ('delete', 1, 0), ('restore', 1, 0)],
            self.cloud.rows(
                'SELECT kind, count(*), sum(failures) FROM operations '
                'WHERE backup_id IS NOT NULL GROUP BY kind ORDER BY kind'))


class LostAnswersPostgreSQL(LostAnswersMySQL):
    server = 'postgresql'
