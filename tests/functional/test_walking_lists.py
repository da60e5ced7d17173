# SPDX-License-Identifier: Apache-2.0
"""Clients walk through lists of several pages, and see each item once."""

import os
from urllib import parse

import openstack
from openstack import resource
from openstack.shared_file_system.v2 import share as sdk_share
from openstack.shared_file_system.v2 import share_snapshot as sdk_snapshot
from openstack.shared_file_system.v2 import user_message as sdk_message

from manilaclient import client as manila
from tests.functional import base
from tests.functional import cloud

OWNER = 'admin:admin'

#: Five of each, on pages of two at the most.
COUNT, PAGE = 5, 2


class ShareBackup(resource.Resource):
    """As openstacksdk would have one."""

    resource_key = 'share_backup'
    resources_key = 'share_backups'
    base_path = '/share-backups/detail'
    allow_list = True
    _max_microversion = '2.91'


class WalkingLists(base.TestCase):

    options = {'api__max_limit': PAGE}

    def setUp(self):
        super().setUp()
        self.cloud.start()
        self.url = f'http://127.0.0.1:{self.cloud.port}/v2'
        ask = self.cloud.ask
        self.shares = [ask(200, 'POST', '/shares', {'share': {
            'share_proto': 'NFS', 'size': 1, 'name': f'share {number}'}},
            token=OWNER)['share']['id'] for number in range(COUNT)]
        for each in self.shares:
            self.cloud.wait_share(each, 'available', OWNER)
        self.backups = [self.cloud.create_backup(each, OWNER)['id']
                        for each in self.shares]
        for each in self.backups:
            self.cloud.wait_backup(each, 'available', OWNER)
        self.snapshots = [ask(202, 'POST', '/snapshots', {'snapshot': {
            'share_id': each}}, token=OWNER)['snapshot']['id']
            for each in self.shares]
        cloud.eventually('the snapshots', lambda: len(self.cloud.rows(
            "SELECT id FROM snapshots WHERE status = 'available'")) == COUNT)
        self.messages = self._fail()

    def _fail(self):
        """Have each of the backups fail to be restored; the ids of what
        users are told of it."""
        self.cloud.tolerate = 'attempt [0-9]+ failed'
        for share, backup in zip(self.shares, self.backups, strict=True):
            path = self.cloud.share_path(share)
            os.rename(path, path + '.away')
            self.cloud.ask(202, 'POST', f'/share-backups/{backup}/action',
                           {'restore': None}, token=OWNER)
        return [found for found, in cloud.eventually(
            'the messages', lambda: self._all('messages'))]

    def _all(self, table):
        """The ids in a table, once it has all that there will be."""
        found = self.cloud.rows(f'SELECT id FROM {table}')
        return len(found) == COUNT and found

    def assert_once_each(self, expected, found):
        self.assertEqual(sorted(expected), sorted(each.id for each in found))

    def test_openstacksdk(self):
        connection = openstack.connect(
            auth_type='none', endpoint=self.url,
            shared_file_system_endpoint_override=self.url,
            shared_file_system_default_microversion='2.91')
        proxy = connection.shared_file_system
        lists = ((ShareBackup, None, self.backups),
                 (sdk_share.Share, '/shares', self.shares),
                 (sdk_share.Share, '/shares/detail', self.shares),
                 (sdk_snapshot.ShareSnapshot, '/snapshots', self.snapshots),
                 (sdk_snapshot.ShareSnapshot, '/snapshots/detail',
                  self.snapshots),
                 (sdk_message.UserMessage, '/messages', self.messages))
        for kind, path, expected in lists:
            for query in ({}, {'limit': 1}, {'limit': 2}, {'limit': COUNT}):
                self.assert_once_each(expected, kind.list(
                    proxy, base_path=path, **query))
        self.assert_once_each(self.shares, proxy.shares())
        self.assert_once_each(self.snapshots, proxy.share_snapshots())
        self.assert_once_each(self.messages, proxy.user_messages())

    def test_python_manilaclient(self):
        client = manila.Client(
            '2', api_version='2.91', service_catalog_url=self.url,
            input_auth_token=OWNER)
        for manager, expected in (
                (client.share_backups, self.backups),
                (client.shares, self.shares),
                (client.share_snapshots, self.snapshots)):
            for detailed in True, False:
                found = []
                # It follows no links; whoever uses it, and gophercloud, asks
                # from the next offset on until there is nothing.
                while page := manager.list(
                        detailed=detailed,
                        search_opts={'offset': len(found), 'limit': PAGE}):
                    found += page
                self.assert_once_each(expected, found)
        found = []
        while page := client.messages.list(
                {'offset': len(found), 'limit': PAGE},
                sort_key='created_at', sort_dir='asc'):
            found += page
        self.assert_once_each(self.messages, found)

    def test_as_gophercloud_does(self):
        """Of shares, snapshots and messages (it knows no backups) it follows
        no link: where a limit is given, it asks from the offset that is that
        much further on, until a page is empty, with the rest of the query as
        it was; without one it takes the first page for all there is. Of a
        page it takes the only list whose name does not end in "links"."""
        for path, expected in (('/shares/detail', self.shares),
                               ('/snapshots', self.snapshots),
                               ('/snapshots/detail', self.snapshots),
                               ('/share-backups/detail', self.backups),
                               ('/share-backups', self.backups),
                               ('/messages', self.messages)):
            for limit in range(1, PAGE + 1):
                self.assertEqual(sorted(expected), sorted(
                    each['id'] for each in self._pages(path, limit)))
            self.assertEqual(PAGE, len(self._list(f'{path}?sort_key=id')))

    def _pages(self, path, limit):
        query, offset, found = {'limit': limit, 'sort_key': 'id'}, 0, []
        while True:
            page = self._list(f'{path}?{parse.urlencode(query)}')
            if not page:
                return found
            found += page
            offset += limit
            query['offset'] = offset

    def _list(self, path):
        body = self.cloud.ask(200, 'GET', path, token=OWNER)
        name, = (name for name, value in body.items()
                 if isinstance(value, list) and not name.endswith('links'))
        return body[name]


class WalkingListsPostgreSQL(WalkingLists):

    server = 'postgresql'


class NothingToWalk(base.TestCase):
    """Lists of things that clients ask for and there are none of."""

    def test_python_manilaclient(self):
        self.cloud.start_api()
        client = manila.Client(
            '2', api_version='2.91', input_auth_token=OWNER,
            service_catalog_url=f'http://127.0.0.1:{self.cloud.port}/v2')
        for manager in (client.resource_locks, client.pools,
                        client.share_groups, client.share_group_snapshots,
                        client.share_group_types, client.share_networks,
                        client.security_services, client.share_servers,
                        client.share_instances, client.transfers,
                        client.messages, client.share_snapshot_instances,
                        client.share_replicas):
            self.assertEqual([], list(manager.list()), manager)
