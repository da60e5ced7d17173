# SPDX-License-Identifier: Apache-2.0
"""The index of what a backup has, made of restic's listing of its snapshot and
of the backup's mark, which has what restic does not keep.

It is a file BACKUP.SNAPSHOT of the worker's: nothing of it is in the
repository. A snapshot never changes, so that an index stays right as long as
its backup is there. As listing a large backup takes long, single directories
have indexes of their own until there is one of all, BACKUP.SNAPSHOT.HASH.
"""

import contextlib
import hashlib
import os
import sqlite3
import stat
import tempfile
import time

from manila_backup.contents import item
from manila_backup.contents import once
from manila_backup.contents import reader
from manila_backup.contents import writer
from manila_backup.drivers import base
from manila_backup.drivers.restic import absent
from manila_backup.drivers.restic import dumped
from manila_backup.drivers.restic import listing
from manila_backup.drivers.restic import mounted
from manila_backup.drivers.restic import repository
from manila_backup.drivers.restic import trees
from manila_backup.fs import dirent
from manila_backup.fs import handles

#: What an index says of which snapshot it was made of.
SNAPSHOT = 'snapshot'

# Seconds after which making an index is given up.
_LONGEST = 3600

# Seconds for which a backup that was found is taken to be there: nobody is
# told of one that was deleted, but finding it takes restic most of a second.
_LASTS = 60.0

# The most directories that are read, or listed, by themselves: each takes
# restic most of a second.
_FEW = 4

# Letters of what tells the index of one directory from those of others.
_HASH = 32

_NOWHERE = item.MISSING | item.UNKNOWN

_once = once.Once()

# Of each backup that was found, in which folder its index is: its snapshot,
# and when.
_found: dict[tuple[str, base.BackupReference], tuple[str, float]] = {}

_dumps = dumped.Dumps()


class Sidecar:
    """The part of a backup's mark that is about entries.

    :param about: dict, what the mark says.
    :ivar nodes: dict of path, as bytes, to the item of what restic has not, or
        not as it is.
    :raises DamagedBackup: it makes no sense.
    """

    def __init__(self, about):
        try:
            self.nodes = {one.path: one for one in _nodes(about)}
            self._times = {
                dirent.checked_path(path.encode()): int(mtime)
                for path, mtime in about.get('times', ())}
            self._absent = {dirent.checked_path(path.encode())
                            for path in about.get('absent', ())}
        except (KeyError, ValueError, TypeError, AttributeError,
                dirent.Malformed) as exc:
            raise base.DamagedBackup(
                f'The backup\'s mark is damaged: {exc}.') from exc
        self._mounted = set(mounted.restored(about)[1])

    def items(self, entries):
        """Make the items of all entries, in any order.

        :param entries: iterator, as :meth:`.listing.Listing.entries` returns.
        """
        # Directories that must be there for what is not in the listing, and
        # what they are called in the share.
        wanted = {handles.split(path)[0] for path in (
            *self.nodes, *self._absent, *self._mounted)}
        places = {item.ROOT: item.ROOT}
        absences = set(self._absent)
        for node, path, target in entries:
            absences.discard(path)
            one = self.nodes.get(path) or self._item(node, path, target)
            if one.is_directory:
                if path in wanted:
                    places[path] = path
                if node.path in wanted:
                    places.setdefault(node.path, path)
            if path not in self.nodes:
                yield one
        yield from (one for one in self.nodes.values()
                    if one.directory in places)
        yield from self._missing(absences | self._mounted, places)

    def _item(self, node, path, target):
        directory, name = handles.split(path)
        return item.Item(
            directory, name, node.mode,
            node.size if target is None else len(target),
            self._times.get(path, node.mtime), node.uid, node.gid, 0, target)

    def _missing(self, paths, places):
        told = set(self.nodes)
        for path in paths:
            directory, name = handles.split(path)
            if directory not in places:
                continue
            one = item.Item(places[directory], name, flags=_NOWHERE)
            if one.path not in told:
                told.add(one.path)
                yield one


def _nodes(about):
    for path, text, names in about['nodes']:
        entry = dirent.parse(text.encode())
        for where, name in ((path, dirent.quote(entry.name).decode()),
                            *names):
            yield item.Item(
                dirent.checked_path(where.encode()),
                dirent.checked_name(name.encode()),
                dirent.TYPES[entry.kind] | entry.mode, entry.size,
                entry.mtime, entry.uid, entry.gid, 0,
                entry.extra if entry.kind == b'L' else None)


