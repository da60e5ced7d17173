# SPDX-License-Identifier: Apache-2.0
"""Mounts that a process has for itself."""

import errno
import os
import subprocess
import sys
import threading
from unittest import mock
import uuid

import fixtures
import testtools

from manila_backup import conf as config
from manila_backup.drivers.nfs import driver as nfs
from manila_backup.drivers.nfs import mount
from manila_backup.fs import mount_table
from manila_backup.fs import mountpoints
from manila_backup.fs import private_mounts
from manila_backup.shares import base as shares
from manila_backup.shares.manila import access
from manila_backup.shares.manila import mounting
from tests.functional import cloud
from tests.functional import disks

# Read-only, nosuid, nodev, noexec.
_ALL = 1 | 2 | 4 | 8

_KILLED = """
import os, signal, sys
from manila_backup.fs import private_mounts
source, path = sys.argv[1:]
private_mounts.PrivateMount(path, ['mount', '--bind', source, path],
                    ['umount', path], 9, 9, passing=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


_ENTERED = """
import os, subprocess, sys
from manila_backup.fs import private_mounts
source, path = sys.argv[1:]
mount = private_mounts.PrivateMount(path, ['mount', '--bind', source, path],
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
        made = private_mounts.PrivateMount(
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
                private_mounts.Failed, private_mounts.PrivateMount,
                self.path, command, ['true'], 9, 9, passing=True)
            self.assertIn(said, str(error))
            self.assertFalse(os.path.exists(self.path))


# All that anybody can read of the host's processes, and of one file by way of
# them.
_PRYING = """
cat /proc/[0-9]*/cmdline
cat /proc/[0-9]*/environ
for each in /proc/[0-9]*; do cat "$each/root$1"; done
"""


class TestSecret(testtools.TestCase):
    """Secret that a command that mounts needs, and nobody else is to see:
    while a slow one runs."""

    def setUp(self):
        super().setUp()
        self.root = self.useFixture(fixtures.TempDir(
            rootdir=cloud.FOLDER)).path
        os.chmod(self.root, 0o755)
        self.point = os.path.join(self.root, 'mounts', 'point')
        self.export, self.seen, self.gate = (
            os.path.join(self.root, name)
            for name in ('export', 'seen', 'gate'))
        os.mkdir(self.export)
        os.mkfifo(self.gate)
        self.secret = f'hush-{uuid.uuid4()}\nand another line'
        # The names of its arguments are those of a template's placeholders.
        self.template = (
            'sh -c \'stat -c %a "$4" >"$3"; cat "$4" >>"$3"; : a slow mount; '
            f'read line <"{self.gate}"; exec mount --bind "$1" "$2"\' sh '
            f'{{export}} {{path}} {self.seen} {{secret_file}}')
        self.file = private_mounts.secret_file(self.point)

    def check(self, mounting):
        """Look around while something is mounted.

        :param mounting: a thread that mounts, not started.
        """
        mounting.start()
        self.addCleanup(mounting.join)
        # Opened by its end, it lets go whoever waits at it, whatever fails.
        self.addCleanup(lambda: os.close(os.open(
            self.gate, os.O_RDWR | os.O_NONBLOCK)))
        cloud.eventually('the mount command', lambda: os.path.exists(
            self.seen) and self.content(self.seen).endswith('line'))
        self.assertEqual(f'600\n{self.secret}', self.content(self.seen))
        said = subprocess.run(
            ['sh', '-c', _PRYING, 'sh', self.file], user=65534, group=65534,
            extra_groups=[], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        self.assertIn(b'a slow mount', said)
        self.assertNotIn(self.secret.partition('\n')[0].encode(), said)
        # Nor is it in any file of the host.
        self.assertEqual([], os.listdir(os.path.dirname(self.file)))
        with open(self.gate, 'w') as gate:
            gate.write('\n')
        mounting.join()

    @staticmethod
    def content(path):
        with open(path) as file:
            return file.read()

    def assertGone(self, root):
        """Assert that it has gone once something is mounted."""
        with open(os.path.join(self.export, 'file'), 'w'):
            pass
        self.assertIn('file', os.listdir(root))
        keeper, = disks.processes('keeper.py', self.point)
        self.assertEqual([], os.listdir(
            f'/proc/{keeper}/root{os.path.dirname(self.file)}'))

    def test_of_a_repository(self):
        loaded = config.load([], 'test', default_config_files=[])
        for name, value in (
                ('export', self.export), ('mount_template', self.template),
                ('mount_secret', self.secret),
                ('mount_point_base', os.path.dirname(self.point)),
                ('mount_timeout', cloud.PATIENCE)):
            loaded.set_override(name, value, 'nfs')
        self.point = os.path.join(os.path.dirname(self.point), 'nfs')
        made = nfs.NfsDriver.from_conf(loaded)
        self.check(threading.Thread(target=made.check, args=(True,)))
        self.addCleanup(lambda: mount._mounts.pop(
            made._mount.settings).close())
        with made._mount.use() as fd:
            self.assertGone(f'/proc/self/fd/{fd}')

    def test_of_a_share(self):
        settings = mounting.MountSettings(
            os.path.dirname(self.point), self.template, 'umount {path}',
            {True: '', False: ''}, cloud.PATIENCE, False)
        job = shares.Job('op', 'b', 1)
        self.point = settings.point(job)
        made = []

        def mount_it():
            made.append(mounting._mount(
                settings, {'id': 's', 'share_proto': 'CEPHFS'},
                [{'path': self.export}], self.secret,
                access.Grantee('cephx', 'me'), job))

        # That is for a process that has no threads.
        patched = mock.patch.object(private_mounts.PrivateMount, 'enter')
        patched.start()
        self.addCleanup(patched.stop)
        self.check(threading.Thread(target=mount_it))
        self.addCleanup(made[0].close)
        self.assertGone(f'/proc/self/fd/{made[0].fd}')


class TestTable(testtools.TestCase):

    def test_names_of_any_kind(self):
        """Names that a listing of mounts has escapes for, and others."""
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
