# SPDX-License-Identifier: Apache-2.0
"""The systemd units: what they take away is not needed."""

from concurrent import futures
import configparser
import contextlib
import os
import re
import socket
import stat
import subprocess

from manila_backup import conf as config
from tests.functional import base
from tests.functional import cloud

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))), 'packaging', 'systemd')


def service(name):
    """The section [Service] of a unit, as a dict."""
    found = configparser.RawConfigParser(strict=False)
    found.optionxform = str
    if not found.read(os.path.join(FOLDER, name)):
        raise AssertionError(f'{name} is not there')
    return dict(found['Service'])


class Confined:
    """Starts commands with no more privileges than a unit leaves."""

    surroundings = {}

    def __init__(self, name):
        names = service(name)['CapabilityBoundingSet'].lower().split()
        self._set = ','.join(['-all', *('+' + each.removeprefix('cap_')
                                        for each in names)])

    def argv(self, command):
        return ['setpriv', '--no-new-privs', f'--bounding-set={self._set}',
                '--inh-caps=-all', '--', os.path.join(cloud.BIN, command)]


class Listening(base.TestCase):
    """Somebody else listens for the API, as systemd does."""

    def start_api(self, *before, pass_fds=()):
        """Start an API that is given a socket.

        :param before: the command that gives it, as a list.
        :param pass_fds: descriptors that the command inherits.
        """
        log = open(os.path.join(self.cloud.root, 'listening.log'), 'ab')
        self.addCleanup(log.close)
        process = subprocess.Popen(
            [*before, os.path.join(cloud.BIN, 'manila-backup-api'),
             '--config-file', self.cloud.config],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            pass_fds=pass_fds)
        self.addCleanup(self.end, process)
        return process

    def end(self, process):
        if process.poll() is None:
            process.terminate()
        self.assertEqual(0, process.wait(cloud.PATIENCE))
        with open(os.path.join(self.cloud.root, 'listening.log')) as log:
            self.assertNotRegex(log.read(), ' (ERROR|CRITICAL) |Traceback')

    def ask(self):
        return self.cloud.ask(200, 'GET', '/share-backups')['share_backups']

    def test_what_the_unit_says(self):
        with open(os.path.join(FOLDER, 'manila-backup-api.socket')) as unit:
            address, = re.findall('(?m)^ListenStream=(.*)$', unit.read())
        defaults = config.load(['--config-file', os.devnull], 'test').api
        self.assertEqual(f'{defaults.bind_host}:{defaults.bind_port}',
                         address)

    def test_with_the_first_connection(self):
        process = self.start_api('systemd-socket-activate', '-l',
                                 f'127.0.0.1:{self.cloud.port}')

        def connected():
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(
                    ('127.0.0.1', self.cloud.port)).close()
                return True

        cloud.eventually('somebody to listen', connected)
        self.assertEqual([], self.ask())
        self.end(process)

    def test_nobody_is_refused_while_it_is_replaced(self):
        there = socket.create_server(('127.0.0.1', self.cloud.port))
        self.addCleanup(there.close)
        # It has nothing that it could listen on by itself.
        with open(self.cloud.config, 'a') as file:
            file.write('[api]\nbind_host = 192.0.2.1\n')
        # Debian's sh knows no descriptors of two digits.
        as_given = (
            'bash', '-c', f'exec 3<&{there.fileno()} && '
            f'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"', 'bash')
        with futures.ThreadPoolExecutor(1) as pool:
            for _number in range(2):
                # Nobody serves it yet, or any more.
                waiting = pool.submit(self.ask)
                process = self.start_api(*as_given,
                                         pass_fds=[there.fileno()])
                self.assertEqual([], waiting.result(cloud.PATIENCE))
                self.end(process)


class UnitFiles(base.TestCase):

    def test_a_worker_keeps_and_restores_everything(self):
        self.cloud.release = Confined('manila-backup-worker@.service')
        self.cloud.start_worker()
        self.cloud.release = None
        self.cloud.start_api()
        share = self.cloud.create_share()
        path = self.cloud.share_path(share['id'])
        made = self._make(path)
        backup = self.cloud.create_backup(share['id'])
        self.cloud.wait_backup(backup['id'], 'available')
        self.cloud.wait_share(share['id'], 'available')
        for name in os.listdir(path):
            os.unlink(os.path.join(path, name))
        self.cloud.ask(202, 'POST', f'/share-backups/{backup["id"]}/action',
                       {'restore': None})
        self.cloud.wait_share(share['id'], 'available')
        self.assertEqual(made, self._look(path))
        reasons = self.cloud.rows(
            'SELECT fail_reason FROM share_backups WHERE id = :id',
            id=backup['id'])
        self.assertEqual([(None,)], [tuple(each) for each in reasons])

    def _make(self, path):
        for name, kind in (('disk', stat.S_IFBLK), ('tty', stat.S_IFCHR),
                           ('fifo', stat.S_IFIFO), ('socket', stat.S_IFSOCK)):
            os.mknod(os.path.join(path, name), 0o640 | kind,
                     os.makedev(7, 200))
        for name, mode, owner in (('setuid', 0o4755, 0),
                                  ('setgid', 0o2711, 12345),
                                  ('unreadable', 0, 54321)):
            full = os.path.join(path, name)
            with open(full, 'w') as file:
                file.write(name)
            os.chown(full, owner, owner)
            os.chmod(full, mode)
        os.setxattr(os.path.join(path, 'setuid'), 'trusted.test', b'x')
        os.setxattr(os.path.join(path, 'setgid'), 'security.capability',
                    bytes.fromhex('0100000202000000000000000000000000000000'))
        return self._look(path)

    @staticmethod
    def _look(path):
        found = {}
        for name in sorted(os.listdir(path)):
            full = os.path.join(path, name)
            info = os.lstat(full)
            found[name] = (
                info.st_mode, info.st_uid, info.st_gid, info.st_rdev,
                info.st_size, info.st_mtime_ns,
                {each: os.getxattr(full, each) for each in os.listxattr(full)})
        return found
