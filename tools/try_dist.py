# SPDX-License-Identifier: Apache-2.0
"""Install what dist.py has built, without a package index, and look at it.

usage: try_dist.py DIRECTORY

Prints what the service takes of the disk, and of time and memory to start;
fails if a checksum is wrong, something is missing or a command does not run.
"""

import os
import subprocess
import sys
import tempfile

#: Imports what the API does, and prints what that takes: processor seconds,
#: MiB, and how many of these are no file's that processes share.
IMPORT = '''
import resource
from manila_backup.api import app, server
from manila_backup.db import engine, schema
from manila_backup.requests import admission
from manila_backup.ui import app as ui
used = resource.getrusage(resource.RUSAGE_SELF)
with open('/proc/self/smaps_rollup') as file:
    own, = (line.split()[1] for line in file if line.startswith('Anonymous:'))
print(f'{used.ru_utime + used.ru_stime:.2f} s of processor time, '
      f'{used.ru_maxrss / 1024:.0f} MiB ({int(own) / 1024:.0f} of its own)')
'''

COMMANDS = ('manila-backup-all', 'manila-backup-api', 'manila-backup-manage',
            'manila-backup-status', 'manila-backup-worker')


def run(*args, **more):
    """Run a command; its output, as a str.

    :raises subprocess.CalledProcessError: it failed.
    """
    return subprocess.run(args, check=True, text=True,
                          stdout=subprocess.PIPE, **more).stdout


def install(folder, place, *what):
    """Make a virtual environment of what is in the directory alone.

    :param place: str, the environment's directory.
    :returns: str, the directory of its commands.
    """
    run(sys.executable, '-m', 'venv', place)
    commands = os.path.join(place, 'bin')
    run(os.path.join(commands, 'python'), '-m', 'pip', 'install', '-q',
        '--no-index', '--find-links', folder, '--find-links',
        os.path.join(folder, 'wheels'), *what,
        env={**{name: value for name, value in os.environ.items()
                if not name.startswith('PIP_')},
             'PIP_CONFIG_FILE': os.devnull})
    return commands


def size(place):
    """Count what a virtual environment has.

    :returns: (number of distributions, MiB).
    """
    total = sum(os.lstat(os.path.join(path, name)).st_blocks * 512
                for path, _, names in os.walk(place) for name in names)
    count = len(run(os.path.join(place, 'bin', 'python'), '-m', 'pip',
                    'list', '--format', 'freeze').splitlines())
    return count, total // 2 ** 20


def main(folder):
    """Try everything.

    :returns: int, the exit code.
    """
    folder = os.path.abspath(folder)
    run('sha256sum', '--check', '--quiet', 'SHA256SUMS', cwd=folder)
    # Below /tmp, stevedore would look at everything at each start.
    with tempfile.TemporaryDirectory(dir=os.path.dirname(folder)) as scratch:
        place = os.path.join(scratch, 'service')
        commands = install(folder, place, 'manila-backup[mysql]')
        count, mib = size(place)
        print(f'manila-backup[mysql]: {count} distributions, {mib} MiB')
        python = os.path.join(commands, 'python')
        # Once for what is compiled then.
        for _ in range(2):
            found = run(python, '-c', IMPORT)
        print(f'Importing the API: {found}', end='')
        for each in COMMANDS:
            run(os.path.join(commands, each), '--help')
        unit = os.path.join(place, 'share', 'manila-backup', 'systemd',
                            'manila-backup-api.service')
        if not os.path.exists(unit):
            print(f'{unit} is missing', file=sys.stderr)
            return 1
        commands = install(folder, os.path.join(scratch, 'client'),
                           'python-manila-backup-client')
        run(os.path.join(commands, 'python'), '-c',
            'import manila_backup_client.backups')
        # Everything that it was built for.
        install(folder, os.path.join(scratch, 'all'),
                *[os.path.join(folder, 'wheels', each) for each in os.listdir(
                    os.path.join(folder, 'wheels'))], '--no-deps')
    return 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
