# SPDX-License-Identifier: Apache-2.0
"""Adopted shares with file systems mounted in them, through the API and a
worker: with the wish that those are part of the share, and without."""

import os
import subprocess

from manila_backup.drivers.conformance import trees
from tests.functional import base

ADMIN = 'admin:p1'
EXTENSION = {'OpenStack-API-Version': 'shared-file-system-backup 1.2'}


class MountsInsideTest(base.TestCase):

    options = {'backup__enabled_drivers': 'posix,restic',
               'restic__repository': '$state_path/restic-repository'}

    def setUp(self):
        super().setUp()
        self.cloud.start()
        self.inner = os.path.join(self.cloud.root, 'inner')
        self.path = os.path.join(self.cloud.root, 'data')
        for path in (self.inner, self.path, os.path.join(self.path, 'mnt')):
            os.mkdir(path)
        for name in ('theirs', 'file'):
            trees.write(os.path.join(self.inner, name), name.encode())
        trees.write(os.path.join(self.path, 'own'), b'own')
        trees.write(os.path.join(self.path, 'file'), b'under')
        self.bind(self.inner, 'mnt')
        self.bind(os.path.join(self.inner, 'file'), 'file')

    def bind(self, source, name):
        path = os.path.join(self.path, name)
        subprocess.run(['mount', '--bind', source, path], check=True)
        self.addCleanup(subprocess.run, ['umount', '-l', path],
                        stderr=subprocess.DEVNULL)

    def adopted(self, **driver_options):
        share = self.cloud.ask(200, 'POST', '/shares/manage', {'share': {
            'export_path': self.path, 'protocol': 'NFS',
            'driver_options': driver_options}}, token=ADMIN)['share']
        return self.cloud.wait_share(share['id'], 'available', token=ADMIN)

    def backup(self, share, driver):
        made = self.cloud.create_backup(
            share['id'], backup_options={'backup_type': driver})
        return self.cloud.wait_backup(made['id'], 'available', token=ADMIN)

    def restore(self, backup):
        self.cloud.ask(202, 'POST', f'/share-backups/{backup["id"]}/action',
                       {'restore': None})
        self.cloud.wait_share(backup['share_id'], 'available')
        return self.cloud.wait_backup(backup['id'], 'available', token=ADMIN)

    def restore_paths(self, backup, *paths):
        """Restore paths, overwriting what is there, and return the operation
        once it has ended."""
        asked = self.cloud.ask(
            202, 'POST', f'/share-backups/{backup["id"]}/action',
            {'restore_files': {'paths': paths, 'conflict': 'overwrite'}},
            token=ADMIN, headers=EXTENSION)['restore_files']
        self.cloud.wait_backup(backup['id'], 'available', token=ADMIN)
        return self.cloud.ask(
            200, 'GET', f'/share-backup-operations/{asked["operation_id"]}',
            token=ADMIN, headers=EXTENSION)['share_backup_operation']

    def told(self, backup):
        """List what its record names as left out."""
        lines = (backup['fail_reason'] or '').splitlines()
        for line in lines:
            self.assertRegex(line, 'another file system (is |was )?mounted')
        return sorted(line.split('"')[1] for line in lines)

    def _left_alone(self, driver, **driver_options):
        share = self.adopted(**driver_options)
        self.assertEqual({'include_mounts': 'false'},
                         share['driver_options'])
        backup = self.backup(share, driver)
        self.assertEqual(['file', 'mnt'], self.told(backup))
        trees.write(os.path.join(self.inner, 'extra'), b'extra')
        trees.write(os.path.join(self.path, 'own'), b'changed')
        theirs = trees.snapshot(self.inner)
        self.assertEqual(['file', 'mnt'], self.told(self.restore(backup)))
        self.assertEqual(theirs, trees.snapshot(self.inner))
        self.assertEqual(b'own', self.content(self.path)['own'])
        # Nor does a restore of chosen paths touch them.
        self.cloud.tolerate = 'entries could not be restored'
        trees.write(os.path.join(self.path, 'own'), b'changed')
        ended = self.restore_paths(backup, '/')
        self.assertEqual(('failed', 'not_all_restored'),
                         (ended['status'], ended['status_code']))
        self.assertIn('"mnt" was not restored: ', ended['error'])
        self.assertEqual(theirs, trees.snapshot(self.inner))
        self.assertEqual(b'own', self.content(self.path)['own'])
        # Nothing of them is in it either.
        other = self.cloud.create_share()
        self.cloud.ask(202, 'POST', f'/share-backups/{backup["id"]}/action',
                       {'restore': other['id']})
        self.cloud.wait_share(other['id'], 'available')
        self.assertEqual({'own': b'own'}, self.content(
            self.cloud.share_path(other['id'])))

    def _part_of_it(self, driver):
        share = self.adopted(include_mounts='true')
        self.assertEqual({'include_mounts': 'true'}, share['driver_options'])
        backup = self.backup(share, driver)
        self.assertIsNone(backup['fail_reason'])
        before = self.content(self.path)
        self.assertEqual({'own', 'file', 'mnt/file', 'mnt/theirs'},
                         set(before))
        trees.write(os.path.join(self.inner, 'extra'), b'extra')
        trees.write(os.path.join(self.inner, 'theirs'), b'changed')
        self.assertIsNone(self.restore(backup)['fail_reason'])
        self.assertEqual(before, self.content(self.path))
        self.assertEqual({'theirs', 'file'}, set(self.content(self.inner)))
        other = self.cloud.create_share()
        self.cloud.ask(202, 'POST', f'/share-backups/{backup["id"]}/action',
                       {'restore': other['id']})
        self.cloud.wait_share(other['id'], 'available')
        self.assertEqual(before, self.content(
            self.cloud.share_path(other['id'])))

    def test_posix_leaves_them_alone(self):
        self._left_alone('posix')

    def test_restic_leaves_them_alone(self):
        self._left_alone('restic', include_mounts='no')

    def test_posix_takes_them_if_wished(self):
        self._part_of_it('posix')

    def test_restic_takes_them_if_wished(self):
        self._part_of_it('restic')
