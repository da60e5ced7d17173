# SPDX-License-Identifier: Apache-2.0
"""Content of the repositories, and its meaning.

A backup is two snapshots of restic in its project's repository: its content,
and, once it is published, a mark with one file that says what the content
does not. restic writes a snapshot when all that it is about is stored, in one
step, and that needs no lock that would keep others out: as changing the tags
of a snapshot would. See restic.rst for the tags.
"""

import contextlib
import dataclasses
import json
import os
import tempfile
from urllib import parse as urllib_parse

from manila_backup.drivers import base
from manila_backup.drivers.restic import command
from manila_backup.drivers.restic import faults
from manila_backup.drivers.restic import times
from manila_backup import private

CATALOGUE = '.catalogue'

#: The name of the file in a mark.
MARK = 'manila-backup.json'

#: The tag of what is noted of a repository, beside all backups in it.
DAMAGE = 'damage'

CONTENT, PUBLISHED, DELETED = 'content', 'published', 'deleted'

# What restic adds to what it makes of another one.
_REWRITTEN = 'rewrite'

VERSION = 1


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """One of restic's.

    :ivar id: str.
    :ivar kind: CONTENT, or of a mark PUBLISHED or DELETED.
    :ivar attempt: int.
    :ivar time: str, as restic tells it.
    """

    id: str
    kind: str
    place: base.BackupReference
    attempt: int
    time: str


def checked(place):
    """A place whose ids can be in tags and names.

    :raises DriverError: they can't.
    """
    for each in dataclasses.astuple(place):
        base.component(each)
    return place


class Repository:
    """A project's.

    :param restic: a :class:`~.command.Restic`.
    :param is_known: called without arguments; returns whether the catalogue
        has it. If not, it is no fault that it isn't there.
    """

    def __init__(self, restic, project_id, is_known):
        self.restic = restic
        self._project_id = project_id
        self._is_known = is_known

    def snapshots(self, backup_id=None):
        """List the snapshots of this service, as list of :class:`Snapshot`."""
        args = ['snapshots', '--no-lock']
        if backup_id:
            args += ['--tag', _tag('backup', backup_id)]
        try:
            said = self.restic.json(*args)
        except faults.Absent:
            if self._is_known():
                raise
            return []
        found = (parse(self._project_id, each) for each in said or ())
        return [each for each in found if each]

    def mark(self, place, attempt, kind, text):
        """Add a mark.

        :param text: bytes, what its file says.
        """
        with tempfile.TemporaryFile() as file:
            file.write(text)
            file.seek(0)
            self.restic.run(
                'backup', '--quiet', '--stdin', '--stdin-filename', MARK,
                *tags(place, attempt, kind), stdin=file)

    def find(self, place):
        """Find a published backup.

        :returns: (its mark, a :class:`Snapshot`; the id of its content, str).
        :raises DamagedBackup: it is published, and its content gone.
        :raises DriverError: it is not published.
        """
        found = self.snapshots(place.backup_id)
        mark = published(found)
        if mark is None:
            if any(each.kind == PUBLISHED for each in found) and not any(
                    each.kind == DELETED for each in found):
                raise base.DamagedBackup(
                    f'The content of backup {place.backup_id} is not in the '
                    f'repository.')
            raise absent(place)
        return mark, content_id(found, mark.attempt)

    def about(self, place):
        """Read the mark of a backup, as dict; raises what :meth:`find` does.
        """
        return parsed(place, self.read(place, self.find(place)[0]))

    def read(self, place, mark):
        """Read a mark, as bytes."""
        args = ['dump', mark.id, f'/{MARK}']
        try:
            try:
                return self.restic.run(*args, '--no-lock')
            except base.DamagedBackup:
                # Or was being rewritten just then, which a lock prevents.
                return self.restic.run('--quiet', *args)
        except base.DriverError as exc:
            if mark not in self.snapshots(place.backup_id):
                raise absent(place) from exc    # it went just now
            raise

    def note_damage(self):
        """Note that something in it is damaged, if that is new."""
        if self.damage_notes():
            return
        with tempfile.TemporaryFile() as file:
            file.write(b'Damage was found in this repository.\n')
            file.seek(0)
            self.restic.run(
                'backup', '--quiet', '--stdin', '--stdin-filename', DAMAGE,
                '--host', DAMAGE, '--tag',
                ','.join((DAMAGE, _tag('project', self._project_id))),
                stdin=file)

    def damage_notes(self):
        """List the ids of the snapshots that are such notes."""
        return [each['id'] for each in self.restic.json(
            'snapshots', '--no-lock', '--tag', DAMAGE) or ()]

    def forget(self, snapshots, wait=True):
        """Remove snapshots; what is needed for no other is left to a pass
        that prunes.

        :raises faults.Locked: somebody works with the repository.
        """
        for last in (False, False, True):
            if not snapshots:
                return
            try:
                self.restic.run('forget', '--quiet',
                                *(each.id for each in snapshots), wait=wait)
                return
            except faults.Locked:
                raise
            except base.DriverError:
                if last:
                    raise
            # Others may be removing the same.
            there = {each.id for each in self.snapshots()}
            snapshots = [each for each in snapshots if each.id in there]

    def contents(self):
        """Iterate over :class:`~manila_backup.drivers.base.RepositoryItem`."""
        by_place = {}
        for each in self.snapshots():
            by_place.setdefault(each.place, []).append(each)
        for found in by_place.values():
            yield from stored(found)


