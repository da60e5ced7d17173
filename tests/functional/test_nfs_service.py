# SPDX-License-Identifier: Apache-2.0
"""A service that copies snapshots of its shares to a repository that its
workers mount, while both workers and mounts die."""

import os
import signal
import subprocess

from tests.functional import cloud
from tests.functional import disks
from tests.functional import test_dying_workers


class TestSnapshotsToAMount(test_dying_workers.DyingWorkersTestCase):

    FILES, SIZE = 1500, 6000

    def setUp(self):
        self.disk = disks.Disk(160 * disks.MIB, 'btrfs')
        self.disk.setUp()
        # Before anything else is set up: it is the last to go.
        self.addCleanup(self.disk.cleanUp)
        self.export = os.path.join(self.disk.root, 'export')
        os.mkdir(self.export)
        self.options = {
            **self.options,
            'local_shares__path': self.disk.path,
            'backup__enabled_drivers': 'nfs',
            'nfs__export': self.export,
            'nfs__mount_template': 'bindfs {export} {path}'}
        super().setUp()
        self.cloud.repository = self.export
        self.cloud.tolerate = 'attempt [0-9]+ failed'

    def _big_share(self):
        share = self.cloud.create_share()
        path = os.path.join(self.disk.path, share['id'])
        return share, self.fill(path, self.FILES, self.SIZE)

    def held(self, share):
        folder = os.path.join(self.disk.path, '.held', share['id'])
        return os.listdir(folder) if os.path.isdir(folder) else []

    def caught_backup(self, share):
        """A backup whose making is under way, from a snapshot."""
        for _ in range(5):
            backup = self._caught_backup(share['id'])
            if self.held(share) == [f'{backup["id"]}.1']:
                return backup
            self.cloud.wait_backup(backup['id'], 'available')
        self.fail('no snapshot was seen')

    def finished(self, share, backup, made):
        """It has become available, and nothing but it stays."""
        backup = self.cloud.wait_backup(backup['id'], 'available')
        self.cloud.wait_share(share['id'], 'available')
        self.assertEqual(2, self._attempt(backup['id']))
        self.assertEqual(made, self.content(self.cloud.backup_path(backup)))
        cloud.eventually('no leftovers', lambda: not (
            self.held(share) or self._partial()))

    def mounts(self):
        return disks.processes('bindfs', self.export)

    def test_nothing_stays(self):
        share, made = self._big_share()
        # Called off.
        backup = self.caught_backup(share)
        self.cloud.ask(
            202, 'POST', f'/share-backups/{backup["id"]}/action',
            {'reset_status': {'status': 'error'}}, token='admin:admin')
        self.cloud.wait_share(share['id'], 'available')
        cloud.eventually('no leftovers', lambda: not self.held(share))
        # The mount is lost.
        backup = self.caught_backup(share)
        lost, = self.mounts()
        os.kill(lost, signal.SIGKILL)
        self._tell(self.stopped, signal.SIGCONT)
        self.finished(share, backup, made)
        # The worker dies.
        backup = self.caught_backup(share)
        self.worker.kill()
        self._tell(self.stopped, signal.SIGCONT)
        cloud.eventually('no mount', lambda: not self.mounts())
        self.assertNotEqual([], self.held(share))
        self.cloud.start_worker()
        self.finished(share, backup, made)
        # Where no snapshot can be made, the backup is made all the same.
        subprocess.run(['btrfs', '-q', 'subvolume', 'create', os.path.join(
            self.disk.path, share['id'], 'd')], check=True)
        backup = self.cloud.create_backup(share['id'])
        self.cloud.wait_backup(backup['id'], 'available')
        self.assertIn('there are subvolumes in it', self.cloud.show_backup(
            backup['id'], token='admin:p1')['fail_reason'])
        # A command mounts for itself.
        said = self.cloud.manage('repository', 'verify', backup['id'])
        self.assertIn('sound', said)
        self.assertEqual(1, len(self.mounts()))
