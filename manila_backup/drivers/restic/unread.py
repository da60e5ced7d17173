# SPDX-License-Identifier: Apache-2.0
"""Entries of a share that restic could not read, by its messages: the
responsible side, and the problem to report."""

import errno
import os

from manila_backup.copying import reporting
from manila_backup.copying import warnings
from manila_backup.drivers import base
from manila_backup.drivers.restic import absent
from manila_backup.drivers.restic import error_lines
from manila_backup.fs import attributes
from manila_backup.fs import errnos
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup import warning_codes
from manila_backup import wording

#: What it says where a listing names an entry twice: it keeps one of two that
#: are the same, and fails if they are not.
TWICE = 'nodes are not ordered'

#: What it says of a file of an earlier backup whose content is damaged: it
#: reads the file.
STORED_AGAIN = 'not found in the repository index; storing the file again'

#: What it says where it keeps an entry all the same.
_INCOMPLETE = 'incomplete metadata for '


class Unread:
    """Entries that a run of restic could not read.

    :param root: int, descriptor of the share's directory.
    :param view: str, the path that the share is shown at.
    :ivar heard: int, how many entries it named.
    :ivar is_twice: bool, whether a listing named an entry twice, of which it
        kept one.
    :ivar absent: an :class:`~.absent.Absent`, which has all of them.
    :ivar incomplete: list of the paths, as bytes, of what it kept without
        extended attributes.
    :ivar problems: has a sentence for each.
    """

    def __init__(self, root, view):
        self._root = root
        self._view = view
        self.heard = 0
        self.is_twice = False
        self.absent = absent.Absent()
        self.incomplete = []
        self.problems = reporting.Problems()

    def take(self, line):
        """Take a line of its errors.

        :returns: bool, whether it is about one entry.
        :raises DriverError: it is about the whole file system.
        """
        error = error_lines.parse(line, self._view)
        if error is None:
            return False
        self.heard += 1
        if TWICE in error.words:
            self.is_twice = True
            return True
        if STORED_AGAIN in error.words:
            return True
        path, code, words = error
        exc = OSError(code or errno.EIO, words)
        if self._is_of_attributes(path, words):
            if not attributes.is_of_one(exc):
                raise errors.failed('read from the share', path, exc)
            self.incomplete.append(path)
            return True
        if not errnos.is_of_entry(exc, self._root):
            raise errors.failed('read from the share', path, exc)
        if code in errors.GONE and not absent.is_vague(path) and (
                not self._is_there(path)):
            return True     # removed meanwhile
        if self.absent.add(path):
            self.problems.add(
                f'"{errors.printable(path)}" is not in the backup: it could '
                f'not be read ({words}).', missing=True,
                note=warnings.note(
                    path, warning_codes.WarningCode.UNREADABLE))
        return True

    def _is_of_attributes(self, path, words):
        """Tell whether it has an entry without its extended attributes, or one
        of another kind without its target."""
        shown = os.fsdecode(path)
        return any(words.startswith(f'{_INCOMPLETE}{each}: xattr.')
                   for each in (shown, os.path.basename(shown),
                                os.path.join(self._view, shown)))

    def _is_there(self, path):
        parent, name = handles.split(path)
        descent = handles.Descent(self._root)
        try:
            os.stat(name, dir_fd=descent.enter(parent),
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
                f'{wording.entries(count)} of the share could not be read, '
                f'more than could be: its file system is probably faulty. '
                + first)
        if is_error:
            raise base.DriverError(
                'Not everything could be read, and [restic] on_unreadable is '
                f'"error": {first}'
                + (f' And {count - 1} more.' if count > 1 else ''))
