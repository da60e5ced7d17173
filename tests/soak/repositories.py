# SPDX-License-Identifier: Apache-2.0
"""Contents of a repository, as somebody sees them who knows its format and has
none of the drivers' code; only what a restic repository holds of a share is
given back by its driver."""

import abc
import collections
import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile

import psutil

from manila_backup import conf as config
from manila_backup.drivers import base
from manila_backup.drivers import progress
from manila_backup.drivers.restic import driver
from tests.soak import trees


class Repository(abc.ABC):
    """Of one driver.

    :param service: a :class:`~tests.soak.service.Service`.
    :cvar options: str, what is added to the service's configuration.
    :cvar patience: float, seconds that an operation may wait for another
        without having anything to show for it.
    """

    options = ''
    patience = 10.0

    def __init__(self, service):
        self._service = service

    @abc.abstractmethod
    def contents(self):
        """List its items, as set of (project, share, name): that is a backup's
        id, or something that begins with ``.KIND.``."""

    def locks(self):
        """List the locks in it of operations on backups whose processes are
        gone, as str."""
        return []

    @abc.abstractmethod
    def look(self, place, check):
        """Look at a backup.

        :param place: (project, share, backup), each a str.
        :param check: called with what :func:`tests.soak.trees.walk` finds
            in it.
        :returns: int, the attempt that made it.
        """


class Posix(Repository):
    """Directories."""

    options = '''
[posix]
# So that operations last.
processes = 2
'''

    def contents(self):
        found = set()
        root = self._service.repository
        for project in os.listdir(root):
            folder = os.path.join(root, project)
            if not os.path.isdir(folder):
                continue
            for share in os.listdir(folder):
                names = os.listdir(os.path.join(folder, share))
                for name in names:
                    # An index belongs to its backup, and only with it.
                    if name.removeprefix('.contents.') not in names or (
                            name[:1] != '.'):
                        found.add((project, share, name))
        return found

    def look(self, place, check):
        path = os.path.join(self._service.repository, *place)
        check(trees.walk(os.path.join(path, 'data')))
        with open(os.path.join(path, 'metadata.json')) as file:
            return json.load(file)['attempt']


class Restic(Repository):
    """Repositories of restic's, in directories."""

    options = '''
[backup]
enabled_drivers = restic

[restic]
repository = $state_path/repository
prune_interval = 10
lock_timeout = 20
'''
    patience = 60.0

    def contents(self):
        found = set()
        for project in self._projects():
            for (owner, share, name), kinds in (
                    self._snapshots(project).items()):
                if not (kinds.keys() == {'content', 'published'}
                        and kinds['content'] == kinds['published']
                        and len(kinds['content']) == 1):
                    name = '.{}.{}'.format('-'.join(sorted(kinds)), name)
                found.add((owner, share, name))
        return found

    def _projects(self):
        # What is no project is the drivers' own.
        return [each for each in os.listdir(self._service.repository)
                if each.startswith('p')]

    def _snapshots(self, project):
        """dict of place to dict of kind of snapshot to set of attempts."""
        found = collections.defaultdict(
            lambda: collections.defaultdict(set))
        for each in json.loads(self._restic(
                self._key(project), 'snapshots', '--json')):
            tags = dict(tag.partition('=')[::2] for tag in each['tags'])
            kind, = (name for name, value in tags.items() if not value)
            place = tags['project'], tags['share'], tags['backup']
            found[place][kind].add(int(tags['attempt']))
        return found

    def _key(self, project):
        key, = json.loads(self._service.manage(
            'repository', 'key', '--project', project, '--format', 'json'))
        return key

    @staticmethod
    def _restic(key, *args):
        return subprocess.run(
            ['restic', '--no-cache', '--no-lock', *args],
            check=True, stdout=subprocess.PIPE, env=dict(
                os.environ, RESTIC_REPOSITORY=key['repository'],
                RESTIC_PASSWORD=key['password'])).stdout

    def locks(self):
        found = []
        for project in self._projects():
            folder = os.path.join(self._service.repository, project, 'locks')
            # Not what is to become one.
            names = [name for name in os.listdir(folder) if len(name) == 64]
            key = names and self._key(project)
            for name in names:
                # Or it went just now.
                with contextlib.suppress(subprocess.CalledProcessError):
                    lock = json.loads(self._restic(key, 'cat', 'lock', name))
                    # What is none of an operation's has the machine's.
                    if lock['hostname'] != socket.gethostname() and (
                            not psutil.pid_exists(lock['pid'])):
                        found.append(f'{lock} in the repository of {project}')
        return found

    def look(self, place, check):
        conf = config.load(['--config-file', self._service.config], 'soak')
        folder = tempfile.mkdtemp(dir=self._service.folder)
        try:
            mine = driver.ResticDriver.from_conf(conf)
            mine.check()
            mine.restore(base.BackupReference(*place), 1, folder,
                         progress.Progress())
            check(trees.walk(folder))
        finally:
            shutil.rmtree(folder)
        attempt, = self._snapshots(place[0])[place]['content']
        return attempt


DRIVERS = {'posix': Posix, 'restic': Restic}
