# SPDX-License-Identifier: Apache-2.0
"""The content of one regular file of a backup, to be read in pieces."""

import os

from manila_backup.contents import digests
from manila_backup import exception
from manila_backup.fs import errors

_READ = 1 << 20


class StoredFile:
    """A file that is open; a context manager, which closes it.

    :param fd: int, a descriptor, closed in the end.
    :param path: bytes, for messages.
    :param size: int, bytes that it has.
    :param digest: str, as an index tells it; None where there is none.
    :param is_checked: bool, whether the content is known to have it.
    """

    def __init__(self, fd: int, path: bytes, size: int, digest: str | None,
                 is_checked: bool = False) -> None:
        self._fd = fd
        self._path = path
        self.size = size
        self.digest = digest
        self.is_checked = is_checked or digest is None

    def __enter__(self) -> 'StoredFile':
        return self

    def __exit__(self, *exc_info: object) -> None:
        os.close(self._fd)

    def read(self, offset: int, length: int) -> bytes:
        """Read a piece, which is shorter only at the end of the file.

        :raises DamagedBackup: the file ends before the end that it should
            have, or the disk has lost it.
        :raises StorageFailed: it can't be read now.
        """
        length = max(0, min(length, self.size - offset))
        pieces = []
        while length:
            try:
                data = os.pread(self._fd, min(length, _READ), offset)
            except OSError as exc:
                raise errors.failed('read the backup\'s', self._path,
                                    exc) from exc
            if not data:
                raise self._damaged()
            pieces.append(data)
            offset += len(data)
            length -= len(data)
        return b''.join(pieces)

    def check(self) -> None:
        """Read all of it, and compare it with its digest.

        :raises DamagedBackup: it is not what was stored.
        """
        if self.digest is None or self.is_checked:
            return
        running = digests.Running(self.digest)
        for offset in range(0, self.size, _READ):
            running.update(self.read(offset, _READ))
        if running.text() != self.digest:
            raise self._damaged()
        self.is_checked = True

    def _damaged(self) -> exception.DamagedBackup:
        return exception.DamagedBackup(
            f'The backup\'s "{errors.printable(self._path)}" is not what was '
            f'stored.')
