# SPDX-License-Identifier: Apache-2.0
"""Shares of CephFS."""

import json
import os

from tests.functional import cloud as functional
from tests.manila import cloud
from tests.manila import fault_case


class TestCephFS(fault_case.TestCase):
    """The mount command gets the key in a file, and writes down what it got.
    """

    @classmethod
    def setUpClass(cls):
        cls.seen = os.path.join(cloud.shared().root, 'key-seen')
        root = cloud.shared().root
        script = os.path.join(os.path.dirname(cloud.__file__),
                              'mount_share.py')
        cls.more = {
            'manila_shares__access_type': 'auto',
            'manila_shares__mount_template':
                f'sh -c \'cat "$0" > {cls.seen}; exec "$@"\' {{secret_file}} '
                f'python3 -I {script} mount {root} {{export}} {{options}} '
                f'{{path}}'}
        super().setUpClass()

    def test_backup_and_restore(self):
        share_id = self.make_share(protocol='CEPHFS')
        backup_id = self.back_up(share_id)
        self.wait_backup(backup_id, 'available')
        with open(self.seen) as file:
            self.assertEqual('key-of-manila-backup', file.read())
        with open(f'{self.manila.share_path(share_id)}/file', 'w') as file:
            file.write('changed')
        self.restore(backup_id)
        functional.eventually('the restore', lambda: self.share_status(
            share_id) == 'available')
        self.assertContent(share_id)
        self.assertNothingLeft(share_id)
        self._check_mounts(share_id)
        self._check_requests(share_id)

    def _check_mounts(self, share_id):
        with open(os.path.join(self.manila.root, 'mounts.log')) as file:
            text = file.read()
        self.assertNotIn('key-of', text)
        mounts = [each for each in map(json.loads, text.splitlines())
                  if share_id in each.get('export', '')
                  and not each['refused']]
        self.assertEqual(['ro', 'rw'], [each['level'] for each in mounts])
        for each in mounts:
            self.assertIn('name=manila-backup', each['options'])
            self.assertEqual({'nosuid', 'nodev', 'noexec'},
                             {'nosuid', 'nodev', 'noexec'}
                             & set(each['options']))

    def _check_requests(self, share_id):
        """The key was nobody else's to see."""
        shown = [body for method, path, body in self.proxy.requests
                 if method == 'POST' and path.endswith('/resource-locks')
                 and '"show"' in body]
        self.assertEqual(2, len(shown))