def parsed(place, text):
    """Parse the text of a backup's mark.

    :param text: bytes.
    :returns: dict.
    :raises DamagedBackup: it is none.
    :raises DriverError: it is of another release, or says that the backup was
        deleted.
    """
    try:
        found = json.loads(text)
        if found['version'] != VERSION:
            raise base.DriverError(
                f'Backup {place.backup_id} has format '
                f'{found["version"]}; this release knows {VERSION}.')
        for name, value in dataclasses.asdict(place).items():
            if found[name] != value:
                raise ValueError(f'it is of {name} {found[name]!r}')
        if found['state'] != PUBLISHED:
            raise absent(place)
        return found
    except (ValueError, KeyError, TypeError) as exc:
        raise base.DamagedBackup(
            f'The mark of backup {place.backup_id} is invalid: '
            f'{exc}.') from exc


def published(snapshots):
    """The mark that one backup's snapshots are to be taken by, or None.

    A worker that was frozen while it published may add another mark long
    after somebody else has done that: the last attempt counts, if its
    content is there.
    """
    if any(each.kind == DELETED for each in snapshots):
        return None
    contents = {each.attempt for each in snapshots if each.kind == CONTENT}
    return max((each for each in snapshots if each.kind == PUBLISHED
                and each.attempt in contents),
               key=lambda each: each.attempt, default=None)


def stored(snapshots):
    """Convert the snapshots of one backup to repository items.

    :returns: iterator of :class:`~manila_backup.drivers.base.RepositoryItem`.
    """
    place = snapshots[0].place
    if any(each.kind == DELETED for each in snapshots):
        yield base.RepositoryItem(place, base.ItemState.TRASH)
        return
    mark = published(snapshots)
    if mark:
        yield base.RepositoryItem(place, base.ItemState.PUBLISHED)
    if any(each.kind == PUBLISHED and not _is_of(each, mark)
           for each in snapshots):
        yield base.RepositoryItem(place, base.ItemState.TRASH)
    for attempt in sorted({each.attempt for each in snapshots
                           if each.kind == CONTENT
                           and not _is_of(each, mark)}):
        yield base.RepositoryItem(place, base.ItemState.PARTIAL, attempt)


def leftovers(snapshots, attempt):
    """List the snapshots of one backup that nothing needs.

    :param attempt: int, the highest whose content is not needed either.
    :returns: list, in the order in which they should go.
    """
    if any(each.kind == DELETED for each in snapshots):
        return sorted(snapshots, key=marks_last)
    mark = published(snapshots)
    return [each for each in snapshots if not _is_of(each, mark) and (
        each.kind == PUBLISHED or each.attempt <= attempt)]


def _is_of(snapshot, mark):
    """Tell whether a snapshot and a mark are of the same attempt."""
    return mark is not None and snapshot.attempt == mark.attempt


def marks_last(snapshot):
    """Sorts what says that a backup was deleted behind its content."""
    return snapshot.kind == DELETED


def deleted(place):
    """Return the content of a deleted backup's mark, as bytes."""
    return json.dumps({'version': VERSION, 'state': DELETED,
                       **dataclasses.asdict(place)}).encode()


def absent(place):
    return base.DriverError(
        f'Backup {place.backup_id} is not in the repository of project '
        f'{place.project_id}.')


def exists(restic):
    """Tell whether a repository exists.

    :raises RepositoryUnavailable: that can't be told, or it is not ours.
    """
    try:
        restic.run('cat', 'config', '--no-lock', sink=True)
        return True
    except faults.Absent:
        return False


def initialise(restic):
    """Make a repository. That another made it just now is no error."""
    path = command.local_path(restic.url)
    try:
        if path:
            private.make_directories(os.path.dirname(path))
            _forget_half_made(path)
        restic.run('init', sink=True)
    except OSError as exc:
        raise base.RepositoryUnavailable(
            f'"{restic.shown}" can\'t be made: {exc.strerror}.') from exc
    except base.DriverError:
        with contextlib.suppress(base.DriverError):
            if exists(restic):
                return
        raise


def _forget_half_made(path):
    """Remove the key of a local repository whose making was cut short: with
    another one beside it, nobody could tell which is that of the content.
    There must be nothing yet that was written with it."""
    with contextlib.suppress(FileNotFoundError):
        if any(_is_content(path, name) for name in os.listdir(path)):
            return
        for name in os.listdir(os.path.join(path, 'keys')):
            os.unlink(os.path.join(path, 'keys', name))


