# SPDX-License-Identifier: Apache-2.0
"""restic's error lines, as it prints them with ``--json``."""

import errno
import json
import os
import re
import typing

from manila_backup.fs import handles

#: How its runtime words an errno: as the C library does, in small letters.
CODES = {os.strerror(code).lower(): code for code in errno.errorcode}

_COUNT = re.compile(r'There were (\d+) errors')


class Error(typing.NamedTuple):
    """One that is about an entry of the share.

    :ivar path: bytes, in the share; restic's way of showing it.
    :ivar code: int, the errno; None if it is not known.
    :ivar words: str, what it said.
    """

    path: bytes
    code: int | None
    words: str


def parse(line, root):
    """Parse a line.

    :param line: str.
    :param root: str, the path that restic had for the share.
    :returns: an :class:`Error`; None if it is about no entry.
    """
    message = _message(line)
    try:
        if message['message_type'] != 'error' or not message['item']:
            return None
        words = str(message['error']['message'])
        return Error(_path(message['item'], root), CODES.get(
            words.rpartition(': ')[2].strip().lower()), words)
    except (KeyError, TypeError):
        return None


def count(line):
    """Parse the last line of a run that went on to its end.

    :returns: int, how many errors there were; None for any other line.
    """
    found = _COUNT.search(text(line)) if 'exit_error' in line else None
    return int(found[1]) if found else None


def text(line):
    """Return what a line says, for people."""
    message = _message(line)
    said = message.get('message') or message.get('error') or line
    if isinstance(said, dict):
        said = said.get('message') or line
    # Not where in its source.
    said = str(said).partition('\ngithub.com/')[0]
    item = message.get('item')
    return f'{item}: {said}' if item else said


def _message(line):
    """A line as dict; empty if it is none of JSON."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _path(item, root):
    path = os.fsencode(item)
    start = os.fsencode(root) + b'/'
    if path + b'/' == start:
        return handles.ROOT
    if path.startswith(start):
        path = path[len(start):]
    return path.strip(b'/') or handles.ROOT
