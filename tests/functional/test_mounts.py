# SPDX-License-Identifier: Apache-2.0
"""Mounts that a process has for itself."""

import errno
import os
import subprocess
import sys

import fixtures
import testtools

from manila_backup.fs import mount_table
from manila_backup.fs import mountpoints
from manila_backup.fs import private_mounts
from tests.functional import cloud
from tests.functional import disks

# Read-only, nosuid, nodev, noexec.
_ALL = 1 | 2 | 4 | 8

_KILLED = """
import os, signal, sys
from manila_backup.fs import private_mounts
source, path = sys.argv[1:]
private_mounts.Kept(path, ['mount', '--bind', source, path],
                    ['umount', path], 9, 9, passing=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


_ENTERED = """
import os, subprocess, sys
from manila_backup.fs import private_mounts
source, path = sys.argv[1:]
mount = private_mounts.Kept(path, ['mount', '--bind', source, path],
                            ['umount', path], 9, 9, passing=True)
mount.enter()
print(os.listdir(path), subprocess.run(['mountpoint', '-q', path]).returncode
      == 0, end=' ')
mount.close()
print(os.path.exists(path))
"""


class TestKept(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.root = self.useFixture(fixtures.TempDir(
            rootdir=cloud.FOLDER)).path
        self.source = os.path.join(self.root, 'source')
        os.mkdir(self.source)
        self.path = os.path.join(self.root, 'mounts', 'point')

    def mount(self, flags=0, **kwargs):
        made = private_mounts.Kept(
            self.path, ['mount', '--bind', self.source, self.path],
            ['umount', self.path], 9, 9, flags, **kwargs)
        self.addCleanup(self.close, made)
        self.made = made
        return f'/proc/{os.getpid()}/fd/{made.fd}'

    def close(self, made):
        if self.made:
            self.made = None
            made.close()

    def test_restricted_whatever_the_command_does(self):
        script = os.path.join(self.source, 'script')
        with open(script, 'w') as file:
            file.write('#!/bin/sh\n')
        os.chmod(script, 0o4755)
        path = self.mount(_ALL)
        self.assertEqual(_ALL, os.statvfs(path).f_flag & _ALL)
        error = self.assertRaises(OSError, open, f'{path}/new', 'w')
        self.assertEqual(errno.EROFS, error.errno)
        self.assertRaises(PermissionError, subprocess.run,
                          [f'{path}/script'])
        # And nobody else's is.
        self.assertEqual(0, os.statvfs(self.source).f_flag & 1)
        self.assertFalse(os.path.ismount(self.path))

    def test_writable_otherwise(self):
        path = self.mount(_ALL & ~1)
        with open(f'{path}/new', 'w'):
            pass
        self.assertEqual(['new'], os.listdir(self.source))

    def test_the_mount_point_goes_if_it_is_to(self):
        for passing in (True, False):
            self.mount(passing=passing)
            self.close(self.made)
            self.assertEqual(passing, not os.path.exists(self.path))

    def test_what_is_in_the_mount_stays_when_its_process_is_killed(self):
        with open(os.path.join(self.source, 'file'), 'w'):
            pass
        killed = subprocess.run([sys.executable, '-c', _KILLED, self.source,
                                 self.path])
        self.assertEqual(-9, killed.returncode)
        cloud.eventually('the mount point to go',
                         lambda: not os.path.exists(self.path))
        self.assertEqual(['file'], os.listdir(self.source))
        cloud.eventually('its keeper to end', lambda: not disks.processes(
            'keeper.py', self.path))

    def test_options_are_not_for_everybody_to_read(self):
        self.mount()
        keeper, = disks.processes('keeper.py', self.path)
        with open(f'/proc/{keeper}/cmdline') as file:
            self.assertNotIn(self.source, file.read())

    def test_who_enters_sees_it_at_its_path(self):
        with open(os.path.join(self.source, 'file'), 'w'):
            pass
        entered = subprocess.run(
            [sys.executable, '-c', _ENTERED, self.source, self.path],
            capture_output=True, text=True)
        self.assertEqual(('', '[\'file\'] True False\n'),
                         (entered.stderr, entered.stdout))

    def test_mount_points_are_for_nobody_else(self):
        umask = os.umask(0)
        self.addCleanup(os.umask, umask)
        self.mount()
        for path in (self.path, os.path.dirname(self.path)):
            self.assertEqual(0o700, os.stat(path).st_mode & 0o7777)

    def test_a_mount_point_that_can_not_be_made(self):
        self.path = os.path.join(self.source, 'file', 'point')
        with open(os.path.dirname(self.path), 'w'):
            pass
        error = self.assertRaises(private_mounts.Failed, self.mount)
        self.assertIn(f'{self.path} can\'t be made: ', str(error))

    def test_failures(self):
        for command, said in ((['false'], 'false'),
                              (['true'], 'nothing is mounted')):
            error = self.assertRaises(
                private_mounts.Failed, private_mounts.Kept, self.path, command,
                ['true'], 9, 9, passing=True)
            self.assertIn(said, str(error))
            self.assertFalse(os.path.exists(self.path))


class TestTable(testtools.TestCase):

    def test_names_of_any_kind(self):
        """What a listing of mounts has escapes for, and what it has none
        for."""
        root = self.useFixture(fixtures.TempDir(rootdir=cloud.FOLDER)).path
        fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        self.addCleanup(os.close, fd)
        names = sorted((b'a b', b'a\nb', b'a\rb', b'a\tb', b'a\\040b',
                        b'\xff', '\u2028'.encode()))
        for name in names:
            path = os.path.join(os.fsencode(root), name)
            os.mkdir(path)
            subprocess.run(['mount', '-t', 'tmpfs', 'tmpfs', path],
                           check=True)
            self.addCleanup(subprocess.run, ['umount', path], check=True)
        self.assertEqual(names, mountpoints.inside(fd))
        self.assertEqual(
            [os.path.join(os.fsencode(root), name) for name in names],
            sorted(map(os.fsencode, mount_table.below(fd))))
