# SPDX-License-Identifier: Apache-2.0
"""Layout of a repository: its paths, and how they are created and removed.

The names are part of the format: repository-format.rst.
"""

import contextlib
import dataclasses
import datetime
import errno
import json
import os
import re
import uuid

from manila_backup.copying import journal
from manila_backup.copying import manifest
from manila_backup.copying import reporting
from manila_backup.copying import warnings
from manila_backup.drivers import base
from manila_backup.fs import btrfs
from manila_backup.fs import dirent
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import removal
from manila_backup import private

MARKER = 'manila-backup-repository'

#: The formats that are known, and the one of a new repository. In the first,
#: manifests are of the first version; in the second, they may also be of the
#: second.
FORMATS = frozenset((manifest.FIRST, manifest.SECOND))
FORMAT = manifest.SECOND

DATA = journal.DATA
METADATA = 'metadata.json'

_PARTIAL = re.compile(r'\.partial\.(.+)\.(\d+)')
_TAKEN = re.compile(r'\.taken\.(.+)\.(\d+)')
_TRASH = re.compile(r'\.trash\.(.+)\.[0-9a-f]{8}')
_RETRIES = 20


def component(text):
    """An id that can be a name in the repository.

    :raises DriverError: it can't.
    """
    if text == MARKER:
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
            raise _unavailable(path, exc) from exc
        try:
            self.format = _check_marker(self.fd, path)
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
            raise _unavailable(self.path, exc) from exc

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
        for part in (METADATA, manifest.NAME):
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


def metadata(about, totals, digest):
    """The short form, as the bytes of its file."""
    return json.dumps({**about, **totals, 'manifest_sha256': digest},
                      indent=1, sort_keys=True).encode() + b'\n'


def write_metadata(fd, about, totals, digest):
    """Write the short form beside the manifest."""
    out = os.open(METADATA, os.O_WRONLY | os.O_CREAT | os.O_TRUNC
                  | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=fd)
    with open(out, 'wb') as target:
        target.write(metadata(about, totals, digest))


def read_metadata_text(fd):
    """The bytes of the short form.

    :raises OSError: it can't be read.
    """
    source = os.open(METADATA, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
                     | os.O_CLOEXEC, dir_fd=fd)
    with open(source, 'rb') as text:
        return text.read()


def read_metadata(fd):
    """The short form.

    :raises DamagedBackup: it is not there or not readable.
    """
    try:
        found = json.loads(read_metadata_text(fd))
        if not isinstance(found, dict):
            raise ValueError('not an object')
        return found
    except (OSError, ValueError) as exc:
        raise base.DamagedBackup(
            f'The backup\'s {METADATA} can\'t be read: {exc}.') from exc


def open_data(fd):
    """The tree of an opened backup: a descriptor.

    :raises DamagedBackup: it is not there.
    """
    try:
        return os.open(DATA, handles.DIRECTORY, dir_fd=fd)
    except OSError as exc:
        raise errors.failed('open the backup\'s', DATA, exc,
                            reporting.kind(exc)) from exc


def open_manifest(fd, place):
    """The checked manifest of an opened backup.

    :raises DamagedBackup: it is not as it was written, or another backup's.
    """
    source = _open_manifest(fd)
    try:
        with _damage():
            found = manifest.Manifest(source)
            _check_place(found.about, place)
            return found
    except BaseException:
        os.close(source)
        raise


def check_manifest(fd, place):
    """Open the manifest of an opened backup, without reading its entries.

    :returns: int, a descriptor.
    :raises DamagedBackup: it is not as it was written, or another backup's.
    """
    source = _open_manifest(fd)
    try:
        with _damage():
            _check_place(manifest.check(source), place)
            return source
    except BaseException:
        os.close(source)
        raise


def read_warnings(fd, place, skip, limit):
    """Read warnings of an opened backup; see :func:`.warnings.read`.

    :raises DamagedBackup: the manifest is not as it was written, or another
        backup's.
    """
    source = _open_manifest(fd)
    try:
        with _damage():
            about, page = warnings.read(source, skip, limit)
            _check_place(about, place)
            return page
    finally:
        os.close(source)


def _open_manifest(fd):
    try:
        return manifest.open_in(fd)
    except OSError as exc:
        raise errors.failed('open the backup\'s', manifest.NAME, exc,
                            reporting.kind(exc)) from exc


