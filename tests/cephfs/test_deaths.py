# SPDX-License-Identifier: Apache-2.0
"""Clients that are killed, and a metadata server that is."""

import os
import stat
import tempfile

from manila_backup.drivers import base as drivers
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from manila_backup.drivers.posix import driver
from tests.cephfs import base

_DIRECTORIES, _FILES = 8, 25

#: What CephFS itself gives to files that were written in the seconds before a
#: client or a metadata server died: the time of their last write.
_TIME = 'is not as stored: modification time.'


def _but_times(root):
    found = trees.snapshot(root)
    for facts in found.values():
        if facts['type'] == stat.S_IFREG:
            del facts['mtime']
    return found


class Deaths(case.Case):
    """Share and repository on a mount of the test's own."""

    def setUp(self):
        self.root = tempfile.mkdtemp(dir=base.mounted())
        path = tempfile.mkdtemp()
        self.addCleanup(os.rmdir, path)
        self.client = base.shared().mount(path, root=os.path.join(
            '/', os.path.basename(self.root)))
        self.addCleanup(self.client.unmount)
        super().setUp()

    def make_driver(self):
        self.repository = os.path.join(self.client.path, 'repository')
        return driver.PosixDriver(self.repository, 2)

    def share(self, name):
        path = os.path.join(self.client.path, name)
        os.mkdir(path)
        return path

    def die(self):
        """Kill the client, and have another one."""
        self.client.kill()
        self.client.unmount()
        self.client.mount()

    def assertBackup(self, expected):
        """Assert that all is stored, but for what the manifest alone has."""
        self.assertEqual([], [
            text for text in self.verify() if not text.endswith(_TIME)])
        self.restore()
        self.assertSame(expected, self.target)

    def fails(self, process):
        """Assert that an operation says that it may be tried again."""
        with self.assertRaises(drivers.DriverError) as caught:
            process.result()
        self.assertTrue(caught.exception.retryable, caught.exception)
        self.assertFalse(process.left())


class ClientTest(Deaths):

    def setUp(self):
        super().setUp()
        trees.many(self.source, _DIRECTORIES, _FILES)
        self.before = trees.snapshot(self.source)

    def test_a_repository_that_goes_away(self):
        for attempt, count in ((1, 5), (2, 60), (3, 150)):
            self.get_ready(case.place())
            process = case.Process(self.driver.backup, case.place(), attempt,
                                   self.source, {}, None)
            process.wait_for_files(count, 300)
            self.client.kill()
            self.fails(process)
            self.client.unmount()
            self.client.mount()
            self.assertNotIn('published', str(self.states()))
        # What the attempts had stored may have been lost with the clients.
        self.backup(attempt=4)
        self.assertEqual([], self.verify())
        self.assertStored(self.before)

    def test_a_backup_that_was_just_published(self):
        self.backup()
        self.die()
        self.assertBackup(self.before)

    def test_a_share_that_goes_away_while_it_is_backed_up(self):
        share = self.share('share')
        trees.many(share, _DIRECTORIES, _FILES)
        local = driver.PosixDriver(os.path.join(self.scratch, 'repository'),
                                   2)
        local.check(create=True)
        self.driver = local
        self.get_ready(case.place())
        process = case.Process(local.backup, case.place(), 1, share, {}, None)
        process.wait_for_files(60, 300)
        self.client.kill()
        self.fails(process)
        self.assertNotIn('published', str(self.states()))
        self.client.unmount()
        self.client.mount()
        before = trees.snapshot(share)
        self.backup(attempt=2, source=share)
        self.assertStored(before)

    def test_a_share_that_goes_away_while_it_is_restored(self):
        share = self.share('share')
        local = driver.PosixDriver(os.path.join(self.scratch, 'repository'),
                                   2)
        local.check(create=True)
        self.driver = local
        self.backup()
        for attempt, count in ((1, 5), (2, 150)):
            process = case.Process(local.restore, case.place(), attempt,
                                   share)
            process.wait_for_files(count, 300)
            self.client.kill()
            self.fails(process)
            self.client.unmount()
            self.client.mount()
        self.restore(attempt=3, target=share)
        self.assertSame(self.before, share)


class MetadataServerTest(Deaths):
    """Another one takes over while an operation is under way."""

    def setUp(self):
        super().setUp()
        self.source, self.target = map(self.share, ('source', 'target'))
        trees.many(self.source, _DIRECTORIES, _FILES)

    def fail_over(self, process):
        """Kill it once something is done, and wait for the operation's end."""
        process.wait_for_files(60, 300)
        name = base.shared().kill_active()
        self.addCleanup(base.shared().restart, name)
        process.result()

    def test_a_backup(self):
        before = trees.snapshot(self.source)
        self.get_ready(case.place())
        self.fail_over(case.Process(self.driver.backup, case.place(), 1,
                                    self.source, {}, None))
        self.driver.publish(case.place(), 1)
        self.assertBackup(before)

    def test_a_restore(self):
        before = trees.snapshot(self.source)
        self.backup()
        self.fail_over(case.Process(self.driver.restore, case.place(), 1,
                                    self.target))
        self.assertSame(_but_times(self.source), _but_times(self.target))
        self.assertEqual(0, self.restore(attempt=2).stored_bytes)
        self.assertSame(before, self.target)
