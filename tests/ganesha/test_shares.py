# SPDX-License-Identifier: Apache-2.0
"""Backup and restore of shares while users have them by NFS: what clients
wrote is in the backup, what was restored is what they see, and nobody reads
half of one thing and half of another."""

import errno
import os
import threading

from tests.functional import base
from tests.functional import cloud
from tests.functional import disks
from tests.ganesha import client
from tests.ganesha import server

#: What a file has that is written anew again and again: several chunks, each
#: of one letter.
_LETTERS = 'abcdefghij'
_LENGTH = 50 * client.Client.CHUNK


class ExportedCloud(cloud.Cloud):
    """A service whose shares are on a file system that has file handles."""

    def _setUp(self):
        super()._setUp()
        self.disk = self.useFixture(disks.Disk(256 * disks.MIB))
        with open(self.config, 'a') as file:
            file.write(f'[local_shares]\npath = {self.disk.path}/shares\n')

    def share_path(self, share_id):
        return os.path.join(self.disk.path, 'shares', share_id)


class Exported(base.TestCase):
    """A share that is exported, with a client of it."""

    cloud_class = ExportedCloud
    squash = 'No_Root_Squash'

    def setUp(self):
        super().setUp()
        self.cloud.start()
        self.share = self.cloud.create_share()['id']
        self.path = self.cloud.share_path(self.share)
        os.chmod(self.path, 0o777)
        self.server = self.useFixture(server.Server(self.path, self.squash))
        self.client = self.connect()

    def connect(self, user=0):
        found = client.Client(self.server.url, user)
        self.addCleanup(found.disconnect)
        return found

    def back_up(self):
        """Make a backup; its dict."""
        backup = self.cloud.create_backup(self.share)
        self.cloud.wait_backup(backup['id'], 'available')
        self.cloud.wait_share(self.share, 'available')
        return backup

    def restore(self, backup):
        self.cloud.ask(202, 'POST', f'/share-backups/{backup["id"]}/action',
                       {'restore': self.share})
        self.cloud.wait_backup(backup['id'], 'available')
        self.cloud.wait_share(self.share, 'available')


class SharesTest(Exported):

    def test_what_clients_wrote_comes_back(self):
        self.client.mkdir('/d')
        whole = os.urandom(_LENGTH)
        self.client.write('/d/whole', whole)
        self.client.write('/small', b'small')
        other = self.connect(1234)
        other.write('/theirs', b'by somebody else')
        backup = self.back_up()
        self.assertEqual(
            {'d/whole': whole, 'small': b'small',
             'theirs': b'by somebody else'},
            self.content(self.cloud.backup_path(backup)))
        self.assertEqual(1234, os.stat(os.path.join(
            self.cloud.backup_path(backup), 'theirs')).st_uid)
        self.client.write('/d/whole', b'ransom')
        self.client.unlink('/small')
        self.client.rename('/theirs', '/d/moved')
        self.restore(backup)
        for each in self.client, self.connect():
            self.assertEqual(whole, each.content('/d/whole'))
            self.assertEqual(b'small', each.content('/small'))
            self.assertEqual(b'by somebody else', each.content('/theirs'))
            self.assertIsNone(each.content('/d/moved'))

    def test_what_is_open_while_it_is_restored(self):
        self.client.write('/changed', b'a' * _LENGTH)
        self.client.write('/same', b's' * _LENGTH)
        backup = self.back_up()
        self.client.write('/changed', b'b' * _LENGTH)
        changed, same = map(self.client.open, ('/changed', '/same'))
        self.restore(backup)
        # What did not differ was left alone.
        self.assertEqual(b's' * _LENGTH, self.client.read(same))
        # The other was replaced: whoever has it open has the old one still,
        # or is told that it is gone.
        try:
            self.assertEqual(b'b' * _LENGTH, self.client.read(changed))
        except OSError as exc:
            self.assertIn(exc.errno, (errno.ESTALE, errno.EIO, errno.ENOENT))
        self.assertEqual(b'a' * _LENGTH, self.client.content('/changed'))

    def test_after_the_file_server_has_died(self):
        self.client.write('/file', b'a' * _LENGTH)
        backup = self.back_up()
        self.client.write('/file', b'b' * _LENGTH)
        self.server.stop()
        self.restore(backup)
        self.server.start()
        self.assertEqual(b'a' * _LENGTH, self.connect().content('/file'))

    def test_while_a_client_writes(self):
        """Each stored file is one of those that were there, whole; or the
        backup says that it is not."""
        over = threading.Event()
        writer = self.connect()

        def write():
            number = 0
            while not over.is_set():
                number += 1
                letter = _LETTERS[number % len(_LETTERS)].encode()
                writer.write('/new', letter * _LENGTH)
                # As editors and databases do who mean it.
                writer.rename('/new', '/saved')

        writer.write('/saved', b'a' * _LENGTH)
        thread = threading.Thread(target=write)
        thread.start()
        try:
            backups = [self.back_up() for _ in range(5)]
        finally:
            over.set()
            thread.join()
        for backup in backups:
            stored = self.content(self.cloud.backup_path(backup))
            if 'saved' in stored:
                self.assertIn(stored['saved'], [
                    letter.encode() * _LENGTH for letter in _LETTERS])
                continue
            shown = self.cloud.ask(
                200, 'GET', f'/share-backups/{backup["id"]}',
                headers={'OpenStack-API-Version':
                         'shared-file-system-backup 1.0'})['share_backup']
            self.assertEqual('incomplete', shown['result'])


class SquashedTest(Exported):
    """A server that takes everybody for nobody."""

    squash = 'All_Squash'

    def test_owners_are_those_that_the_server_has_given(self):
        self.client.write('/file', b'content')
        owner = os.stat(os.path.join(self.path, 'file')).st_uid
        self.assertNotEqual(0, owner)
        backup = self.back_up()
        self.client.write('/file', b'other')
        self.restore(backup)
        self.assertEqual(b'content', self.client.content('/file'))
        self.assertEqual(owner, os.stat(
            os.path.join(self.path, 'file')).st_uid)
        self.client.write('/file', b'still theirs')
        self.assertEqual(b'still theirs', self.client.content('/file'))
