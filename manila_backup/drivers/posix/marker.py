# SPDX-License-Identifier: Apache-2.0
"""Marker of a repository: what says that a directory is one, and its format.

The name and what is in it are part of the format: repository-format.rst.
"""

import datetime
import json
import os
import uuid

from manila_backup.copying import manifest
from manila_backup.drivers import base
from manila_backup.fs import handles
from manila_backup import private

NAME = 'manila-backup-repository'

#: The formats that are known, and the one of a new repository. In the first,
#: manifests are of the first version; in the second, they may also be of the
#: second.
FORMATS = frozenset((manifest.FIRST, manifest.SECOND))
FORMAT = manifest.SECOND


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
        raise unavailable(path, exc) from exc
    try:
        # Only the marker, not its absence, says anything: an empty
        # directory may be a mount point.
        with os.scandir(fd) as entries:
            names = {entry.name for entry in entries}
        if NAME not in names:
            if any(name != 'lost+found' and not name.startswith(f'.{NAME}')
                   for name in names):
                raise base.RepositoryUnavailable(
                    f'"{path}" is neither empty nor a repository of this '
                    'service.', retryable=False)
            _write(fd)
        check(fd, path)
    except OSError as exc:
        raise unavailable(path, exc) from exc
    finally:
        os.close(fd)


def _write(fd):
    """First come, first served: a link never replaces anything."""
    now = datetime.datetime.now(datetime.timezone.utc).isoformat()
    name = _write_new(fd, {'format': FORMAT, 'id': str(uuid.uuid4()),
                           'created_at': now})
    try:
        os.link(name, NAME, src_dir_fd=fd, dst_dir_fd=fd)
    except FileExistsError:
        pass
    os.unlink(name, dir_fd=fd)
    os.fsync(fd)


def _write_new(fd, said):
    """Write a marker under a name of its own, which is returned."""
    name = f'.{NAME}.{os.urandom(8).hex()}'
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
    said = {**_read(repository.fd), 'format': FORMAT}
    try:
        name = _write_new(repository.fd, said)
        os.rename(name, NAME, src_dir_fd=repository.fd,
                  dst_dir_fd=repository.fd)
        os.fsync(repository.fd)
    except OSError as exc:
        raise unavailable(repository.path, exc) from exc
    return True


def _read(fd):
    source = os.open(NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
                     | os.O_CLOEXEC, dir_fd=fd)
    with open(source, encoding='utf-8') as text:
        return json.loads(text.read(65536))


def check(fd, path):
    """Make sure that a directory is a repository; its format."""
    try:
        found = _read(fd)['format']
    except FileNotFoundError:
        raise base.RepositoryUnavailable(
            f'"{path}" is not a repository of this service: is it not '
            'mounted?') from None
    except OSError as exc:
        raise unavailable(path, exc) from exc
    except (ValueError, KeyError, TypeError) as exc:
        raise base.RepositoryUnavailable(
            f'The marker of the repository "{path}" is damaged.',
            retryable=False) from exc
    if found not in FORMATS:
        raise base.RepositoryUnavailable(
            f'The repository "{path}" has format {found}; this release '
            f'knows {FORMAT} and older ones.', retryable=False)
    return found


def unavailable(path, exc):
    """RepositoryUnavailable for an OSError, to be raised."""
    return base.RepositoryUnavailable(
        f'The repository "{path}" can\'t be used: '
        f'{os.strerror(exc.errno or 0)}.')
