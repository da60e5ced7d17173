# SPDX-License-Identifier: Apache-2.0
"""The index of what a backup has, made of its manifest.

It is a file ``.contents.BACKUP`` in the share's directory:
repository-format.rst. Everything in it stands in the manifest as well, so one
that is missing, damaged or of another manifest is made anew, and none is worth
a failure of the backup.
"""

import contextlib
import os
import shutil
import sqlite3
import stat
import tempfile

from manila_backup.contents import database
from manila_backup.contents import reader
from manila_backup.contents import stored_file
from manila_backup.contents import writer
from manila_backup.copying import manifest
from manila_backup.copying import reporting
from manila_backup.drivers import base
from manila_backup.drivers.posix import layout
from manila_backup.drivers.posix import metadata
from manila_backup.fs import content
from manila_backup.fs import dirent
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.path_restore import manifest_items

PREFIX = '.contents.'

#: What an index says of which manifest it was made of.
MANIFEST = 'manifest_sha256'

_COPIED = 1 << 20

# What can be in the way of an index, beside the file system.
_UNMADE = sqlite3.Error, dirent.Malformed, writer.Inconsistent

_UNFINISHED = '.new.'

# The most bytes of a line that are looked at.
_LINE = 1024


def name_of(place):
    """str, what the index of a backup is called."""
    return PREFIX + layout.component(place.backup_id)


def owner(name):
    """The id of the backup whose index a file is, or was to be."""
    return name[len(PREFIX):].partition(_UNFINISHED)[0]


@contextlib.contextmanager
def _made(fd, digest, folder=None):
    """Make the index of a backup, which is there while the context lasts.

    :param fd: int, descriptor of its manifest, which is whole.
    :param digest: str, the manifest's.
    :param folder: str, a directory to make it in.
    :returns: context manager, of the index's path.
    """
    with tempfile.TemporaryDirectory(dir=folder) as made:
        path = os.path.join(made, 'contents')
        with writer.Writer(path) as index:
            index.add(manifest_items.items(fd))
            index.finish({MANIFEST: digest})
        yield path


def make(stack, fd, digest):
    """Make the index of a backup that is about to be published, if that can
    be done.

    :param stack: a ``contextlib.ExitStack``, for as long as it is needed.
    :param fd: int, descriptor of the backup's manifest.
    :param digest: str, the manifest's.
    :returns: str, its path, for :func:`add`; None if it can't be made.
    """
    with contextlib.suppress(OSError, *_UNMADE):
        return stack.enter_context(_made(fd, digest))
    return None


def add(path, share, place):
    """Add an index to the repository, if that can be done.

    :param path: str, as of :func:`make`.
    :param share: int, descriptor of the share's directory.
    """
    with contextlib.suppress(OSError):
        _store(path, share, name_of(place))


def _store(path, share, name):
    """Copy a file into a directory: all of it, or nothing."""
    new = name + _UNFINISHED + os.urandom(4).hex()
    source = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        target = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL
                         | os.O_CLOEXEC, 0o600, dir_fd=share)
        try:
            while data := os.read(source, _COPIED):
                content.write_all(target, data)
            os.fsync(target)
            os.rename(new, name, src_dir_fd=share, dst_dir_fd=share)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(new, dir_fd=share)
            raise
        finally:
            os.close(target)
    finally:
        os.close(source)


def remove(share, place):
    """Remove the index of a backup, what attempts at it have left, and the
    indexes of backups that are gone: an earlier release deletes none.

    :raises OSError: it can't be.
    """
    with handles.entries(share) as entries:
        names = [entry.name for entry in entries]
    stored = filter(None, (layout.parse_name('', '', name) for name in names))
    kept = {each.place.backup_id for each in stored} - {place.backup_id}
    for name in names:
        if name.startswith(PREFIX) and owner(name) not in kept:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=share)


class ManifestIndex(reader.Reader):
    """An index, and the manifest that it is of.

    :param path: str, the index.
    :param directory: int, descriptor of the backup's directory.
    """

    def __init__(self, path, directory):
        super().__init__(path)
        self._manifest = manifest.open_in(directory)

    def __exit__(self, *exc_info):
        os.close(self._manifest)
        super().__exit__(*exc_info)

    def digest(self, one):
        text = self.recorded(one)
        if text is None or not stat.S_ISREG(one.mode):
            return None
        # Of each file of a page, and so no more than what is looked at.
        try:
            kind, _, _, _, _, mtime, _, _, size, extra, *_ = (
                text.split(b' ', dirent.FIELDS[b'F']))
            found = kind, int(size), int(mtime)
        except ValueError as exc:
            raise database.DamagedIndex(f'{text[:80]!r}') from exc
        if found != (b'F', one.size, one.mtime):
            raise database.DamagedIndex('It is of another manifest.')
        kind, _, value = extra.decode().rpartition(':')
        return f'sha256-{kind}:{value}' if kind else f'sha256:{value}'

    def recorded(self, one):
        if one.line is None:
            return None
        try:
            text = os.pread(self._manifest, _LINE, one.line)
        except OSError as exc:
            raise database.DamagedIndex(str(exc)) from exc
        return text.partition(b'\n')[0]


