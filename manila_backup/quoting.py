# SPDX-License-Identifier: Apache-2.0
"""Paths and names of any bytes as text, and back: how the API shows those of
entries of a share, and takes them."""

import re
from urllib import parse

from manila_backup import logtext

#: Bytes of paths in one answer.
MOST_BYTES = 4 << 20

# ``%`` itself, what is no character (bytes that are not UTF-8, as Python
# stands them in), and what can't be shown or changes how the rest is.
_QUOTED = re.compile(f'[%{logtext.CONTROL}]')

# All up to the last "@": a password may have one, though it should not.
_USERINFO = re.compile(r'//[^/\s]*@')


def quote(path: bytes) -> str:
    """Write a path or name as text: as it is where it is UTF-8, and ``%`` and
    two hexadecimal digits for each byte that is not, or is part of a control
    character, or is ``%``."""
    return _QUOTED.sub(_quoted, path.decode('utf-8', 'surrogateescape'))


def _quoted(found: 're.Match[str]') -> str:
    return ''.join(f'%{byte:02X}' for byte in
                   found[0].encode('utf-8', 'surrogateescape'))


def unquote(text: str) -> bytes:
    """Read what :func:`quote` wrote, or anybody else who quotes more.

    :raises UnicodeEncodeError: it has half a character in it.
    """
    return parse.unquote_to_bytes(text)


def without_userinfo(text: str | None) -> str | None:
    """Text without the users and passwords of URLs in it."""
    return text if text is None else _USERINFO.sub('//', text)


class Room:
    """Room that one answer has for paths: each may be of hundreds of
    kilobytes. There is some for one of them at least."""

    def __init__(self) -> None:
        self._size = 0
        self._has_any = False

    def takes(self, path: bytes) -> bool:
        """Take a path, unless that or an earlier one is too much."""
        self._size += len(path)
        fits = self._size <= MOST_BYTES or not self._has_any
        self._has_any = True
        return fits
