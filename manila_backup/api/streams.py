# SPDX-License-Identifier: Apache-2.0
"""Responses that are not JSON and not in memory: the bytes of a file, or a
part of them (RFC 9110, 14)."""

import itertools
import logging
import re
import string
from urllib import parse

from manila_backup import quoting

LOG = logging.getLogger(__name__)

#: The content type: whatever is in a file, no browser is to show it.
KIND = 'application/octet-stream'

_RANGE = re.compile(r'bytes[ \t]*=[ \t]*([0-9]*)-([0-9]*)[ \t]*',
                    re.IGNORECASE)

# What a name may have where it is not encoded.
_PLAIN = frozenset(string.ascii_letters + string.digits + '._- ')


class Broken(Exception):
    """A response that was begun can't be gone on with: it has to end before
    its length."""


class Stream:
    """A response's body; iterable once.

    :param headers: list of (name, value), ``Content-Length`` among them.
    :param pieces: iterator of bytes.
    :param close: called when it was sent, or nobody wants it any more.
    """

    def __init__(self, headers, pieces, close):
        self.headers = headers
        self._close = close
        self._pieces = iter(pieces)

    def begin(self):
        """Have the first piece.

        :raises Exception: it can't be had; it was closed.
        """
        try:
            first = list(itertools.islice(self._pieces, 1))
        except BaseException:
            self.close()
            raise
        self._pieces = itertools.chain(first, self._pieces)

    def __iter__(self):
        try:
            yield from self._pieces
        except Exception as exc:
            LOG.warning('A download is cut short: %s', exc)
            # The server closes the connection.
            raise Broken from exc

    def close(self):
        """Called by the server, as WSGI has it."""
        self._close()


class Unsatisfiable(Exception):
    """The file has nothing of that range."""


def parse_range(header, size):
    """Parse the header ``Range``.

    :param header: str, or None.
    :param size: int, bytes of all.
    :returns: (offset of the first byte, that after the last one); None if it
        is all that is asked for, also where the header is none of one range
        of bytes, which has to be ignored.
    :raises Unsatisfiable: it begins after the end.
    """
    found = _RANGE.fullmatch(header or '')
    if not found or max(map(len, found.groups())) > 19:
        return None
    first, last = found.groups()
    if not first:
        if not last:
            return None
        if not int(last) or not size:
            raise Unsatisfiable
        return max(size - int(last), 0), size
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise Unsatisfiable
    return int(first), min(int(last) + 1, size) if last else size


def disposition(name):
    """The header ``Content-Disposition`` of a file to be saved.

    :param name: bytes, whatever they are.
    :returns: str, one header in ASCII.
    """
    try:
        name = name.decode()
    except UnicodeError:
        name = quoting.quote(name)
    if not name.isprintable():
        name = quoting.quote(name.encode())
    plain = ''.join(each if each in _PLAIN else '_' for each in name)
    return (f'attachment; filename="{plain}"; '
            f'filename*=UTF-8\'\'{parse.quote(name, safe="")}')
