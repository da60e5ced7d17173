# SPDX-License-Identifier: Apache-2.0
"""Content of a backup's files, as it gets into the files of a share.

Each method takes open files: ``source``, the stored one, and ``target``, the
one in the share; and ``path``, the directory, and ``entry`` of what it is.
"""

import functools
import hashlib
import os

from manila_backup.copying import reporting
from manila_backup import exception
from manila_backup.fs import clones
from manila_backup.fs import content
from manila_backup.fs import difference
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import rewrite


def damaged(path):
    """The error of a file that is not what was stored any more."""
    return exception.DamagedBackup(
        'The backup was damaged while it was restored: '
        f'"{errors.printable(path)}".')


class StoredContent:
    """Reads stored files.

    Errors are :exc:`DamagedBackup` where a stored file is not what it was;
    another :exc:`StorageFailed` where it can't be read now; and an OSError of
    the share.

    :param data: int, descriptor of the backup's tree.
    :param error: as :func:`damaged`.
    :ivar written: int, bytes so far.
    """

    def __init__(self, data, progress, error=damaged):
        self._directories = handles.Descent(data)
        self._progress = progress
        self._error = error
        self.written = 0

    def close(self):
        """Let go of the backup's directories."""
        self._directories.close()

    def open(self, path, entry):
        """Open a stored file.

        :returns: int, a descriptor.
        """
        try:
            return os.open(entry.name, handles.READ,
                           dir_fd=self._directories.enter(path))
        except OSError as exc:
            raise _unreadable(path, entry, exc) from exc

    def fill(self, source, target, path, entry):
        """Write to an empty file what has been verified.

        :returns: int, bytes counted as progress.
        """
        return self._fill(content.clone, source, target, path, entry)

    def fill_verified(self, source, target, path, entry):
        """Write to an empty file, and verify it thereby."""
        return self._fill(functools.partial(_copy_verified, like=entry.extra),
                          source, target, path, entry)

    def patch(self, source, target, path, entry):
        """Make a file what the stored one is that has been verified, by
        writing what differs.

        :returns: int, bytes counted as progress.
        """
        return self._counting(rewrite.apply, source, target, path, entry)

    def verify(self, source, path, entry):
        """Read all of a stored file."""
        try:
            found = difference.in_content(
                entry, source, lambda count: self._progress.check())
        except OSError as exc:
            raise _unreadable(path, entry, exc) from exc
        if found:
            raise self._damaged(path, entry)

    def _fill(self, function, source, target, path, entry):
        try:
            if not verifies_itself(entry):
                return self._counting(function, source, target, path, entry)
            # Before it is read: over a network, nobody needs to be asked for
            # it then.
            st = os.fstat(source)
            data = os.pread(source, entry.size + 1, 0)
            if hashlib.sha256(data).hexdigest().encode() != entry.extra:
                raise self._damaged(path, entry)
            if content.holed(st):
                content.write_like(source, target, data)
            elif data:
                content.write_all(target, data)
        except content.WriteFailed:
            raise
        except OSError as exc:
            raise _unreadable(path, entry, exc) from exc
        self.written += len(data)
        return 0

    def _counting(self, function, source, target, path, entry):
        counted = reporting.Counted(self._progress)
        try:
            self.written += function(source, target, entry.size, counted)
        except content.Changed:
            counted.take_back()
            raise self._damaged(path, entry) from None
        except OSError:
            counted.take_back()
            raise
        return counted.count

    def _damaged(self, path, entry):
        return self._error(handles.join(path, entry.name))


def verifies_itself(entry):
    """Tell whether a file is small enough to be verified whenever it is
    read."""
    return entry.size <= content.SMALL and not content.is_by_block(
        entry.extra)


def _copy_verified(source, target, size, tick, like):
    """Copy content that may not be good; see :func:`.content.clone`.

    :param like: bytes, the digest that it should have.
    :raises Changed: it has another one.
    """
    try:
        clones.clone(source, target)
    except OSError:
        found, written = content.copy_like(source, target, size, like, tick)
    else:
        found, written = content.digest(source, size, like, tick), size
    if found != like:
        raise content.Changed
    return written


def _unreadable(path, entry, exc):
    return errors.failed('read in the repository',
                         handles.join(path, entry.name), exc,
                         reporting.kind(exc))
