# SPDX-License-Identifier: Apache-2.0
"""How this driver words what went wrong."""

import errno
import os

from manila_backup.drivers import base
from manila_backup.drivers.posix import errnos

# What is not obvious from what the system says.
_HINTS = {
    errno.EXDEV: ' (another file system is mounted there)',
    errno.EBUSY: ' (something may be mounted there, or have it open)',
    errno.ENOTEMPTY: ' (something in it may be held open)',
}

# What is said for want of room, of a quota or of inodes.
_FULL = frozenset((errno.ENOSPC, errno.EDQUOT))

# What is kept in the manifest, and never set on what is stored.
_IN_MANIFEST = frozenset((b'x:*flags', b'x:*project'))

_LONGEST = 400

#: What open() says when a name is gone or has become something else.
GONE = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ELOOP))


def printable(path):
    """A path as one line of text, whatever bytes are in it.

    :param path: bytes, relative to the share's root.
    :returns: str; what can't be printed is escaped as in Python, and so are
        the backslash and the double quote, so that it can stand in those;
        the middle of a very long one is left out.
    """
    text = ''.join(map(_printable, path.decode('utf-8', 'surrogateescape')))
    if len(text) > _LONGEST:
        half = _LONGEST // 2
        text = f'{text[:half]}[...]{text[-half:]}'
    return text


def _printable(char):
    if '\udc80' <= char <= '\udcff':
        return f'\\x{ord(char) - 0xdc00:02x}'     # not UTF-8
    if char in '\\"':
        return '\\' + char
    return (char if char.isprintable()
            else char.encode('unicode_escape').decode())


def kind(exc):
    """Which error it is that something of a backup can't be read: damage if
    it is gone, something else, or lost by the disk; and not for want of
    privileges, or for a reason that may pass.

    :param exc: the OSError.
    """
    return (base.DamagedBackup
            if errnos.meaning(exc).reading is errnos.Of.DAMAGE
            else base.DriverError)


def unreadable(exc):
    """What to say of an entry that the disk has lost.

    :raises OSError: it is ``exc``, and no sign of damage.
    """
    if (errnos.meaning(exc).reading is not errnos.Of.DAMAGE
            or exc.errno in GONE):
        raise exc
    return f'unreadable ({os.strerror(exc.errno)})'


def failed(doing, path, exc, kind=base.DriverError):
    """A :class:`DriverError` for a failed system call.

    :param doing: str, such as ``read from the share``.
    :param path: bytes, relative to the root; or str, shown as it is. Where
        the error has a ``path`` itself, as that of a directory on the way
        there, it is that.
    :param exc: the OSError.
    """
    path = getattr(exc, 'path', path)
    shown = path if isinstance(path, str) else printable(path)
    return kind(f'Could not {doing} "{shown}": {reason(exc)}.',
                retryable=errnos.is_passing(exc))


def reason(exc):
    """What an OSError says, to go after a colon."""
    said = os.strerror(exc.errno or 0)
    if is_fixed(exc):
        return f'{said} (it may be immutable)'
    return said + _HINTS.get(exc.errno, '')


def is_fixed(exc):
    """Whether a call failed because something is immutable: nothing else
    is forbidden to us, if we have all privileges."""
    return exc.errno == errno.EPERM and os.geteuid() == 0


def is_full(exc):
    """Whether a call failed for want of room: there may be some later on."""
    return exc.errno in _FULL


def parted(path, first, where):
    """A sentence about a hard link that could not be one.

    :param path: bytes, its path.
    :param first: bytes, that of the file it was one of.
    :param where: str, such as ``backup``.
    """
    return (f'"{printable(path)}" is a copy in the {where}, not a hard link '
            f'of "{printable(first)}": the file system allows no more hard '
            f'links to one file.')


class Problems:
    """What could not be carried over, as sentences; bounded.

    :ivar missing: int, as in a :class:`~manila_backup.drivers.base.Report`.
    """

    def __init__(self):
        self.sentences = []
        self.count = self.missing = 0

    def add(self, sentence, missing=False):
        self.count += 1
        self.missing += bool(missing)
        if len(self.sentences) < base.MAX_PROBLEMS:
            self.sentences.append(sentence)

    def lost(self, path, lost):
        """Tell what the repository or the share can't hold of an entry.

        :param path: bytes.
        :param lost: list of bytes, as in the manifest's ``lost=``.
        """
        # What of a directory is not known was said when it was found.
        lost = [item for item in lost
                if item not in _IN_MANIFEST and item != b'entries']
        if not lost or lost == [b'mode']:
            # Only more rights to its owner in the repository; a restore
            # gives it the mode that it had.
            return
        said = ', '.join(_said(item) for item in lost)
        self.add(f'"{printable(path)}": could not keep its {said}.')

    def said(self):
        """All of it, for :meth:`merge`."""
        return self.sentences, self.count, self.missing

    def merge(self, sentences, count, missing=0):
        room = base.MAX_PROBLEMS - len(self.sentences)
        self.sentences.extend(sentences[:max(room, 0)])
        self.count += count
        self.missing += missing


def _said(item):
    if item == b'x:*room':
        return 'space allocated beyond its end'
    if item == b'x:*':
        return 'extended attributes'
    if item.startswith(b'x:'):
        return f'extended attribute {item[2:].decode()}'
    return {b'owner': 'owner and group', b'mode': 'mode',
            b'time': 'exact modification time',
            b'flags': 'immutable or append-only flag',
            b'*flags': 'inode flags', b'*project': 'project id',
            b'layout': 'holes, or the room that is allocated to it',
            b'node': 'node (it is recorded in the manifest only)',
            }[item]
