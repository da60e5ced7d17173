# SPDX-License-Identifier: Apache-2.0
"""One entry of a backup, as an index has it."""

import stat
import struct
import typing
import zlib

from manila_backup.fs import handles

#: Path of the share's root.
ROOT = handles.ROOT

#: Bits of ``flags``: nothing of the entry is stored; its attributes are not
#: known, since nothing was read of it.
MISSING, UNKNOWN = 1, 2

_ROW = struct.Struct('>IQQqIIIQ')

_TYPES = {stat.S_IFREG: 'file', stat.S_IFDIR: 'directory',
          stat.S_IFLNK: 'symlink', stat.S_IFIFO: 'fifo',
          stat.S_IFSOCK: 'socket', stat.S_IFCHR: 'character_device',
          stat.S_IFBLK: 'block_device'}


class Item(typing.NamedTuple):
    """An entry.

    :ivar directory: bytes, path of the directory that it is in, below the
        share's root; :data:`ROOT` for the root itself.
    :ivar name: bytes.
    :ivar mode: int, as ``st_mode``; 0 if it is not known.
    :ivar size: int, bytes of its content, or of a symbolic link's target.
    :ivar mtime: int, nanoseconds since 1970.
    :ivar uid: int.
    :ivar gid: int.
    :ivar flags: int, of :data:`MISSING` and :data:`UNKNOWN`.
    :ivar target: bytes of a symbolic link, else None.
    :ivar line: int, where the repository's own list of entries has it; None
        if that is of no use.
    """

    directory: bytes
    name: bytes
    mode: int = 0
    size: int = 0
    mtime: int = 0
    uid: int = 0
    gid: int = 0
    flags: int = 0
    target: bytes | None = None
    line: int | None = None

    @property
    def path(self) -> bytes:
        """Path below the share's root."""
        return handles.join(self.directory, self.name)

    @property
    def is_directory(self) -> bool:
        """bool, whether there may be entries in it."""
        return stat.S_ISDIR(self.mode)

    @property
    def is_stored(self) -> bool:
        """bool, whether the backup has it."""
        return not self.flags & MISSING

    @property
    def type(self) -> str:
        """Word for what it is; ``unknown`` if that is not known."""
        return _TYPES.get(stat.S_IFMT(self.mode), 'unknown')


def checksum(directory: bytes, name: bytes, mode: int, size: int,
             seconds: int, nanosecond: int, uid: int, gid: int, flags: int,
             target: bytes | None, line: int | None) -> int:
    """Compute what a reader compares with the row's own: CRC-32 of all that
    the row says, its directory's path too."""
    return zlib.crc32(b'\0'.join((
        _ROW.pack(mode, size, flags, seconds, nanosecond, uid, gid,
                  0 if line is None else line + 1),
        directory, name, target or b'')))
