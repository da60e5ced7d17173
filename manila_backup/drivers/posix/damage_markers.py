# SPDX-License-Identifier: Apache-2.0
"""Notes of damage, for later backups not to take it over.

A note is a file ``.damaged.BACKUP`` in the share's directory, with the time
when damage was found in that backup: repository-format.rst.
"""

import datetime
import os

from manila_backup.drivers.posix import contents_index
from manila_backup.drivers.posix import layout
from manila_backup.fs import handles

_PREFIX = '.damaged.'


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def note(share, place):
    """Note that a backup is damaged, if that is new.

    :param share: int, descriptor of the share's directory.
    :raises OSError: it can't be, as on a disk that is full or only to be
        read.
    """
    name = _PREFIX + layout.component(place.backup_id)
    try:
        out = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL
                      | os.O_CLOEXEC, 0o600, dir_fd=share)
    except FileExistsError:
        return
    with open(out, 'w', encoding='ascii') as target:
        target.write(now().isoformat() + '\n')
        target.flush()
        os.fsync(out)
    os.fsync(share)


def clear(share, place):
    """Take the note back.

    :raises OSError: it can't be.
    """
    try:
        os.unlink(_PREFIX + layout.component(place.backup_id), dir_fd=share)
    except FileNotFoundError:
        pass


def latest(share):
    """Return the time when damage was last found in a backup of a share.

    :returns: datetime in UTC; None if there never was any.
    """
    times = [_read(share, name) for name in _names(share)]
    return max(times, default=None)


def _names(share):
    with handles.entries(share) as entries:
        return [entry.name for entry in entries
                if entry.name.startswith(_PREFIX)]


def _read(share, name):
    """The time in a note. Who wrote it may have been killed before the time
    was in it; then, when that was."""
    try:
        source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
                         | os.O_CLOEXEC, dir_fd=share)
    except OSError:
        return now()
    with open(source, 'rb') as text:
        try:
            found = datetime.datetime.fromisoformat(
                text.read(100).decode('ascii').strip())
        except (OSError, ValueError):
            found = datetime.datetime.fromtimestamp(
                os.fstat(source).st_mtime)
    return found.astimezone(datetime.timezone.utc)


def tidy(repository, place):
    """Remove a share's and a project's directories if there is nothing in
    them but notes and indexes.

    :param repository: an open :class:`~.layout.Repository`.
    :raises OSError: they can't be.
    """
    with repository.share(place) as share:
        if share is not None:
            _drop(share)
    repository.tidy(place)


def _drop(share):
    with handles.entries(share) as entries:
        names = [entry.name for entry in entries]
    if all(name.startswith((_PREFIX, contents_index.PREFIX))
           for name in names):
        for name in names:
            try:
                os.unlink(name, dir_fd=share)
            except FileNotFoundError:
                pass
