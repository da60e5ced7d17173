# SPDX-License-Identifier: Apache-2.0
"""Layout of a repository: its paths, and how they are created and removed.

The names are part of the format: repository-format.rst.
"""

import contextlib
import errno
import os
import re

from manila_backup.copying import journal
from manila_backup.copying import manifest
from manila_backup.copying import reporting
from manila_backup.drivers import base
from manila_backup.drivers.posix import marker
from manila_backup.drivers.posix import metadata
from manila_backup.fs import btrfs
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import removal

DATA = journal.DATA

_PARTIAL = re.compile(r'\.partial\.(.+)\.(\d+)')
_TAKEN = re.compile(r'\.taken\.(.+)\.(\d+)')
_TRASH = re.compile(r'\.trash\.(.+)\.[0-9a-f]{8}')
_RETRIES = 20


def component(text):
    """An id that can be a name in the repository.

    :raises DriverError: it can't.
    """
    if text == marker.NAME:
        raise base.DriverError(f'"{text}" is the name of the marker.')
    return base.component(text)


def partial_name(place, attempt):
    return f'.partial.{component(place.backup_id)}.{int(attempt)}'


def _taken_name(place, attempt):
    return f'.taken.{component(place.backup_id)}.{int(attempt)}'


class Repository:
    """An opened repository; a context manager.

    :param path: str, what it is called.
    :param at: str, the path that it can be opened by, if that is another.
    :ivar format: int.
    :raises RepositoryUnavailable: there is none.
    """

    def __init__(self, path, at=None):
        try:
            self.fd = os.open(at or path, handles.DIRECTORY & ~os.O_NOFOLLOW)
        except OSError as exc:
            raise marker.unavailable(path, exc) from exc
        try:
            self.format = marker.check(self.fd, path)
        except BaseException:
            os.close(self.fd)
            raise
        self.path = path

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        os.close(self.fd)

    def check_writable(self):
        """Make sure that it can be written to.

        :raises RepositoryUnavailable: it can't.
        """
        try:
            os.close(handles.scratch(self.fd))
        except OSError as exc:
            raise marker.unavailable(self.path, exc) from exc

    @property
    def identity(self):
        """(device, inode) of its root."""
        st = os.fstat(self.fd)
        return st.st_dev, st.st_ino

    @contextlib.contextmanager
    def share(self, place, make=False):
        """The directory of a share's backups.

        :raises DriverError: the place has an id that can't be a name.
        :returns: int, a descriptor; or None if there is none and ``make`` is
            not set.
        """
        component(place.backup_id)
        kind = handles.MakingDescent if make else handles.Descent
        descent = kind(self.fd)
        path = os.fsencode(f'{component(place.project_id)}/'
                           f'{component(place.share_id)}')
        try:
            try:
                fd = descent.enter(path)
            except FileNotFoundError:
                fd = None
            except OSError as exc:
                raise errors.failed('open', f'{self.path}/'
                                    f'{os.fsdecode(path)}', exc) from exc
            yield fd
        finally:
            descent.close()

    def tidy(self, place):
        """Remove a share's and a project's directories if they are empty."""
        for path, name in ((os.fsencode(place.project_id), place.share_id),
                           (handles.ROOT, place.project_id)):
            descent = handles.Descent(self.fd)
            try:
                os.rmdir(name, dir_fd=descent.enter(path))
            except OSError as exc:
                if exc.errno not in (errno.ENOTEMPTY, errno.EEXIST,
                                     errno.ENOENT, errno.ENOTDIR):
                    raise
            finally:
                descent.close()

    def contents(self):
        """Iterate over what is kept, as
        :class:`~manila_backup.drivers.base.RepositoryItem`."""
        for project in _subdirectories(self.fd, handles.ROOT):
            for share in _subdirectories(self.fd, project):
                path = handles.join(project, share)
                for name in _subdirectories(self.fd, path, dotted=True):
                    stored = parse_name(os.fsdecode(project),
                                        os.fsdecode(share),
                                        os.fsdecode(name))
                    if stored:
                        yield stored


def parse_name(project, share, name):
    """Parse a name in a share's directory; None if it is not the driver's."""
    if not name.startswith('.'):
        return base.RepositoryItem(base.BackupReference(project, share, name),
                                   base.ItemState.PUBLISHED)
    match = _PARTIAL.fullmatch(name) or _TAKEN.fullmatch(name)
    if match:
        return base.RepositoryItem(
            base.BackupReference(project, share, match[1]),
            base.ItemState.PARTIAL, int(match[2]))
    match = _TRASH.fullmatch(name)
    return match and base.RepositoryItem(
        base.BackupReference(project, share, match[1]), base.ItemState.TRASH)


def _subdirectories(root, path, dotted=False):
    """Names of directories; read at once, since they may go meanwhile."""
    descent = handles.Descent(root)
    try:
        with os.scandir(descent.enter(path)) as entries:
            return sorted(
                os.fsencode(entry.name) for entry in entries
                if entry.is_dir(follow_symlinks=False)
                and (dotted or not entry.name.startswith('.'))
                and entry.name != 'lost+found')
    except OSError as exc:
        if exc.errno in errors.GONE:
            return []
        raise errors.failed('list', path, exc,
                            base.RepositoryUnavailable) from exc
    finally:
        descent.close()


