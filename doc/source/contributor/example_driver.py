# SPDX-License-Identifier: Apache-2.0
"""A backup driver that has rsync copy, and tar and sha256sum check."""

import contextlib
import datetime
import json
import os
import re
import select
import subprocess

from manila_backup.drivers import base

RSYNC = ('rsync', '-aHAX', '--numeric-ids', '--modify-window=-1', '--delete',
         '--out-format=%l %i%n')
HOLES = 'find', '.', '-type', 'f', '-size', '+64k', '-printf', r'%S %P\0'
DIGEST = 'bash', '-o', 'pipefail', '-c', r'''
{ find data -type s -printf '%p %m %U %G %T@\0' | sort -z
  tar -c --sort=name --numeric-owner --acls --xattrs --xattrs-include='*' \
      --format=posix --pax-option=exthdr.name=x,delete=atime,delete=ctime \
      about data; } | sha256sum'''
PUBLISHED, PARTIAL, TRASH = base.StoredState


class RsyncDriver(base.BackupDriver):

    def __init__(self, path, ignore=()):
        self.path = path
        self.ignore = [f'--exclude=/{name}' for name in ignore]

    @classmethod
    def from_conf(cls, conf):
        return cls(os.path.join(conf.state_path, 'rsync'),
                   conf.backup.ignore_files)

    def check(self, create=False):
        if create:
            os.makedirs(self.path, 0o700, exist_ok=True)
        if not os.access(self.path, os.W_OK):
            raise base.RepositoryUnavailable(f'{self.path} is not there.')

    def backup(self, place, attempt, source, options, record, progress):
        if os.path.exists(self._at(place)):     # then its worker died
            return _report(self._about(place))
        one, other = map(os.path.realpath, (self.path, source))
        if os.path.commonpath((one, other)) in (one, other):
            raise base.DriverError(f'One is within the other: {one}, {other}')
        about = {'record': record, 'created_at': datetime.datetime.now(
            datetime.timezone.utc).isoformat()}
        told = [f'"{line.partition(" ")[2]}": could not keep its holes.'
                for line in _run(HOLES, progress, source, b'\0')
                if float(line.partition(' ')[0]) < 1]
        about |= {'problems': told[:base.MAX_PROBLEMS],
                  'problem_count': len(told), 'files': 0, 'bytes': 0}
        self.discard(place, attempt - 1)
        partial = self._at(place, PARTIAL, attempt)
        os.makedirs(partial + '/data')
        for size, _ in self._rsync(source, partial + '/data', progress,
                                   '--dry-run'):
            about['files'] += 1
            about['bytes'] += size
        about['stored_bytes'] = self._copy(source, partial + '/data', about,
                                           progress)
        with open(partial + '/about', 'x') as file:
            json.dump(about, file)
        with open(partial + '/digest', 'x') as file:
            file.writelines(_run(DIGEST, progress, partial))
        os.sync()
        return _report(about)

    def publish(self, place, attempt):
        with contextlib.suppress(OSError):
            os.rename(self._at(place, PARTIAL, attempt), self._at(place))
            os.sync()
        if not os.path.exists(self._at(place)):
            raise base.DriverError('There is nothing to publish.')

    def restore(self, place, attempt, target, progress):
        for damage in self.verify(place, progress):
            raise base.DamagedBackup(damage)
        about = self._about(place)
        return base.Report(about['files'], about['bytes'], self._copy(
            self._at(place) + '/data', target, about, progress,
            '--checksum'))

    def delete(self, place, progress):
        self.discard(place, 0)      # what is left of an earlier deletion
        with contextlib.suppress(FileNotFoundError):
            os.rename(self._at(place), self._at(place, TRASH))
        self.discard(place, float('inf'))

    def discard(self, place, attempt):
        self._at(place)     # raises if it has no such name
        for each in self.contents():
            if each.place == place and each.state is not PUBLISHED and (
                    each.attempt or 0) <= attempt:
                path = self._at(place, each.state, each.attempt or 0)
                subprocess.run(['rm', '-rf', path])
                if os.path.exists(path):
                    raise base.DriverError(f'Could not remove {path}.')

    def verify(self, place, progress):
        for name in ('about', 'data', 'digest'):
            if not os.path.exists(os.path.join(self._at(place), name)):
                return [f'The {name} of backup {place.backup_id} is missing.']
        with open(self._at(place) + '/digest') as file:
            if file.read() == ''.join(_run(DIGEST, progress,
                                           self._at(place))):
                return []
        return [f'The digest of backup {place.backup_id} differs.']

    def contents(self):
        for name in os.listdir(self.path):
            state, attempt, *ids = name.split('+')
            state = base.StoredState(state)
            yield base.Stored(base.Place(*ids), state,
                              int(attempt) if state is PARTIAL else None)

    def describe(self, place):
        about = self._about(place)
        return base.Description(about['created_at'], about['files'],
                                about['bytes'], about['record'])

    def _at(self, place, state=PUBLISHED, attempt=0):
        ids = place.project_id, place.share_id, place.backup_id
        if not all(re.fullmatch(r'[\w-]{1,64}', each) for each in ids):
            raise base.DriverError(f'These are no ids: {ids}')
        return os.path.join(self.path, '+'.join((state.value, f'{attempt}',
                                                 *ids)))

    def _about(self, place):
        try:
            with open(self._at(place) + '/about') as file:
                return json.load(file)
        except OSError as exc:
            raise base.DriverError(f'Could not read it: {exc}') from exc
        except ValueError as exc:
            raise base.DamagedBackup(f'It is damaged: {exc}') from exc

    def _copy(self, source, target, about, progress, *options):
        """Returns how many bytes of files were written."""
        files, size, stored = about['files'], about['bytes'], 0
        progress.expect(files, size)
        for each, what in self._rsync(source, target, progress, *options):
            progress.advance(1, each)
            files, size = files - 1, size - each
            stored += each if what.startswith('>f') else 0
        progress.advance(files, size)       # what was equal
        return stored

    def _rsync(self, source, target, progress, *options):
        for line in _run((*RSYNC, *self.ignore, *options, source + '/',
                          target), progress):
            size, _, what = line.partition(' ')
            # Neither the root, what was deleted, nor a remark.
            if size.isdigit() and what[0] != '*' and what[11:] != './':
                yield int(size), what


def _report(about):
    return base.Report(about['files'], about['bytes'], about['stored_bytes'],
                       tuple(about['problems']), about['problem_count'])


def _run(command, progress, directory='/', end=b'\n'):
    """What a command says, line by line. It ends with this process, which
    ends with its lease."""
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
                *lines, rest = (rest + said).split(end)
                for last in lines:
                    yield last.decode(errors='backslashreplace')
    if process.returncode:
        raise base.DriverError(f'{command[0]}: {rest or last}')