@contextlib.contextmanager
def _damage():
    """Tell what a manifest that is read in the context has wrong."""
    try:
        yield
    except base.DriverError:
        raise
    except (dirent.Malformed, ValueError, IndexError, AttributeError,
            KeyError, TypeError) as exc:
        raise base.DamagedBackup(
            f'The backup\'s manifest is damaged: {exc}.') from exc
    except OSError as exc:
        raise errors.failed('read the backup\'s', manifest.NAME, exc,
                            reporting.kind(exc)) from exc


def _check_place(about, place):
    for name, value in dataclasses.asdict(place).items():
        if about[name] != value:
            raise dirent.Malformed(
                f'it is of a backup with {name} {about[name]!r}')
    if not isinstance(about['created_at'], str):
        raise dirent.Malformed('it does not say when it was made')


def initialise(path, at=None):
    """Make sure that a directory is a repository.

    :param path: str, what it is called.
    :param at: str, the path that it can be opened by, if that is another.
    :raises RepositoryUnavailable: it isn't, and is not empty either.
    """
    try:
        private.make_directories(at or path)
        fd = os.open(at or path, handles.DIRECTORY & ~os.O_NOFOLLOW)
    except OSError as exc:
        raise _unavailable(path, exc) from exc
    try:
        # Only the marker, not its absence, says anything: an empty
        # directory may be a mount point.
        with os.scandir(fd) as entries:
            names = {entry.name for entry in entries}
        if MARKER not in names:
            if any(name != 'lost+found' and not name.startswith(f'.{MARKER}')
                   for name in names):
                raise base.RepositoryUnavailable(
                    f'"{path}" is neither empty nor a repository of this '
                    'service.', retryable=False)
            _write_marker(fd)
        _check_marker(fd, path)
    except OSError as exc:
        raise _unavailable(path, exc) from exc
    finally:
        os.close(fd)


def _write_marker(fd):
    """First come, first served: a link never replaces anything."""
    now = datetime.datetime.now(datetime.timezone.utc).isoformat()
    name = _new_marker(fd, {'format': FORMAT, 'id': str(uuid.uuid4()),
                            'created_at': now})
    try:
        os.link(name, MARKER, src_dir_fd=fd, dst_dir_fd=fd)
    except FileExistsError:
        pass
    os.unlink(name, dir_fd=fd)
    os.fsync(fd)


def _new_marker(fd, said):
    """Write a marker under a name of its own, which is returned."""
    name = f'.{MARKER}.{os.urandom(8).hex()}'
    out = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC,
                  0o600, dir_fd=fd)
    with open(out, 'w', encoding='utf-8') as target:
        json.dump(said, target)
        target.flush()
        os.fsync(target.fileno())
    return name


def upgrade(repository):
    """Let manifests of the newest version be written into a repository. No
    release that does not know its format can use it any more.

    :returns: bool, whether it was of an older format.
    """
    if repository.format == FORMAT:
        return False
    said = {**_read_marker(repository.fd), 'format': FORMAT}
    try:
        name = _new_marker(repository.fd, said)
        os.rename(name, MARKER, src_dir_fd=repository.fd,
                  dst_dir_fd=repository.fd)
        os.fsync(repository.fd)
    except OSError as exc:
        raise _unavailable(repository.path, exc) from exc
    return True


def _read_marker(fd):
    source = os.open(MARKER, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
                     | os.O_CLOEXEC, dir_fd=fd)
    with open(source, encoding='utf-8') as text:
        return json.loads(text.read(65536))


def _check_marker(fd, path):
    """Make sure that a directory is a repository; its format."""
    try:
        found = _read_marker(fd)['format']
    except FileNotFoundError:
        raise base.RepositoryUnavailable(
            f'"{path}" is not a repository of this service: is it not '
            'mounted?') from None
    except OSError as exc:
        raise _unavailable(path, exc) from exc
    except (ValueError, KeyError, TypeError) as exc:
        raise base.RepositoryUnavailable(
            f'The marker of the repository "{path}" is damaged.',
            retryable=False) from exc
    if found not in FORMATS:
        raise base.RepositoryUnavailable(
            f'The repository "{path}" has format {found}; this release '
            f'knows {FORMAT} and older ones.', retryable=False)
    return found


def _unavailable(path, exc):
    return base.RepositoryUnavailable(
        f'The repository "{path}" can\'t be used: '
        f'{os.strerror(exc.errno or 0)}.')