def take(share, place, attempt):
    """Put what earlier attempts left out of the reach of their workers.

    From here on none of them can be published: files are about to be moved
    out of them.

    :param share: int, descriptor of the share's directory.
    :param attempt: int, the attempt that takes over.
    :returns: list of str, the names to take from, the latest first.
    """
    found = []
    for name, stored in _dotted(share, place):
        if (stored.state is not base.ItemState.PARTIAL
                or stored.attempt >= attempt):
            continue
        taken = _taken_name(place, stored.attempt)
        if name != taken:
            try:
                os.rename(name, taken, src_dir_fd=share, dst_dir_fd=share)
            except OSError as exc:
                if exc.errno in (errno.ENOENT, errno.ENOTEMPTY,
                                 errno.EEXIST):
                    # Just published; or it was taken before, and begun
                    # again by a process that was late: nothing to be had.
                    continue
                raise
        found.append((stored.attempt, taken))
    if found:
        os.fsync(share)
    return [name for _, name in sorted(found, reverse=True)]


def _dotted(share, place):
    found = []
    with handles.entries(share) as entries:
        for entry in entries:
            if entry.name.startswith('.'):
                stored = parse_name('', '', entry.name)
                if stored and stored.place.backup_id == place.backup_id:
                    found.append((entry.name, stored))
    return found


def sweep(share, place, attempt=None, tick=None):
    """Remove what attempts up to ``attempt`` left, and what deletions did.

    :param attempt: int, or None for all attempts.
    :raises OSError: something stayed.
    """
    for name, stored in _dotted(share, place):
        if stored.state is base.ItemState.PARTIAL:
            if attempt is not None and stored.attempt > attempt:
                continue
            name = trash(share, name, place)
        if name:
            remove(name, share, tick)


def remove(name, share, tick=None):
    """Remove what an attempt or a deletion left, as
    :func:`manila_backup.fs.removal.remove`: where ``data`` is a subvolume, at
    once."""
    try:
        fd = os.open(name, handles.DIRECTORY, dir_fd=share)
    except OSError:
        pass
    else:
        try:
            btrfs.destroy(DATA, fd)
        finally:
            os.close(fd)
    removal.remove(name, share, tick)


def trash(share, name, place):
    """Give something a name that says it is being removed.

    :returns: str, the name it has now; or None if it isn't there.
    """
    away = f'.trash.{place.backup_id}.{os.urandom(4).hex()}'
    try:
        os.rename(name, away, src_dir_fd=share, dst_dir_fd=share)
    except FileNotFoundError:
        return None
    except OSError as exc:
        if exc.errno not in (errno.EDQUOT, errno.ENOSPC):
            raise
        # A full btrfs lets remove, but not rename. So it keeps its name,
        # and loses first what makes a backup of it.
        for part in (metadata.NAME, manifest.NAME):
            removal.remove(f'{name}/{part}', share)
        return name
    os.fsync(share)
    return away


def prepare(repository, place, attempt, subvolume=True):
    """Make the directory of a new attempt, empty and private.

    :param subvolume: as for :func:`.journal.prepare`.
    :returns: int, a descriptor.
    """
    name = partial_name(place, attempt)
    for _ in range(_RETRIES):
        with repository.share(place, make=True) as share:
            try:
                # Of the same attempt: can't be, unless it was handed twice.
                left = trash(share, name, place)
                if left:
                    remove(left, share)
                os.mkdir(name, 0o700, dir_fd=share)
                fd = os.open(name, handles.DIRECTORY, dir_fd=share)
            except FileNotFoundError:
                continue    # tidied away by the deletion of another backup
            journal.prepare(fd, subvolume)
            return fd
    raise base.DriverError('The share\'s directory in the repository is '
                           'removed repeatedly.', retryable=True)


def is_published(share, place):
    """Tell whether a backup is published."""
    if share is None:
        return False
    try:
        os.stat(component(place.backup_id), dir_fd=share,
                follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def open_published(share, place):
    """The directory of a finished backup.

    :param share: int, descriptor of the share's directory, or None.
    :raises DriverError: it isn't there.
    """
    name = component(place.backup_id)
    try:
        if share is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return os.open(name, handles.DIRECTORY, dir_fd=share)
    except OSError as exc:
        raise errors.failed('open the backup', name, exc,
                            reporting.kind(exc)) from exc


def publish(share, place, attempt):
    """The rename that makes a backup visible.

    :raises DriverError: there is nothing finished of that attempt.
    """
    name, final = partial_name(place, attempt), component(place.backup_id)
    try:
        if share is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        os.stat(f'{name}/{manifest.NAME}', dir_fd=share)
    except OSError as exc:
        if not is_published(share, place):
            raise errors.failed('find a finished copy of', final,
                                exc) from exc
    try:
        if not is_published(share, place):
            os.rename(name, final, src_dir_fd=share, dst_dir_fd=share)
        # Whoever renamed it may have been killed before it was synced.
        os.fsync(share)
    except OSError as exc:
        raise errors.failed('publish', final, exc) from exc


def open_data(fd):
    """The tree of an opened backup: a descriptor.

    :raises DamagedBackup: it is not there.
    """
    try:
        return os.open(DATA, handles.DIRECTORY, dir_fd=fd)
    except OSError as exc:
        raise errors.failed('open the backup\'s', DATA, exc,
                            reporting.kind(exc)) from exc
