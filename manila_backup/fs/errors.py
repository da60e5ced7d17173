# SPDX-License-Identifier: Apache-2.0
"""Words for what went wrong."""

import errno
import os

from manila_backup import exception
from manila_backup.fs import errnos
from manila_backup import status_codes

# What is not obvious from what the system says.
_HINTS = {
    errno.EXDEV: ' (another file system is mounted there)',
    errno.EBUSY: ' (something may be mounted there, or have it open)',
    errno.ENOTEMPTY: ' (something in it may be held open)',
}

# What is said for want of room, of a quota or of inodes.
_FULL = frozenset((errno.ENOSPC, errno.EDQUOT))

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


def unreadable(exc):
    """Describe an entry that the disk has lost.

    :raises OSError: it is ``exc``, and no sign of damage.
    """
    if (errnos.meaning(exc).reading is not errnos.Of.DAMAGE
            or exc.errno in GONE):
        raise exc
    return f'unreadable ({os.strerror(exc.errno)})'


def failed(doing, path, exc, kind=exception.StorageFailed):
    """An exception for a failed system call.

    :param doing: str, such as ``read from the share``.
    :param path: bytes, relative to the root; or str, shown as it is. Where
        the error has a ``path`` itself, as that of a directory on the way
        there, it is that.
    :param exc: the OSError.
    :param kind: class of the exception, a
        :class:`~manila_backup.exception.StorageFailed`.
    """
    path = getattr(exc, 'path', path)
    shown = path if isinstance(path, str) else printable(path)
    failure = kind(f'Could not {doing} "{shown}": {reason(exc)}.',
                   retryable=errnos.is_passing(exc))
    failure.code = code(exc) or failure.code
    return failure


def code(exc):
    """Return the :class:`~manila_backup.status_codes.StatusCode` of an OSError
    that has one of its own; None for any other."""
    return status_codes.StatusCode.NO_SPACE if is_full(exc) else None


def reason(exc):
    """Return the message of an OSError, to follow a colon."""
    said = os.strerror(exc.errno or 0)
    if is_fixed(exc):
        return f'{said} (it may be immutable)'
    return said + _HINTS.get(exc.errno, '')


def is_fixed(exc):
    """Tell whether a call failed because something is immutable: nothing else
    is forbidden to a process with all privileges."""
    return exc.errno == errno.EPERM and os.geteuid() == 0


def is_full(exc):
    """Tell whether a call failed for want of space, which may be there later.
    """
    return exc.errno in _FULL
