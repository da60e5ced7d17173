# SPDX-License-Identifier: Apache-2.0
"""Entries of a share that restic could not read, by its messages: the
responsible side, and the problem to report."""

import errno
import json
import os

from manila_backup.copying import reporting
from manila_backup.drivers import base
from manila_backup.drivers.restic import absent
from manila_backup.fs import errnos
from manila_backup.fs import errors
from manila_backup.fs import handles

# How its runtime words an errno: as the C library does, in small letters.
_CODES = {os.strerror(code).lower(): code for code in errno.errorcode}


class Unread:
    """Entries that a run of restic could not read.

    :param root: int, descriptor of the share's directory.
    :param view: str, the path that the share is shown at.
    :ivar heard: int, how many entries it named.
    :ivar absent: an :class:`~.absent.Absent`, which has all of them.
    :ivar problems: has a sentence for each.
    """

    def __init__(self, root, view):
        self._root = root
        self._view = view
        self.heard = 0
        self.absent = absent.Absent()
        self.problems = reporting.Problems()

    def take(self, line):
        """Take a line of its errors.

        :returns: bool, whether it is about one entry.
        :raises DriverError: it is about the whole file system.
        """
        try:
            said = json.loads(line)
            item = said['item']
            if said['message_type'] != 'error':
                return False
        except (ValueError, KeyError, TypeError):
            return False
        self.heard += 1
        path = _path(item, self._view)
        code, words = _reason(said.get('error'))
        exc = OSError(code or errno.EIO, words)
        if not errnos.is_of_entry(exc, self._root):
            raise errors.failed('read from the share', path, exc)
        if code in errors.GONE and not absent.is_vague(path) and (
                not self._is_there(path)):
            return True     # removed meanwhile
        if self.absent.add(path):
            self.problems.add(
                f'"{errors.printable(path)}" is not in the backup: it could '
                f'not be read ({words}).')
        return True

    def _is_there(self, path):
        parent, _, name = path.rpartition(b'/')
        descent = handles.Descent(self._root)
        try:
            os.stat(name, dir_fd=descent.enter(parent or handles.ROOT),
                    follow_symlinks=False)
        except OSError as exc:
            return exc.errno not in errors.GONE
        finally:
            descent.close()
        return True

    def check(self, done, is_error):
        """See that it is no sign of a broken file system.

        :param done: int, entries that were read.
        :param is_error: bool, whether there must be none.
        :raises DriverError: it is, or there must be none.
        """
        count = self.problems.count
        if not count:
            return
        first = self.problems.sentences[0]
        if errnos.are_too_many(count, done):
            raise base.DriverError(
                f'{count} entries of the share could not be read, more than '
                f'could be: its file system is probably faulty. '
                + first)
        if is_error:
            raise base.DriverError(
                'Not everything could be read, and [restic] on_unreadable is '
                f'"error": {first}'
                + (f' And {count - 1} more.' if count > 1 else ''))


def _path(item, view):
    """A path of restic's as one in the share, in bytes."""
    path = os.fsencode(item)
    start = os.fsencode(view) + b'/'
    if path + b'/' == start:
        return handles.ROOT
    if path.startswith(start):
        path = path[len(start):]
    return path.lstrip(b'/')


def _reason(error):
    """The errno that it has for an error, None if that is not known, and
    words for it."""
    if isinstance(error, dict):
        # Up to 0.16, the error as its runtime has it; and then its words.
        code = error.get('Err')
        if isinstance(code, int):
            return code, os.strerror(code)
        error = error.get('message') or error.get('Op') or 'error'
    words = str(error)
    return _CODES.get(words.rpartition(': ')[2].lower()), words
