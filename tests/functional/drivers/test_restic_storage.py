# SPDX-License-Identifier: Apache-2.0
"""The restic driver on storage that is full, can only be read, or does not
answer."""

import json
import os
import shutil
import subprocess
import sys

from manila_backup.drivers import base
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from manila_backup.drivers.restic import command
from tests.functional.drivers import test_restic


class ResticStorageTest(test_restic.ResticMixin, case.Case):

    def test_a_repository_that_is_full(self):
        trees.write(os.path.join(self.source, 'large'), os.urandom(9 << 20))
        path = self.loop(8 << 20)
        shutil.copytree(self.repository, os.path.join(path, 'repository'))
        self.driver = self.make_driver(
            url=os.path.join(path, 'repository'))
        for number in (1, 2):
            with self.assertRaisesRegex(base.DriverError,
                                        'no space left') as caught:
                self.backup(case.place(number))
            self.assertEqual(('no_space', False), (
                caught.exception.code, caught.exception.retryable))

    def test_a_repository_at_its_quota(self):
        trees.write(os.path.join(self.source, 'large'), os.urandom(9 << 20))
        path = self.loop(1 << 30, 'btrfs')
        for args in (('quota', 'enable'), ('qgroup', 'limit', '8M')):
            subprocess.run(['btrfs', *args, path], check=True)
        shutil.copytree(self.repository, os.path.join(path, 'repository'))
        self.driver = self.make_driver(
            url=os.path.join(path, 'repository'))
        with self.assertRaisesRegex(base.DriverError,
                                    'quota exceeded') as caught:
            self.backup()
        self.assertEqual(('no_space', False), (
            caught.exception.code, caught.exception.retryable))

    def test_a_repository_that_can_only_be_read(self):
        trees.many(self.source, 1, 1)
        path = self.loop(16 << 20)
        shutil.copytree(self.repository, os.path.join(path, 'repository'))
        self.driver = self.make_driver(
            url=os.path.join(path, 'repository'))
        self.backup()
        subprocess.run(['mount', '-o', 'remount,ro', path], check=True)
        with self.assertRaisesRegex(base.DriverError,
                                    'read-only file system') as caught:
            self.backup(case.place(2))
        self.assertEqual(('failed', False), (
            caught.exception.code, caught.exception.retryable))
        self.assertEqual((), self.restore().problems)
        self.assertSame(self.source, self.target)
        self.assertEqual([], self.verify())

    def test_what_is_unmounted_meanwhile_is_not_held(self):
        """A host's mounts are shared, as systemd has them."""
        above = self.make('above')
        for args in (('--bind', above, above), ('--make-shared', above)):
            subprocess.run(['mount', *args], check=True)
        self.addCleanup(subprocess.run, ['umount', '-R', above], check=True)
        inner = os.path.join(above, 'inner')
        os.mkdir(inner)
        subprocess.run(['mount', '-t', 'tmpfs', 'tmpfs', inner], check=True)
        fd = os.open(self.source, os.O_RDONLY)
        self.addCleanup(os.close, fd)
        os.makedirs(self.driver.settings.view, exist_ok=True)
        spec = {'parent': os.getpid(), 'host': None, 'alone': False,
                'view': {'fd': fd, 'path': self.driver.settings.view,
                         'writable': False}}
        with subprocess.Popen(
                [sys.executable, command._LAUNCH, json.dumps(spec), 'sh',
                 '-c', 'echo; read line; cat /proc/self/mountinfo'],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                pass_fds=[fd]) as process:
            process.stdout.readline()
            subprocess.run(['umount', inner], check=True)
            shown, _ = process.communicate('\n')
        self.assertIn(self.driver.settings.view, shown)
        self.assertIn(f'{above} ', shown)
        self.assertNotIn(inner, shown)

    def test_it_does_nothing_but_say_how_far_it_is(self):
        path = os.path.join(self.scratch, 'tells')
        with open(path, 'w') as script:
            script.write(
                f'#!{sys.executable}\n'
                'import os, sys, time\n'
                'if "backup" not in sys.argv:\n'
                '    os.execvp("restic", ["restic", *sys.argv[1:]])\n'
                'while True:\n'
                '    print(\'{"message_type": "status"}\', flush=True)\n'
                '    time.sleep(0.1)\n')
        os.chmod(path, 0o700)
        trees.many(self.source, 1, 1)
        self.driver = self.make_driver(program=path, stall=2.0)
        with self.assertRaisesRegex(base.RepositoryUnavailable,
                                    'backup has neither'):
            self.backup()

    def test_no_room_to_restore_to(self):
        trees.write(os.path.join(self.source, 'large'), os.urandom(3 << 20))
        self.backup()
        trees.write(os.path.join(self.target, 'in the way'), b'x')
        self.driver.staging = self.loop(8 << 20)
        with self.assertRaisesRegex(base.DriverError,
                                    'staging_path') as caught:
            self.restore()
        self.assertEqual('no_space', caught.exception.code)
        self.assertEqual(['in the way'], os.listdir(self.target))