class Indexes:
    """The indexes of one backup.

    :param open_project: callable; returns its project's
        :class:`~.repository.Repository`, of the argument ``tick``.
    :param folder: str, the directory to keep them in.
    :param limits: (upload, download) in KiB/s, 0 for none.
    """

    def __init__(self, open_project, place, folder, limits):
        self._open_project = open_project
        self._place = place
        self._folder = folder
        self._limits = limits

    def open(self):
        """Open the index of the backup.

        :returns: a :class:`~manila_backup.contents.reader.Reader`.
        :raises DriverError: the backup isn't there, or can't be listed.
        """
        def make(project, about, snapshot):
            path = self._path(snapshot)
            with _once.alone(path, base.DriverError(
                    'The backup\'s index is being made.', retryable=True)):
                self._make(project, about, snapshot, path)

        return self._open((), make)

    def open_directory(self, directory):
        """Open an index that has the entries of a directory at least.

        :param directory: bytes, its path; there may be none.
        :returns: as of :meth:`open`.
        """
        digest = hashlib.sha256(directory).hexdigest()[:_HASH]

        def make(project, about, snapshot):
            found = None if about['is_empty'] else trees.entries(
                project.restic, snapshot, directory)
            self._make(project, about, snapshot,
                       self._path(snapshot, digest),
                       lambda _: _of_directory(directory, found))

        return self._open((digest,), make)

    def _open(self, parts, make):
        """Open an index, of those that are there or made now.

        :param parts: names of those that will do instead of the whole one.
        :param make: called with the project, what the mark says and the id of
            the content, to make one that will do.
        """
        def first(snapshot):
            return next(filter(None, (
                _opened(self._path(snapshot, part), snapshot)
                for part in ('', *parts))), None)

        snapshot, since = _found.get(self._key, (None, 0))
        if snapshot and time.monotonic() - since < _LASTS:
            index = first(snapshot)
            if index:
                return index
        project = self._open_project(tick=_limited(_LONGEST))
        mark, snapshot = project.find(self._place)
        index = first(snapshot)
        if index is None:
            make(project, self._about(project, mark), snapshot)
            index = first(snapshot)
        if index is None:
            raise base.DriverError('The backup\'s index could not be read.')
        _remember(self._key, snapshot)
        return index

    @contextlib.contextmanager
    def chosen(self, project, paths):
        """Open an index that has some entries at least, with all below them.

        Without one of the whole backup that is there already, no more is read
        than these, if they are few.

        :param project: a :class:`~.repository.Repository`.
        :param paths: list of bytes, none of them below another one.
        :returns: context manager of (a
            :class:`~manila_backup.contents.reader.Reader`, dict of what the
            backup's mark says, and the id of its content).
        :raises DriverError: as :meth:`open` does.
        """
        mark, snapshot = project.find(self._place)
        about = self._about(project, mark)
        with contextlib.ExitStack() as stack:
            index = _opened(self._path(snapshot), snapshot)
            if index is None:
                found = [] if about['is_empty'] else _found_by_themselves(
                    project.restic, snapshot, paths)
                path = self._path(snapshot)
                if found is not None:
                    path = os.path.join(
                        stack.enter_context(tempfile.TemporaryDirectory(
                            dir=self._folder)), 'chosen')
                self._make(project, about, snapshot, path, (
                    lambda listed: _of_paths(paths, found, listed))
                    if found is not None else None)
                index = reader.Reader(path)
            yield stack.enter_context(index), about, snapshot

    def _about(self, project, mark):
        """Read a backup's mark, and keep it, as it never changes."""
        path = os.path.join(self._folder,
                            f'{self._place.backup_id}.{mark.id}.mark')
        with contextlib.suppress(OSError, base.DriverError):
            with open(path, 'rb') as file:
                return repository.parsed(self._place, file.read())
        text = project.read(self._place, mark)
        about = repository.parsed(self._place, text)
        with (contextlib.suppress(OSError),
              tempfile.TemporaryDirectory(dir=self._folder) as made):
            new = os.path.join(made, 'mark')
            with open(new, 'xb') as file:
                file.write(text)
            os.rename(new, path)
        return about

    @property
    def _key(self):
        return self._folder, self._place

    def _path(self, snapshot, part=''):
        name = '.'.join(filter(None, (self._place.backup_id, snapshot, part)))
        return os.path.join(self._folder, name)

    def open_file(self, index, one):
        """Open a file of the backup.

        :param index: what :meth:`open` has returned.
        :param one: the file's :class:`~manila_backup.contents.item.Item`.
        :returns: a :class:`~manila_backup.contents.stored_file.StoredFile`.
        :raises DriverError: restic can't give it, or it is being fetched.
        """
        snapshot = index.about()[SNAPSHOT]

        def dump(take, again):
            project = self._open_project(tick=_limited(_LONGEST))
            # It may have been rewritten just then, which a lock prevents.
            project.restic.run(
                'dump', '--quiet' if again else '--no-lock', snapshot,
                f'/{os.fsdecode(one.path)}', on_data=take,
                limits=self._limits)
        return _dumps.open((self._key, snapshot, one.path), dump,
                           self._folder, one)

    def drop(self):
        """Remove them."""
        forget(self._place)
        with contextlib.suppress(OSError):
            for name in os.listdir(self._folder):
                if name.startswith(self._place.backup_id + '.'):
                    os.unlink(os.path.join(self._folder, name))

    def _make(self, project, about, snapshot, path, entries=None):
        """Make an index.

        :param entries: called with a function that lists what is below a
            directory, returns an iterator as of
            :meth:`.listing.Listing.entries`; None for all of the backup.
        """
        sidecar = Sidecar(about)
        try:
            with (tempfile.TemporaryDirectory(dir=self._folder) as made,
                  contextlib.ExitStack() as stack):

                def listed(top=handles.ROOT):
                    found = stack.enter_context(listing.Listing(
                        project.restic, snapshot, made, sidecar.nodes,
                        self._limits, top))
                    # Without, there is but a file that says that.
                    if not about['is_empty']:
                        found.read()
                    return found.entries()

                new = os.path.join(made, 'contents')
                with writer.Writer(new) as index:
                    index.add(sidecar.items(
                        entries(listed) if entries else listed()))
                    index.finish({SNAPSHOT: snapshot})
                os.rename(new, path)
        except (OSError, OverflowError, sqlite3.Error, dirent.Malformed,
                writer.Inconsistent, listing.Unmatched) as exc:
            raise base.DriverError(
                f'The backup\'s index could not be made: {exc}.') from exc


