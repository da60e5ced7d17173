# SPDX-License-Identifier: Apache-2.0
"""Damage in repositories is found."""

import json
import os
import shutil
import subprocess
import uuid

from tests.functional import cloud
from tests.functional import repositories


def _flip(data):
    path = os.path.join(data, 'd1', 'f1')
    st = os.stat(path)
    with open(path, 'r+b') as file:
        byte = file.read(1)[0]
        file.seek(0)
        file.write(bytes([byte ^ 4]))
    os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))


def _truncate(data):
    os.truncate(os.path.join(data, 'd2', 'f2'), 1)


def _remove(data):
    os.unlink(os.path.join(data, 'd3', 'f3'))


def _add(data):
    with open(os.path.join(os.fsencode(data), b'd4', b'm\xff\n"ore'), 'w'):
        pass


def _swap(data):
    one, two = (os.path.join(data, f'd{number}', f'f{number}')
                for number in (5, 6))
    os.rename(one, one + '.')
    os.rename(two, one)
    os.rename(one + '.', two)


def _mode(data):
    os.chmod(os.path.join(data, 'd7', 'f7'), 0o600)


def _symlink(data):
    path = os.path.join(data, 'd0', 'f0')
    os.rename(path, path + '.')
    os.symlink('f0.', path)


def _metadata_edit(data):
    path = os.path.join(data, '..', 'metadata.json')
    with open(path) as file:
        metadata = json.load(file)
    metadata['files'] += 1
    with open(path, 'w') as file:
        json.dump(metadata, file)


def _manifest_flip(data):
    path = os.path.join(data, '..', 'manifest')
    with open(path, 'r+b') as file:
        file.seek(os.path.getsize(path) // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))


def _manifest_cut(data):
    path = os.path.join(data, '..', 'manifest')
    os.truncate(path, os.path.getsize(path) - 1)


def _manifest_remove(data):
    os.unlink(os.path.join(data, '..', 'manifest'))


def _everything(data):
    shutil.rmtree(os.path.dirname(data))


class Verify:
    """On each database."""

    # Or else a damage to one backup would be one to others.
    options = {'posix__incremental': False}

    # Each damage, and what must be said of it.
    DAMAGES = ((_flip, '"d1/f1" is damaged'),
               (_truncate, '"d2/f2" is of another size'),
               (_remove, '"d3/f3" is missing'),
               (_add, r'"d4/m\xff\n\"ore" is not in the manifest'),
               (_swap, '"d6/f6" is'),
               (_mode, '"d7/f7" is not as stored: mode'),
               (_symlink, '"d0/f0" is of another type'),
               (_metadata_edit, 'contradicts its manifest'),
               (_manifest_flip, 'manifest is damaged'),
               (_manifest_cut, 'manifest is damaged'),
               (_manifest_remove, '"manifest": No such file'),
               (_everything, 'not in the repository'))

    def test_every_damage_is_found_and_marked(self):
        self.cloud.start()
        share = self.cloud.create_share()
        path = self.cloud.share_path(share['id'])
        self.fill(path, 10, 5000)
        backups = self.make_backups(share, 1 + len(self.DAMAGES))
        good = backups.pop()
        self.assertEqual(
            {'sound'}, {each['result'] for each in self.repository(
                'verify', '--all')})

        for backup, (damage, _said) in zip(backups, self.DAMAGES):
            damage(self.cloud.backup_path(backup))
        found = {each['backup_id']: each for each in self.repository(
            'verify', '--all', '--dry-run', status=1)}
        self.assertFalse(any(each['marked'] for each in found.values()))
        self.assertEqual('available', self.shown(backups[0])['status'])

        found = {each['backup_id']: each for each in self.repository(
            'verify', '--project', 'p1', status=1)}
        self.assertEqual('sound', found.pop(good['id'])['result'])
        self.assertEqual('available', self.shown(good)['status'])
        for backup, (damage, said) in zip(backups, self.DAMAGES):
            each = found.pop(backup['id'])
            self.assertEqual(('damaged', True),
                             (each['result'], each['marked']), damage)
            self.assertIn(said, ' '.join(each['damages']))
            self.assertEqual('error', self.shown(backup)['status'])
            self.assertIn(said, self.shown(backup)['fail_reason'])
        self.assertEqual({}, found)

        self._no_restore(share, backups[0], good)
        self.repository('verify', good['id'])
        self.repository('verify', good['id'], backups[0]['id'], status=1)
        self.repository('verify', str(uuid.uuid4()), status=1)

    def _no_restore(self, share, backup, good):
        """Refused, and the share left alone; the good one can be."""
        answer = self.cloud.request(
            'POST', f'/share-backups/{backup["id"]}/action',
            {'restore': None})
        self.assertEqual(400, answer.status)
        self.cloud.ask(202, 'POST', f'/share-backups/{good["id"]}/action',
                       {'restore': None})
        self.cloud.wait_share(share['id'], 'available')
        self.cloud.wait_backup(good['id'], 'available')


class VerifyMySQL(Verify, repositories.RepositoryTestCase):

    def test_for_people_to_read(self):
        self.cloud.start()
        share = self.cloud.create_share()
        name = b'\xc3\xa4\xff\x1b[31m\n"\\'
        with open(os.path.join(os.fsencode(
                self.cloud.share_path(share['id'])), name), 'w'):
            pass
        backup, = self.make_backups(share)
        os.unlink(os.path.join(os.fsencode(self.cloud.backup_path(backup)),
                               name))
        for locale, letter in (('C.UTF-8', '\xe4'.encode()),
                               ('POSIX', rb'\xe4')):
            done = subprocess.run(
                [os.path.join(cloud.BIN, 'manila-backup-manage'),
                 '--config-file', self.cloud.config, 'repository', 'verify',
                 backup['id']],
                capture_output=True, timeout=cloud.PATIENCE,
                env=dict(os.environ, LC_ALL=locale, PYTHONUTF8='0',
                         PYTHONCOERCECLOCALE='0', PYTHONIOENCODING=''))
            self.assertEqual(1, done.returncode, done.stderr)
            self.assertEqual(
                [b'%b damaged, its status is error now'
                 % backup['id'].encode(),
                 b'    "%b' % letter + rb'\xff\x1b[31m\n\"\\" is missing.'],
                # What is between them: its directory's time has changed.
                done.stdout.splitlines()[::2])

    def test_a_damage_nobody_knows_of_yet_stops_a_restore(self):
        self.cloud.start()
        self.cloud.tolerate = 'is damaged: "d1/f1"'
        share = self.cloud.create_share()
        path = self.cloud.share_path(share['id'])
        self.fill(path, 10, 5000)
        backup, = self.make_backups(share)
        _flip(self.cloud.backup_path(backup))
        shutil.rmtree(os.path.join(path, 'd1'))
        with open(os.path.join(path, 'new'), 'w') as file:
            file.write('since')
        before = self.content(path)
        self.cloud.ask(202, 'POST', f'/share-backups/{backup["id"]}/action',
                       {'restore': None})
        # Nothing has been written: the share is what it was.
        self.cloud.wait_backup(backup['id'], 'available')
        self.cloud.wait_share(share['id'], 'available')
        self.assertEqual(before, self.content(path))
        self.assertIn('"d1/f1" is damaged',
                      self.shown(backup)['fail_reason'])


class VerifyPostgreSQL(Verify, repositories.RepositoryTestCase):

    server = 'postgresql'
