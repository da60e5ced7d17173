# SPDX-License-Identifier: Apache-2.0
"""Files that were written to while restic read the share: found by another
look at it, and read once more.

restic does not notice that a file changes while it reads it. Nor does it read
it anew for that the next time: it takes a file for unchanged that has the size
and the times that it had when it was opened, which those of a write right
after that may be, too. So it is given a parent that lacks these files.
"""

import contextlib
import os
import stat

from manila_backup.copying import warnings
from manila_backup.drivers import base
from manila_backup.drivers.restic import absent
from manila_backup.drivers.restic import repository
from manila_backup.drivers.restic import sidecar_scan
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup import warning_codes

# How many bytes of paths are given to restic, which compares each of them with
# each of the share's.
_MOST = 64 << 10


class Changes(sidecar_scan.SidecarScan):
    """Another look at a share, once it has been read: at what was changed
    meanwhile.

    :param since: int, nanoseconds: when it was begun to be read.
    :param suspects: frozenset of paths of more that may be torn, as bytes.
    :ivar problems: has a sentence for each such file.
    :ivar paths: list of their paths, as bytes; without those that restic
        can't be given, whose paths are in ``others``.
    :ivar are_many: bool, whether there are too many to read them once more.
    """

    def __init__(self, root, ignore, since, suspects, *args):
        super().__init__(root, ignore, 0, *args)
        self._since = since
        self._suspects = suspects
        self.paths = []
        self.others = []
        self._room_left = _MOST

    @property
    def are_many(self):
        return self._room_left < 0

    def _entry(self, fd, entry, path, here):
        name = os.fsencode(entry.name)
        if path == handles.ROOT and name in self._ignore:
            return
        if entry.is_dir(follow_symlinks=False):
            here.put(name)
            return
        shown = handles.join(path, name)
        if self._mounts and shown in self._mounts:
            return
        st = entry.stat(follow_symlinks=False)
        if stat.S_ISREG(st.st_mode) and (
                st.st_ctime_ns >= self._since or shown in self._suspects):
            self._note(shown)

    def _note(self, shown):
        self._room_left -= len(shown)
        if not self.are_many:
            (self.others if absent.is_vague(shown) else self.paths).append(
                shown)
        self.problems.add(
            f'"{errors.printable(shown)}" was written to while it was '
            'read: the backup may have a part of it from before, and a '
            'part from after.', missing=True,
            note=warnings.note(shown, warning_codes.WarningCode.TORN))


class Again:
    """A second run of restic, after which what the first one stored is not
    needed any more.

    :param project: a :class:`~.repository.Repository`.
    """

    def __init__(self, project, place, attempt):
        self._project = project
        self._place = place
        self._attempt = attempt
        self._old = []

    def parent(self, patterns):
        """Make the parent for it.

        :param patterns: list of str, of the files that it is to read, and
            which all others need not be.
        :returns: str, its id.
        """
        first = self._content()
        restic = self._project.restic
        restic.run('rewrite', *(word for each in patterns
                                for word in ('--exclude', each)), first,
                   sink=True)
        self._old = self._contents()
        return next((each.id for each in self._old if each.id != first),
                    first)

    def end(self):
        """Remove what is not needed any more. If somebody is at work in the
        repository, it stays, until the backup is deleted.

        :raises DriverError: the second run's would not be found.
        """
        if self._content() in {each.id for each in self._old}:
            raise base.DriverError(
                'The clock of this host was set back while the share was '
                'read.', retryable=True)
        with contextlib.suppress(base.DriverError):
            self._project.forget(self._old, wait=False)

    def _contents(self):
        return [each for each in self._project.snapshots(
            self._place.backup_id) if each.kind == repository.CONTENT
            and each.attempt == self._attempt]

    def _content(self):
        return repository.content_id(self._contents(), self._attempt)
