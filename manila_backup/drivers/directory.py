# SPDX-License-Identifier: Apache-2.0
"""Base of drivers that keep each backup in a directory of its own.

How a backup comes and goes there (attempts, publishing, deletion, what is
told of it) is done here; a driver has to say how content gets into such a
directory, how it gets out, and how it is checked. The posix driver is none of
these: it stores what the backups of a share have in common only once.
"""

import abc
import contextlib
import dataclasses
import datetime
import hashlib
import json
import os
import re
import select
import subprocess

from manila_backup.drivers import base
from manila_backup import private

_ABOUT = 'about'
_PUBLISHED, _PARTIAL, _TRASH = base.ItemState


class DirectoryDriver(base.BackupDriver):
    """A driver whose backups are directories of one local directory.

    :param path: str, that directory. It is made at ``check(create=True)``.
    """

    def __init__(self, path):
        self.path = path

    # -- what a driver has to say ----------------------------------------

    @abc.abstractmethod
    def store(self, source, directory, options, progress):
        """Copy a share's content into a new, empty directory.

        The name ``about`` in there is taken. It need not sync.

        :returns: a :class:`~manila_backup.drivers.base.Result`.
        """

    @abc.abstractmethod
    def bring_back(self, directory, target, report, progress):
        """Make a directory's content equal to what was stored, which has
        just been examined.

        :param report: what :meth:`store` returned.
        :returns: int, bytes of files' content that were written.
        """

    @abc.abstractmethod
    def examine(self, directory, progress):
        """Compare what was stored with what was recorded of it then.

        :returns: list of str, as of ``verify()``.
        """

    # -- the rest of a driver --------------------------------------------

    def check(self, create=False):
        if create:
            private.make_directories(self.path)
        if not os.access(self.path, os.W_OK):
            raise base.RepositoryUnavailable(f'{self.path} is not there.')

    def backup(self, place, attempt, source, options, record, progress):
        if os.path.exists(self._at(place)):     # then its worker died
            report, _, record = self._about(place)
            return dataclasses.replace(report, record=record)
        if not os.path.isdir(source):
            raise base.DriverError(f'There is no directory {source}.')
        one, other = map(os.path.realpath, (self.path, source))
        if os.path.commonpath((one, other)) in (one, other):
            raise base.DriverError(f'One is within the other: {one}, {other}')
        created_at = datetime.datetime.now(datetime.timezone.utc).isoformat()
        self.discard(place, attempt - 1)
        directory = self._at(place, _PARTIAL, attempt)
        os.mkdir(directory, 0o700)
        report = dataclasses.replace(
            self.store(source, directory, options, progress),
            taken_at=created_at)
        text = json.dumps([dataclasses.asdict(report), created_at, record])
        with open(os.path.join(directory, _ABOUT), 'x') as file:
            file.write(f'{_digest(text)} {text}')
        os.sync()
        return report

    def publish(self, place, attempt):
        with contextlib.suppress(OSError):
            os.rename(self._at(place, _PARTIAL, attempt), self._at(place))
            os.sync()
        if not os.path.exists(self._at(place)):
            raise base.DriverError('There is nothing to publish.')

    def restore(self, place, attempt, target, progress):
        for damage in self.verify(place, progress):
            raise base.DamagedBackup(damage)
        report = self._about(place)[0]
        return base.Result(report.files, report.bytes, self.bring_back(
            self._at(place), target, report, progress))

    def delete(self, place, progress):
        self.discard(place, 0)      # what is left of an earlier deletion
        with contextlib.suppress(FileNotFoundError):
            os.rename(self._at(place), self._at(place, _TRASH))
        self.discard(place, float('inf'))

    def discard(self, place, attempt):
        self._at(place)     # raises if it has no such name
        for each in self.contents():
            if each.place == place and each.state is not _PUBLISHED and (
                    each.attempt or 0) <= attempt:
                path = self._at(place, each.state, each.attempt or 0)
                # shutil.rmtree() is recursive, and some trees are deep.
                subprocess.run(['rm', '-rf', path])
                if os.path.exists(path):
                    raise base.DriverError(f'Could not remove {path}.')

    def verify(self, place, progress):
        if not os.path.exists(self._at(place)):
            return [f'Backup {place.backup_id} is missing.']
        try:
            self._about(place)
        except base.DamagedBackup as exc:
            return [str(exc)]
        return self.examine(self._at(place), progress)

    def contents(self):
        for name in os.listdir(self.path):
            state, attempt, *ids = name.split('+')
            state = base.ItemState(state)
            yield base.RepositoryItem(
                base.BackupReference(*ids), state,
                int(attempt) if state is _PARTIAL else None)

    def describe(self, place):
        report, created_at, record = self._about(place)
        return base.Info(
            created_at, report.files, report.bytes, record,
            report.stored_bytes, report.problem_count, report.missing)

    def _at(self, place, state=_PUBLISHED, attempt=0):
        ids = place.project_id, place.share_id, place.backup_id
        if not all(re.fullmatch(r'[\w-]{1,64}', each) for each in ids):
            raise base.DriverError(f'These are no ids: {ids}')
        return os.path.join(self.path, '+'.join((state.value, f'{attempt}',
                                                 *ids)))

    def _about(self, place):
        """(a Result, created_at, record) of a published backup."""
        if not os.path.exists(self._at(place)):
            raise base.DriverError(f'There is no backup {place.backup_id}.')
        try:
            with open(os.path.join(self._at(place), _ABOUT)) as file:
                digest, _, text = file.read().partition(' ')
        except FileNotFoundError:
            text = digest = ''
        except OSError as exc:
            raise base.DriverError(f'Could not read it: {exc}') from exc
        except ValueError:      # not even UTF-8
            text = digest = ''
        if _digest(text) != digest:
            raise base.DamagedBackup(
                f'What is known of backup {place.backup_id} is damaged.')
        report, created_at, record = json.loads(text)
        report['problems'] = tuple(report['problems'])
        return base.Result(**report), created_at, record


def _digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def lines(command, progress, directory='/', end=b'\n'):
    """Run a program, and yield its output (stdout and stderr) by line. It ends
    with this process, which ends with its lease.

    :param command: sequence of str.
    :param directory: str, where it is to run.
    :param end: bytes, what a line ends with.
    :returns: iterator of str.
    :raises manila_backup.drivers.base.DriverError: in the end, if it fails.
    """
    last = rest = b''
    with subprocess.Popen(
            ('setpriv', '--pdeathsig', 'KILL', 'env', '-C', directory,
             *command), stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT) as process:
        while True:
            progress.check()
            if select.select([process.stdout], [], [], 0.2)[0]:
                said = os.read(process.stdout.fileno(), 1 << 16)
                if not said:
                    break
                *whole, rest = (rest + said).split(end)
                for last in whole:
                    yield last.decode(errors='backslashreplace')
    if process.returncode:
        said = (rest or last).decode(errors='backslashreplace')
        raise base.DriverError(f'{command[0]}: {said}')
