# SPDX-License-Identifier: Apache-2.0
"""Directories of a snapshot, one at a time, as the repository has them: names
of any bytes, and no more is read than that, however large the backup is.
(``ls`` of a directory goes through all of the snapshot.)"""

import base64
import json
import os
import re

from manila_backup.drivers import base
from manila_backup.drivers.restic import absent
from manila_backup.drivers.restic import listed
from manila_backup.drivers.restic import listing
from manila_backup.drivers.restic import times
from manila_backup.fs import dirent
from manila_backup.fs import handles

_ESCAPED = re.compile(rb'\\(x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|.)')
_LETTERS = {b'a': b'\a', b'b': b'\b', b'f': b'\f', b'n': b'\n', b'r': b'\r',
            b't': b'\t', b'v': b'\v'}

_NOT_THERE = re.compile(r': not (found|a directory)\b')


def place(snapshot, directory):
    """Name a directory in a snapshot as restic has it, as str.

    :param snapshot: str, its id.
    :param directory: bytes, a path.
    """
    below = '' if directory == handles.ROOT else os.fsdecode(directory)
    return f'{snapshot}:/{below}'


def nodes(restic, snapshot, directory):
    """Read a directory.

    :param restic: a :class:`~.command.Restic`.
    :returns: dict of names, as bytes, to what the repository has of each, a
        dict.
    :raises DriverError: there is none, or it can't be read.
    :raises ValueError, KeyError, TypeError: it makes no sense.
    """
    args = 'cat', 'tree', place(snapshot, directory)
    try:
        said = restic.run(*args, '--no-lock')
    except base.DamagedBackup:
        # Or was being rewritten just then, which a lock prevents.
        said = restic.run(*args)
    return {unquoted(node['name']): node
            for node in json.loads(said)['nodes']}


def entries(restic, snapshot, directory):
    """List a directory.

    :returns: iterator, as of :meth:`.listing.Listing.entries`; None if there
        is no directory of that path.
    :raises DriverError: it can't be read.
    """
    try:
        found = nodes(restic, snapshot, directory)
    except base.DriverError as exc:
        if _NOT_THERE.search(exc.message):
            return None
        raise
    except (ValueError, KeyError, TypeError) as exc:
        raise base.DamagedBackup(
            f'A directory in the repository makes no sense: {exc}.') from exc
    return (_entry(directory, name, node) for name, node in found.items()
            if node.get('type') in listed.TYPES)


def _entry(directory, name, node):
    path = handles.join(directory, dirent.checked_name(dirent.quote(name)))
    try:
        mtime = times.parsed(node['mtime'])
    except ValueError:
        mtime = 0
    target = None
    if node['type'] == 'symlink':
        target = (base64.b64decode(node['linktarget_raw'])
                  if 'linktarget_raw' in node
                  else os.fsencode(node['linktarget']))
    return listing.Node(
        absent.shown(path), listed.TYPES[node['type']] | listed.mode_of(node),
        node.get('uid', 0), node.get('gid', 0), node.get('size', 0),
        mtime), path, target


def unquoted(text):
    """Return a name as bytes.

    :param text: str, as in the repository.
    """
    def plain(found):
        said = found[1]
        if said[:1] == b'x' and len(said) > 1:
            return bytes([int(said[1:], 16)])
        if said[:1] in b'uU' and len(said) > 1:
            return chr(int(said[1:], 16)).encode('utf-8', 'surrogatepass')
        return _LETTERS.get(said, said)

    return _ESCAPED.sub(plain, text.encode('utf-8', 'surrogateescape'))
