# SPDX-License-Identifier: Apache-2.0
"""Install Debian packages in a root directory of their own, and use them as
the guide says, under a systemd of their own; then let them take over what the
first release has made.

usage: python -m tests.packages DIRECTORY [ROOT]

DIRECTORY has the packages. ROOT is where a Debian 12 is kept that the next
run begins with; it is made with debootstrap. Needs root, and Debian's
archive. Nothing of the host's own is used: neither its servers nor its
network.
"""

import contextlib
import glob
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from tests.functional import previous
from tests.packages import guide

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = os.path.join(HERE, '..', '..', 'doc', 'source', 'admin',
                    'one-host.rst')
RELEASE = 'bookworm'

#: What a host has before anything of the guide's.
HOST = 'ca-certificates,dbus,openssl,systemd,systemd-sysv,logrotate'

#: Seconds that everything in the host may take.
PATIENCE = 1800

NAMESPACES = ('--mount', '--pid', '--uts', '--ipc', '--net', '--cgroup')


def run(*args, **more):
    """Run a command; what it says is shown.

    :raises subprocess.CalledProcessError: it failed.
    """
    print('+', shlex.join(args), flush=True)
    subprocess.run(args, check=True, stdin=subprocess.DEVNULL, **more)


def make_base(root):
    """Make a Debian, unless it is there."""
    if os.path.exists(root):
        return
    os.makedirs(os.path.dirname(os.path.abspath(root)), exist_ok=True)
    run('debootstrap', '--variant=minbase', f'--include={HOST}', RELEASE,
        f'{root}.new')
    # Services start when the host does.
    policy = os.path.join(f'{root}.new', 'usr', 'sbin', 'policy-rc.d')
    with open(policy, 'w') as file:
        file.write('#!/bin/sh\nexit 101\n')
    os.chmod(policy, 0o755)
    with open(os.path.join(f'{root}.new', 'etc', 'hosts'), 'w') as file:
        file.write(f'127.0.0.1 localhost {socket.gethostname()}\n')
    os.rename(f'{root}.new', root)


def install(root, commands):
    """Run the commands that install packages, which are in ``/packages``."""
    shutil.copy('/etc/resolv.conf', os.path.join(root, 'etc'))
    run('chroot', root, 'apt-get', 'update', '-qq')
    for command in commands:
        run('chroot', root, 'sh', '-ec', 'cd /packages; '
            f'{command.replace("apt-get install", "apt-get install -qq")}',
            env={**os.environ, 'DEBIAN_FRONTEND': 'noninteractive',
                 'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL': 'C'})


class Host:
    """A Debian that has been started, in namespaces of its own.

    :param root: str, its root directory.
    """

    def __init__(self, root):
        self._outer = subprocess.Popen(
            ['unshare', *NAMESPACES, '--fork', '--kill-child',
             os.path.join(HERE, 'boot.sh'), root],
            stdin=subprocess.DEVNULL)

    def _init(self):
        """The process that is the first one there, or None yet."""
        path = f'/proc/{self._outer.pid}/task/{self._outer.pid}/children'
        with contextlib.suppress(FileNotFoundError), open(path) as file:
            found = file.read().split()
            return found[0] if found else None

    def enter(self, *args, **more):
        """Run a command there, as :func:`subprocess.run` does."""
        flags = [each for each in NAMESPACES if each != '--cgroup']
        return subprocess.run(
            ['nsenter', '-t', self._init(), *flags, '-r', '-w',
             'env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root',
             *args], stdin=subprocess.DEVNULL, **more)

    def wait(self):
        """Wait until it has started.

        :raises AssertionError: it has not.
        """
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self._init() and self.enter(
                    'systemctl', 'is-system-running', '--wait', text=True,
                    capture_output=True).stdout.strip() in (
                        'running', 'degraded'):
                return
            time.sleep(0.5)
        raise AssertionError('the host has not started')

    def stop(self):
        """End everything that runs there."""
        self._outer.kill()
        self._outer.wait()


def main(directory, base='.tools/debian'):
    """Try the packages.

    :returns: int, the exit code.
    """
    with open(PAGE) as file:
        packages, script = guide.script(file.read())
    for name in ('more.sh', 'upgrade.sh'):
        with open(os.path.join(HERE, name)) as file:
            script += file.read()
    make_base(base)
    with tempfile.TemporaryDirectory(dir=os.path.dirname(
            os.path.abspath(base))) as scratch:
        root = os.path.join(scratch, 'root')
        run('cp', '-a', '--reflink=auto', base, root)
        shutil.copytree(directory, os.path.join(root, 'packages'),
                        ignore=lambda folder, names: [
                            each for each in names
                            if not each.endswith('.deb')])
        if not glob.glob(os.path.join(root, 'packages', '*.deb')):
            raise AssertionError(f'{directory} has no packages')
        install(root, packages)
        with previous.Release(previous.oldest()) as old:
            shutil.copytree(
                os.path.join(old.path, 'manila_backup'),
                os.path.join(root, 'opt', 'manila-backup-0.1.0',
                             'manila_backup'))
        with open(os.path.join(root, 'guide.sh'), 'w') as file:
            file.write(f'set -eu\n{script}')
        host = Host(root)
        try:
            host.wait()
            done = host.enter('timeout', str(PATIENCE), 'bash', '-x',
                              '/guide.sh')
            if done.returncode:
                host.enter('journalctl', '--no-pager', '-b', '-n', '200')
        finally:
            host.stop()
    print('The guide, more and an upgrade: '
          f'{"failed" if done.returncode else "done"}')
    return done.returncode


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
