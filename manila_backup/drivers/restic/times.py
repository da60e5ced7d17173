# SPDX-License-Identifier: Apache-2.0
"""Modification times that don't come back by restic alone.

It restores none before 1677-09-21 or after 2262-04-11, having them as
nanoseconds in 64 bits there; nor does it notice what a file system can't hold
that it restores to. So those that some can't are kept in the backup's mark,
and set last of all.
"""

import datetime
import json
import os
import re

from manila_backup.drivers.restic import absent
from manila_backup.fs import attributes
from manila_backup.fs import dirent
from manila_backup.fs import errnos
from manila_backup.fs import errors
from manila_backup.fs import handles

_RFC3339 = re.compile(
    r'(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?'
    r'(?:Z|([+-]\d\d:\d\d))')
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)

_FROM, _TO = -(1 << 63), 1 << 63


def is_restored(mtime):
    """Tell whether restic restores a time, if the file system can hold it.

    :param mtime: int, nanoseconds since 1970.
    """
    return _FROM <= mtime < _TO


def _checked(mtime):
    if not _FROM <= int(mtime) // 10 ** 9 < _TO:
        raise ValueError(f'{mtime} is no time')
    return int(mtime)


class Listing:
    """The times that restic does not restore, as its own listing has them: for
    backups of releases that kept none in the mark.

    :ivar times: as in a mark.
    :ivar unknown: list of bytes, paths of some whose names it does not tell
        for certain.
    """

    def __init__(self):
        self.times = []
        self.unknown = []

    def take(self, line):
        """Take a line of ``ls --json``, as bytes."""
        try:
            said = json.loads(line)
            path, mtime = said['path'], parsed(said['mtime'])
        except (ValueError, KeyError, TypeError, OverflowError):
            return
        if is_restored(mtime):
            return
        path = os.fsencode(path).lstrip(b'/')
        if absent.is_vague(path):
            self.unknown.append(path)
        else:
            self.times.append([dirent.quote(path).decode(), mtime])


def parsed(text):
    """Parse a time as restic writes it; returns nanoseconds since 1970."""
    found = _RFC3339.fullmatch(text)
    if not found:
        raise ValueError(text)
    whole = datetime.datetime.fromisoformat(
        found[1] + (found[3] or '+00:00')) - _EPOCH
    seconds = whole.days * 86400 + whole.seconds
    return seconds * 10 ** 9 + int((found[2] or '').ljust(9, '0'))


def is_same(text, mtime):
    """Tell whether a time is the one that restic writes, or that is none that
    it restores, which :class:`Times` look after.

    :param text: str.
    :param mtime: int, nanoseconds since 1970.
    """
    return restored(text, mtime) == mtime


def restored(text, otherwise):
    """Return a time that restic writes, in nanoseconds since 1970.

    :param text: str.
    :param otherwise: int, what to return if it is none that restic restores.
    """
    try:
        found = parsed(text)
    except ValueError:
        return otherwise    # of a year before 1 or after 9999
    return found if is_restored(found) else otherwise


class Times:
    """Modification times of one backup that restic does not restore.

    :param about: dict, what the backup's mark says.
    :param ignore: set of bytes, names in the root to leave alone.
    :param tick: called now and then.
    :ivar paths: frozenset of bytes.
    :raises ValueError, TypeError, Malformed: the mark makes no sense.
    """

    def __init__(self, about, ignore, tick):
        self._times = [(dirent.checked_path(path.encode()), _checked(mtime))
                       for path, mtime in about.get('times', ())]
        self._ignore = ignore
        self._tick = tick
        self.paths = frozenset(path for path, _ in self._times)

    def put(self, root, mounts=()):
        """Set them.

        :param root: int, descriptor of the tree.
        :param mounts: paths where something is mounted in it, as bytes, that
            is left alone.
        :returns: list of bytes, the paths of those that can't be set, or that
            its file system can't hold.
        :raises DriverError: the file system fails.
        """
        descent = handles.Descent(root)
        setter = attributes.Setter()
        lost = []
        try:
            for path, mtime in self._times:
                self._tick()
                if path.split(b'/', 1)[0] in self._ignore or path in mounts:
                    continue
                try:
                    if not self._set(descent, setter, path, mtime):
                        lost.append(path)
                except OSError as exc:
                    # What is not there was told when it was not read.
                    if exc.errno in errors.GONE:
                        continue
                    if not errnos.is_of_entry(exc, root):
                        raise errors.failed('set in the share the time of',
                                            path, exc) from exc
                    lost.append(path)
        finally:
            descent.close()
        return lost

    def _set(self, descent, setter, path, mtime):
        if path == handles.ROOT:
            return setter.set_time(descent.enter(path), mtime)
        parent, name = handles.split(path)
        at = attributes.special(descent.enter(parent), name)
        if os.lstat(at).st_mtime_ns == mtime:
            return True
        return setter.set_time(at, mtime, follow=False)
