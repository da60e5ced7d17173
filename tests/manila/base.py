# SPDX-License-Identifier: Apache-2.0
"""Common parts of the tests beside a Manila."""

import atexit
import os

import testtools
from testtools import content as details

from tests.functional import base
from tests.functional import cloud as functional
from tests.manila import cloud


class TestCase(base.Content, testtools.TestCase):
    """A test with the Manila of the process, and a service that the tests of
    a class share.

    :cvar options: configuration of the service that differs from the
        fixture's.
    """

    options = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manila = cloud.shared()
        cls.service = cloud.Service(cls.manila, **cls.options)
        cls.service.setUp()
        # A run that is interrupted does no more of a class.
        atexit.register(cls.service.cleanUp)
        cls.addClassCleanup(cls._end_service)

    @classmethod
    def _end_service(cls):
        atexit.unregister(cls.service.cleanUp)
        cls.service.cleanUp()

    def setUp(self):
        super().setUp()
        self.addOnException(self._add_logs)

    def _add_logs(self, exc_info):
        said = {name: self.manila.services.said(name)
                for name in self.manila.services.processes}
        for each in self.service.cloud.processes:
            said[f'{each.command}-{each.pid}'] = each.said()
        for name, text in said.items():
            # What matters comes last, and Manila says a lot.
            self.addDetail(name, details.text_content(text[-30000:]))

    # -- shares ----------------------------------------------------------

    def fill_share(self, share_id, seed=0):
        """Fill a share with files.

        :returns: what is in it, as of :meth:`share_content`.
        """
        return self.fill(self.manila.share_path(share_id), 20, 5000, seed)

    def change_share(self, share_id):
        """Change what :meth:`fill_share` made."""
        path = self.manila.share_path(share_id)
        os.remove(os.path.join(path, 'd1', 'f1'))
        for name in ('d2/f2', 'new'):
            with open(os.path.join(path, name), 'w') as file:
                file.write('changed')

    def share_content(self, share_id):
        """The files in a share."""
        return self.content(self.manila.share_path(share_id))

    def locks(self, share_id):
        """The locks of a share, as dicts."""
        return [each for each in self.manila.locks()
                if each['resource_id'] == share_id]

    def assert_nothing_left(self, *share_ids, rules=(), metadata=None):
        """Of shares and all that this service did with them, there is only
        what there was.

        :param rules: the ids of the access rules that they have.
        :param metadata: dict, the metadata that each of them has.
        """
        for share_id in share_ids:
            share = self.manila.show('shares', share_id)
            if share is None:
                continue
            self.assertEqual(
                list(rules),
                [each['id'] for each in self.manila.rules(share_id)])
            self.assertEqual(len(rules), len(self.manila.granted(share_id)))
            self.assertEqual(metadata or {}, share['metadata'])
        self.assertEqual([], self.manila.locks())
        self.assertEqual(
            set(), {each['id'] for each in self.manila.request(
                'GET', '/snapshots/detail?all_tenants=1')['snapshots']
                if each['share_id'] in share_ids})
        with open('/proc/mounts') as file:
            self.assertNotIn(self.service.cloud.root, file.read())

    # -- this service ----------------------------------------------------

    def request(self, method, path, body=None, user='alice', **kwargs):
        """A request to this service, through the proxy.

        :returns: a :class:`tests.functional.cloud.Answer`.
        """
        return self.service.cloud.request(
            method, path, body, token=self.manila.token(user),
            port=self.manila.proxy_port, **kwargs)

    def create_backup(self, share_id, user='alice'):
        """Ask for a backup; its dict as answered."""
        answer = self.request('POST', '/share-backups', {
            'share_backup': {'share_id': share_id}}, user)
        self.assertEqual(202, answer.status, answer.body)
        return answer.body['share_backup']

    def backed_up(self, share_id, user='alice'):
        """Have a backup made; its dict."""
        backup = self.create_backup(share_id, user)
        return self.wait_backup(backup['id'], 'available', user)

    def restore(self, backup_id, share_id=None, user='alice'):
        """Have a backup restored, to another share if that is given; its
        dict."""
        answer = self.request('POST', f'/share-backups/{backup_id}/action',
                              {'restore': share_id}, user)
        self.assertEqual(202, answer.status, answer.body)
        return self.wait_backup(backup_id, 'available', user)

    def show_backup(self, backup_id, user='alice'):
        """A backup's dict, or None."""
        answer = self.request('GET', f'/share-backups/{backup_id}',
                              user=user)
        return answer.body['share_backup'] if answer.status == 200 else None

    def wait_backup(self, backup_id, status, user='alice'):
        """Wait until a backup has a status (None: until it is gone).

        :returns: its dict.
        """
        def check():
            found = self.show_backup(backup_id, user)
            if found is None:
                return status is None
            if found['status'] != status and 'error' in found['status']:
                raise AssertionError(f'{found}')
            return found['status'] == status and found

        return functional.eventually(f'backup {backup_id} {status}', check)