def _is_content(path, name):
    """Tell whether reading an entry of a repository's directory takes its key.
    """
    folder = os.path.join(path, name)
    if not os.path.isdir(folder):
        return True
    return name not in ('keys', 'locks', 'tmp') and any(
        files for _, _, files in os.walk(folder))


# -- tags

def tags(place, attempt, kind):
    """The arguments that give a snapshot its tags and host."""
    return ['--host', place.share_id, '--tag', ','.join((
        kind, _tag('project', place.project_id),
        _tag('share', place.share_id), _tag('backup', place.backup_id),
        _tag('attempt', str(attempt))))]


def content_of(place, attempt):
    """The arguments that have "latest" mean a backup's content."""
    return ['--tag', ','.join((CONTENT, _tag('backup', place.backup_id),
                               _tag('attempt', str(attempt))))]


def content_id(snapshots, attempt):
    """Return the id of what has the content of one attempt, as str; None if
    there is none. Of several, the last one has it: as for
    :func:`content_of`."""
    found = [each for each in snapshots
             if each.kind == CONTENT and each.attempt == attempt]
    return max(found, key=lambda each: times.parsed(each.time)).id if (
        found) else None


def _tag(name, value):
    return f'{name}={urllib_parse.quote(value, safe="")}'


def parse(project_id, snapshot):
    """A snapshot as restic lists it; None if it is not of this service."""
    found, kinds = {}, []
    for tag in snapshot.get('tags') or ():
        if tag == _REWRITTEN:
            continue
        name, is_value, value = tag.partition('=')
        if is_value:
            found[name] = urllib_parse.unquote(value)
        else:
            kinds.append(name)
    try:
        kind, = kinds
        if kind not in (CONTENT, PUBLISHED, DELETED) or (
                found['project'] != project_id):
            return None
        return Snapshot(
            snapshot['id'], kind,
            base.BackupReference(project_id, found['share'], found['backup']),
            int(found['attempt']), snapshot['time'])
    except (KeyError, ValueError):
        return None


# -- the catalogue

PROJECT, MAKING, ROTATING = 'project', 'making', 'rotating'


@dataclasses.dataclass(frozen=True)
class Entry:
    """Something of a project in the catalogue.

    :ivar id: str, of its snapshot.
    :ivar kind: PROJECT, that it has a repository; MAKING, of one that is about
        to have one; or ROTATING, of one that is about to have another key.
    :ivar ref: str, the reference of a key; or None.
    """

    id: str
    kind: str
    project_id: str
    ref: str | None


class Catalogue:
    """The list of the projects that have repositories: a repository itself,
    with a snapshot for each, of that host name.

    :param restic: a :class:`~.command.Restic`.
    """

    def __init__(self, restic):
        self.restic = restic

    def projects(self):
        """dict of project id to the references of its keys, as list of str,
        the oldest first; empty where there is none."""
        found = {}
        for entry in self._entries():
            if entry.kind == PROJECT:
                refs = found.setdefault(entry.project_id, [])
                if entry.ref is not None:
                    refs.append(entry.ref)
        return found

    def kept(self, project_id):
        """The reference of the key of a project that is to be entered once
        its repository is made, or None."""
        return next((entry.ref for entry in self.entries(project_id)
                     if entry.kind == MAKING), None)

    def entries(self, project_id):
        """List what there is of a project, as :class:`Entry`."""
        return [each for each in self._entries()
                if each.project_id == project_id]

    def _entries(self):
        for each in self.restic.json('snapshots', '--no-lock') or ():
            tags_ = dict(tag.partition('=')[::2]
                         for tag in each.get('tags') or ())
            for kind in (PROJECT, MAKING, ROTATING):
                if kind in tags_:
                    yield Entry(
                        each['id'], kind, urllib_parse.unquote(tags_[kind]),
                        urllib_parse.unquote(tags_['key'])
                        if 'key' in tags_ else None)

    def keep(self, project_id, ref):
        """Have :meth:`kept` know it."""
        self._enter(project_id, MAKING, ref)

    def add(self, project_id, ref):
        """Enter a project, or another key of one."""
        self._enter(project_id, PROJECT, ref)

    def begin(self, project_id, ref):
        """Note that a project is to have another key."""
        self._enter(project_id, ROTATING, ref)

    def remove(self, entries):
        """Remove entries."""
        if entries:
            self.restic.run('forget', '--quiet',
                            *(each.id for each in entries))

    def _enter(self, project_id, kind, ref):
        said = _tag(kind, project_id)
        if ref:
            said += ',' + _tag('key', ref)
        with tempfile.TemporaryFile() as file:
            file.write(project_id.encode())
            file.seek(0)
            self.restic.run(
                'backup', '--quiet', '--stdin', '--stdin-filename',
                'project', '--host', project_id, '--tag', said, stdin=file)