def open_index(path, directory, digest):
    """Open an index, if it is the one of a manifest.

    :param path: str.
    :param directory: int, descriptor of the backup's directory.
    :param digest: str, its manifest's.
    :returns: a :class:`ManifestIndex`; None if there is none that can be
        used.
    """
    return reader.matching(lambda: ManifestIndex(path, directory), MANIFEST,
                           digest)


def open_file(directory, one, digest):
    """Open a file of a backup.

    :param directory: int, descriptor of the backup's directory.
    :param one: its :class:`~manila_backup.contents.item.Item`.
    :param digest: str, as the index tells it.
    :returns: a :class:`~manila_backup.contents.stored_file.StoredFile`.
    :raises DriverError: it is not there, or not as the index says.
    """
    data = layout.open_data(directory)
    descent = handles.Descent(data)
    try:
        fd = os.open(one.name, handles.READ,
                     dir_fd=descent.enter(one.directory))
    except OSError as exc:
        raise errors.failed('open the backup\'s', one.path, exc,
                            reporting.kind(exc)) from exc
    finally:
        descent.close()
        os.close(data)
    found = stored_file.StoredFile(fd, one.path, one.size, digest)
    st = os.fstat(fd)
    if not stat.S_ISREG(st.st_mode) or st.st_size != one.size:
        found.__exit__()
        raise base.DamagedBackup(
            f'The backup\'s "{errors.printable(one.path)}" is not what was '
            f'stored.')
    return found


def digest_of(directory):
    """The digest of a backup's manifest, as its short form has it.

    :raises DamagedBackup: it does not tell.
    """
    found = metadata.read(directory).get(MANIFEST)
    if not isinstance(found, str):
        raise base.DamagedBackup(
            f'The backup\'s {metadata.NAME} lacks {MANIFEST}.')
    return found


class Indexes:
    """Indexes of a repository's backups, made where they are missing.

    :param repository: an open :class:`~.layout.Repository`.
    :param path: str, by which the repository can be reached from here; None
        if that is nothing that SQLite can open, as within another process's
        mounts.
    :param folder: str, a directory for those that can't be had or kept in the
        repository.
    """

    def __init__(self, repository, path, folder):
        self._repository = repository
        self._path = path
        self._folder = folder

    def open(self, place):
        """Open the index of a published backup.

        :returns: a :class:`~manila_backup.contents.reader.Reader`.
        :raises DriverError: the backup isn't there, or its manifest can't be
            relied on.
        """
        with contextlib.ExitStack() as stack:
            share = stack.enter_context(self._repository.share(place))
            directory = layout.open_published(share, place)
            stack.callback(os.close, directory)
            digest = digest_of(directory)
            there = self._here(place)
            known = [there]
            if self._path is not None:
                known.insert(0, os.path.join(
                    self._path, place.project_id, place.share_id,
                    name_of(place)))
            return (_first(known, directory, digest)
                    or self._take(share, place, directory, digest, there)
                    or self._make(share, place, directory, digest, known))

    def _here(self, place):
        return os.path.join(self._folder, place.backup_id)

    def drop(self, place):
        """Remove the index of a backup."""
        with contextlib.suppress(OSError):
            os.unlink(self._here(place))
        with self._repository.share(place) as share:
            if share is not None:
                with contextlib.suppress(OSError):
                    os.unlink(name_of(place), dir_fd=share)

    def _take(self, share, place, directory, digest, there):
        """Copy the repository's index, where that can't be opened."""
        if self._path is not None:
            return None
        try:
            source = os.open(name_of(place), os.O_RDONLY | os.O_NOFOLLOW
                             | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=share)
        except OSError:
            return None
        with (open(source, 'rb') as found,
              tempfile.NamedTemporaryFile(dir=self._folder) as made):
            shutil.copyfileobj(found, made, _COPIED)
            made.flush()
            os.link(made.name, made.name + '.whole')
        os.rename(made.name + '.whole', there)
        return open_index(there, directory, digest)

    def _make(self, share, place, directory, digest, known):
        """Make one, and keep it in the repository if that can be."""
        *stored, there = known
        try:
            with (_checked(directory) as fd,
                  _made(fd, digest, self._folder) as path):
                if stored:
                    with contextlib.suppress(OSError):
                        _store(path, share, name_of(place))
                found = _first(stored, directory, digest)
                if found is None:
                    os.rename(path, there)
                    found = open_index(there, directory, digest)
        except _UNMADE as exc:
            raise base.DriverError(
                f'The backup\'s index could not be made: {exc}.') from exc
        if found is None:
            raise base.DriverError('The backup\'s index could not be read.')
        return found


@contextlib.contextmanager
def _checked(directory):
    """Open the manifest of a backup, and make sure that it is whole."""
    fd = manifest.open_in(directory)
    try:
        try:
            manifest.check(fd)
        except dirent.Malformed as exc:
            raise base.DamagedBackup(
                f'The backup\'s manifest is damaged: {exc}.') from exc
        yield fd
    finally:
        os.close(fd)


def _first(paths, directory, digest):
    return next(filter(None, (open_index(path, directory, digest)
                              for path in paths)), None)