def _found_by_themselves(restic, snapshot, paths):
    """Read the directories that a few paths are in.

    :returns: list of entries, as of :meth:`.listing.Listing.entries`, of those
        of the paths that are there; None if they are too many, or all of the
        backup.
    """
    parents = {}
    for path in paths:
        if path == handles.ROOT:
            return None
        parents.setdefault(handles.split(path)[0], set()).add(path)
    if len(parents) > _FEW:
        return None
    found = [each for parent, wanted in sorted(parents.items())
             for each in trees.entries(restic, snapshot, parent) or ()
             if each[1] in wanted]
    directories = sum(stat.S_ISDIR(node.mode) for node, _, _ in found)
    return found if len(parents) + directories <= _FEW else None


def _of_paths(paths, found, listed):
    """Iterate over all entries of some paths, and of what leads there.

    :param found: as of :func:`_found_by_themselves`.
    :param listed: function that lists what is below a directory.
    """
    yield from _above(paths)
    for node, path, target in found:
        yield node, path, target
        if stat.S_ISDIR(node.mode):
            yield from listed(path)


def _of_directory(directory, found):
    """Iterate over the entries of a directory, and what leads there.

    :param found: iterator of them; None if there is no such directory.
    """
    if found is not None:
        if directory != handles.ROOT:
            yield from _above([handles.join(directory, b'entry')])
        yield from found


def _above(paths):
    """The directories that lead to some paths, of which nothing else is known
    than that they are none of what is not there."""
    for path in sorted({b'/'.join(names[:count])
                        for names in (path.split(b'/') for path in paths)
                        for count in range(1, len(names))}):
        yield (listing.Node(absent.shown(path), stat.S_IFDIR, 0, 0, 0, 0),
               path, None)


def forget(place):
    """Have a backup looked for the next time: it may be gone."""
    for key in [key for key in list(_found) if key[1] == place]:
        _found.pop(key, None)


def _remember(key, snapshot):
    now = time.monotonic()
    for each, (_, since) in list(_found.items()):
        if now - since > _LASTS:
            _found.pop(each, None)
    _found[key] = snapshot, now


def _opened(path, snapshot):
    """Open an index; returns None if there is none that can be used."""
    return reader.matching(lambda: reader.Reader(path), SNAPSHOT, snapshot)


def _limited(seconds):
    """Return a function that raises an error after some time."""
    end = time.monotonic() + seconds

    def check():
        if time.monotonic() > end:
            raise base.DriverError(
                f'Listing the backup took more than {seconds} seconds.',
                retryable=True)
    return check
