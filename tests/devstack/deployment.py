# SPDX-License-Identifier: Apache-2.0
"""Surroundings that the plugin is run in: DevStack's directories, accounts and
servers, all of it below one directory or with names of its own."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import uuid

import sqlalchemy as sa

from tests.devstack import apache
from tests.devstack import localrc
from tests.devstack import sudo
from tests.devstack import units
from tests.functional import databases
from tests.functional import keystone

#: Who DevStack and its services run as, if that can be: somebody who may do
#: nothing in particular. (systemd warns of units that run as nobody.)
STACK_USER = 'daemon'

#: Seconds after which a script hangs: it may have to compile uWSGI.
PATIENCE = 1800

#: Of every account that is made here.
PASSWORD = 'secret-of-devstack'

#: The processes that localrc asks for.
SERVICES = ('manila-backup-api', 'manila-backup-worker-1',
            'manila-backup-worker-2', 'manila-backup-worker-3')

_HERE = os.path.dirname(os.path.abspath(__file__))

_ABLE = """
import ensurepip, sys, venv
open(sys.argv[1]).close()
sys.exit(sys.version_info < (3, 10))
"""


class Deployment:
    """All that there is before the plugin runs.

    :param root: str, an empty directory.
    :param identity: a :class:`tests.functional.keystone.Keystone`.
    :param stack: a ``contextlib.ExitStack`` that undoes it.
    :ivar name: str, of the database and the virtual host.
    :ivar user: str, who DevStack runs as.
    :ivar tempest: str, tempest's configuration file.
    """

    def __init__(self, root, identity, stack):
        self.root = root
        self.keystone = identity
        self.user, self._python = choose()
        suffix = uuid.uuid4().hex[:8]
        self.account = f'devstack_{suffix}'
        self.name = f'manila_backup_devstack_{suffix}'
        self.dest = os.path.join(root, 'stack')
        self.venv = os.path.join(root, 'stack', 'data', 'venv')
        self.conf = os.path.join(root, 'etc', 'manila-backup')
        self.state = os.path.join(root, 'stack', 'data', 'manila-backup')
        self.logs = os.path.join(root, 'logs')
        self.systemd = os.path.join(root, 'systemd')
        self.tempest = None
        for path in (self.dest, os.path.dirname(self.venv),
                     os.path.dirname(self.conf), self.logs, self.systemd,
                     os.path.join(root, 'bin')):
            os.makedirs(path, exist_ok=True)
        self._make_account(stack)
        self.apache = apache.Apache(os.path.join(root, 'apache'))
        stack.callback(self.apache.stop)
        self.units = units.Units(self.systemd, self.logs)
        stack.callback(self.units.kill)
        self._sudo = sudo.Server(root, self._systemctl)
        stack.callback(self._sudo.close)
        self._write_programs()
        # What the user of DevStack writes itself.
        for path in (root, self.dest, os.path.dirname(self.venv)):
            shutil.chown(path, self.user)
        # The plugin makes its own.
        self._remove_service_user()

    # -- servers ---------------------------------------------------------

    def _make_account(self, stack):
        """An account of MariaDB that may do all to one database only."""
        self.engine = sa.create_engine(databases.MYSQL,
                                       isolation_level='AUTOCOMMIT')
        stack.callback(self.engine.dispose)
        account = f"'{self.account}'@'%'"
        self.execute(f"CREATE USER {account} IDENTIFIED BY '{PASSWORD}'")
        stack.callback(self.execute, f'DROP USER {account}')
        stack.callback(self.execute, f'DROP DATABASE IF EXISTS {self.name}')
        stack.callback(self._delete_vhost)
        self.execute(f'GRANT ALL ON {self.name}.* TO {account}')

    def execute(self, statement):
        """Run SQL as MariaDB's administrator.

        :returns: list of rows, if there are any.
        """
        with self.engine.connect() as conn:
            found = conn.execute(sa.text(statement))
            return found.all() if found.returns_rows else []

    def has_vhost(self):
        """Tell whether RabbitMQ has the virtual host."""
        return self.name in subprocess.run(
            ['rabbitmqctl', '-q', 'list_vhosts'], check=True,
            capture_output=True, text=True).stdout.split()

    def _delete_vhost(self):
        if self.has_vhost():
            subprocess.run(['rabbitmqctl', '-q', 'delete_vhost', self.name])

    def _remove_service_user(self):
        found = self.keystone.ask(
            'GET', f'/users?name={keystone.SERVICE_USER}')['users']
        for user in found:
            self.keystone.ask('DELETE', f'/users/{user["id"]}')

    def _systemctl(self, args):
        if args == ['restart', 'apache2']:
            self.apache.restart()
            return 0
        return self.units.systemctl(args)

    # -- files -----------------------------------------------------------

    def _write_programs(self):
        path = os.path.join(self.root, 'bin', 'sudo')
        with open(path, 'w') as file:
            file.write(f'#!/bin/sh\nexec {self._python} -B '
                       f'{_HERE}/sudo.py "$@"\n')
        os.chmod(path, 0o755)

    def make_venv(self):
        """Make what DevStack has of Python before any plugin."""
        subprocess.run([self._python, '-m', 'venv', self.venv], check=True)
        subprocess.run([f'{self.venv}/bin/pip', 'install', '-qq',
                        'python-openstackclient>=6.6.0'], check=True)

    def copy_sources(self):
        """Copy what "enable_plugin" clones: this checkout."""
        target = os.path.join(self.dest, 'manila-backup')
        shutil.copytree(
            keystone.ROOT, target, symlinks=True,
            ignore=shutil.ignore_patterns('.*', '*.egg-info', '__pycache__',
                                          'build', 'dist'))
        subprocess.run(['chown', '-R', self.user, target], check=True)

    def write_localrc(self, **more):
        """Write what local.conf and DevStack's own files set.

        :param more: more of it.
        """
        localrc.write(self.root, {
            'STACK_USER': self.user,
            'REGION_NAME': keystone.REGION,
            'DATABASE_USER': self.account,
            'DATABASE_PASSWORD': PASSWORD,
            'BASE_SQL_CONN': f'mysql+pymysql://{self.account}:{PASSWORD}'
                             '@127.0.0.1',
            'KEYSTONE_SERVICE_URI': self.keystone.url.removesuffix('/v3'),
            'SERVICE_PASSWORD': PASSWORD,
            'TEMPEST_CONFIG': self.tempest,
            'MANILA_BACKUP_DATABASE': self.name,
            'MANILA_BACKUP_VHOST': self.name,
            'MANILA_BACKUP_SERVICE_HOST': f'127.0.0.1:{self.apache.port}',
            **more})

    # -- DevStack --------------------------------------------------------

    def devstack(self, mode, *phases):
        """Run the plugin as stack.sh, unstack.sh or clean.sh does.

        :returns: int, an exit status.
        """
        with open(os.path.join(self.logs, f'{mode}.sh.log'), 'a') as output:
            process = subprocess.Popen(
                ['/bin/bash', os.path.join(_HERE, 'run.sh'), mode, *phases],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                cwd='/', user=self.user, extra_groups=[],
                group=pwd.getpwnam(self.user).pw_gid,
                env=self.environment(), start_new_session=True)
        try:
            return process.wait(PATIENCE)
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
            raise

    def said(self):
        """Return the last output of the scripts and the processes.

        :returns: str.
        """
        text = ''
        for name in sorted(os.listdir(self.logs)):
            with open(os.path.join(self.logs, name),
                      errors='replace') as file:
                text += f'\n--- {name}\n{file.read()[-4000:]}'
        return text

    def environment(self):
        """The environment of DevStack, and of its user's commands.

        :returns: dict of str to str.
        """
        path = [os.path.join(self.root, 'bin'),
                os.path.join(self.venv, 'bin'),
                '/usr/local/bin', '/usr/bin', '/bin']
        return {'PATH': os.pathsep.join(path), 'LANG': 'C.UTF-8',
                'HOME': self.dest, 'HARNESS_ROOT': self.root,
                'HARNESS_SUDO': self._sudo.path, 'HARNESS_DRY': '',
                **self.keystone.credentials('admin', 'admin')}


def choose():
    """Choose whom the plugin and the API are to run as, and with which Python:
    as somebody who may do nothing in particular, if such a one can read the
    checkout and run a Python that makes environments.

    :returns: (str, str): a user's name and a Python's path.
    """
    for python in (sys.executable, '/usr/bin/python3'):
        try:
            able = subprocess.run(
                [python, '-c', _ABLE, os.path.join(_HERE, 'run.sh')],
                capture_output=True, cwd='/', user=STACK_USER,
                group=pwd.getpwnam(STACK_USER).pw_gid, extra_groups=[])
        except (KeyError, OSError):
            continue
        if not able.returncode:
            return STACK_USER, python
    return 'root', sys.executable
