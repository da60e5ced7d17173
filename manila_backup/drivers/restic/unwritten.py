# SPDX-License-Identifier: Apache-2.0
"""Entries that restic could not restore, or not in full, by its messages: each
is told by name and passed over, as the posix driver does it.

restic names the system call and its errno, or what is wrong in its repository.
What it can't write, or read there, it leaves out, or leaves half written: that
is removed.
"""

import contextlib
import errno
import os
import re
import stat

from manila_backup.copying import reporting
from manila_backup.drivers import base
from manila_backup.drivers.restic import absent
from manila_backup.drivers.restic import error_lines
from manila_backup.drivers.restic import faults
from manila_backup.drivers.restic import listed
from manila_backup.fs import errnos
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import walk
from manila_backup.path_restore import writing
from manila_backup import wording

# What lacks room, or a quota's, for an attribute is of that.
_OF_XATTR = frozenset((errno.ENOSPC, errno.EDQUOT))

_XATTR = re.compile(r'xattr\.\w+ .* (\S+): [^:]*', re.DOTALL)

_ATTRIBUTES = ((re.compile(r'l?chown '), b'owner'),
               (re.compile(r'l?chmod '), b'mode'),
               (re.compile(r'failed to restore timestamp|UtimesNano'),
                b'time'))

_RIGHTS = stat.S_ISUID | stat.S_ISGID

# How restic ends on a target that it sees by a symbolic link of the kernel's,
# and then uses.
_STALE = 'failed to remove stale item'


# Why something is not there that is damaged in the repository.
_DAMAGE = base.DamagedBackup('')


class Unwritten:
    """Entries that a run of restic could not restore.

    :param root: int, descriptor of the directory that it restores to.
    :param target: str, the path that it knows that by.
    :param where: str, such as ``share``.
    :param known: predicate of paths: whether it is told otherwise.
    :param late: set of the paths, as bytes, of what gets its time last of all.
    :param takes_damage: bool, whether what is damaged in the repository is to
        be told like anything else, and not to end the run.
    :ivar copies: bool, whether hard links have to be copies.
    :ivar damages: int, how many entries are not there for damage.
    """

    def __init__(self, root, target, where, known, late=frozenset(),
                 takes_damage=False):
        self._root = root
        self._target = target
        self._where = where
        self._known = known
        self._late = late
        self._takes_damage = takes_damage
        self._heard = 0
        self._ended = None
        self._failed = {}
        self._lost = {}
        self.copies = False
        self.damages = 0

    def take(self, line):
        """Take a line of its errors.

        :returns: bool, whether it is about one entry, or sums up.
        :raises DriverError: it is about the whole file system.
        """
        ended = error_lines.count(line)
        if ended is not None:
            self._ended = ended
            return True
        error = error_lines.parse(line, self._target)
        if error is None:
            return False
        if error.code is None or self._target not in error.words:
            return self._is_damage(error)   # or of the repository
        if error.path == handles.ROOT and _STALE in error.words:
            self._heard += 1
            return True
        exc = OSError(error.code, os.strerror(error.code))
        xattr = _XATTR.fullmatch(error.words)
        if not errnos.is_of_entry(exc, self._root) and not (
                xattr and error.code in _OF_XATTR):
            raise errors.failed(f'restore in {self._where}', error.path, exc)
        self._heard += 1
        self._note(error, exc, xattr)
        return True

    def _is_damage(self, error):
        """Note that an entry can't be had, if it is damaged in the
        repository."""
        if not self._takes_damage or not isinstance(
                faults.of(('restore',), '', 1, error.words),
                base.DamagedBackup):
            return False
        self._heard += 1
        self._failed[error.path] = _DAMAGE
        return True

    def _note(self, error, exc, xattr):
        if self._known(error.path):
            return
        if error.code == errno.EMLINK:
            self.copies = True
        lost = b'x:' + os.fsencode(xattr[1]) if xattr else next(
            (item for form, item in _ATTRIBUTES if form.match(error.words)),
            None)
        if lost:
            self._lost.setdefault(error.path, []).append(lost)
        elif self._is_link_of_damage(error):
            self._failed.setdefault(error.path, _DAMAGE)
        else:
            self._failed.setdefault(error.path, exc)

    def _is_link_of_damage(self, error):
        """Tell whether something could not be linked to a file that is not
        there for damage."""
        start = f'link {self._target}/'
        first, found, _ = error.words.removeprefix(start).rpartition(
            f' {self._target}/{os.fsdecode(error.path)}: ')
        return (found and error.words.startswith(start)
                and self._failed.get(os.fsencode(first)) is _DAMAGE)

    def are_all(self, code):
        """Tell whether restic went on to its end, and has named an entry for
        each of its errors.

        :param code: int, its exit status.
        """
        return code == 1 and self._ended == self._heard

    def is_told(self, path):
        """Tell whether restic has said something of an entry.

        :param path: bytes.
        """
        path = absent.shown(path)
        return path in self._failed or path in self._lost

    def settle(self, done, compared, mending):
        """Remove what is half written, and set what attributes can be set.

        :param done: int, entries that the backup has.
        :param compared: a :class:`~.listed.Comparison` that is done.
        :param mending: a :class:`~.mending.Mending`.
        :returns: (:class:`.reporting.Problems`, list of the paths, as bytes,
            of what is not there now).
        :raises DriverError: the file system fails.
        """
        problems = reporting.Problems()
        descent = handles.Descent(self._root)
        missing = []
        try:
            for path in compared.missing:
                self._failed.setdefault(path, self._damage_above(path))
            self._inodes = {}
            for path, exc in self._failed.items():
                self._remove(descent, path, exc, problems, missing)
            for path, exc in self._other_names():
                self._remove(descent, path, exc, problems, missing)
            self._mend(descent, compared, mending, problems, missing)
        finally:
            descent.close()
        failed = len(missing) - self.damages
        if errnos.are_too_many(failed, done - len(missing)):
            raise base.DriverError(
                f'{wording.entries(failed)} could not be restored in '
                f'{self._where}, more than could be: its file system is '
                f'probably faulty. {problems.sentences[0]}')
        return problems, missing

    def _damage_above(self, path):
        """Tell whether an entry is not there since a directory on the way to
        it is damaged: returns that, or None."""
        names = absent.shown(path).split(b'/')
        return next((_DAMAGE for count in range(1, len(names))
                     if self._failed.get(b'/'.join(names[:count]))
                     is _DAMAGE), None)

    def _remove(self, descent, path, exc, problems, missing):
        """Remove what is half written, and tell it."""
        places = [path]
        if absent.is_vague(path):
            # Not if it may be another one.
            places = listed.resolved(descent, path)[:2]
        shown = places[0] if len(places) == 1 else path
        said = (f'Could not restore in {self._where} '
                f'"{errors.printable(shown)}", or not as a whole.')
        if exc is _DAMAGE:
            said = str(writing.damaged(shown))
        elif exc:
            said = str(errors.failed(f'restore in {self._where}', shown, exc))
        if len(places) < 2 and all(self._without(descent, each, exc)
                                   for each in places):
            missing.append(path)
            self.damages += exc is _DAMAGE
            problems.add(said, getattr(exc, 'errno', None) != errno.EPERM)
        else:
            problems.add(said, len(places) > 1)

    def _other_names(self):
        """List the other names of what was removed, as [(path, error)]: they
        have no other content."""
        found = []
        if not self._inodes:
            return found
        here = walk.Walk(self._root)
        for directory in here:
            with contextlib.suppress(OSError):
                for entry in here.entries():
                    if entry.is_dir(follow_symlinks=False):
                        continue
                    st = entry.stat(follow_symlinks=False)
                    exc = self._inodes.get((st.st_dev, st.st_ino))
                    path = handles.join(directory, os.fsencode(entry.name))
                    if exc is not None and path not in self._failed:
                        found.append((path, exc))
        return found

    def _mend(self, descent, compared, mending, problems, missing):
        """Set the attributes of what has not those that it should have."""
        wanted = dict.fromkeys((*self._lost, *compared.wrong), True)
        # Removing something changes the time of what it was in.
        wanted.update((parent, False) for parent in sorted({
            path.rpartition(b'/')[0] for path in missing} - {b''})
            if parent not in wanted)
        wanted = {path: kind for path, kind in wanted.items()
                  if path not in self._failed}
        places = {path: listed.resolved(descent, path)
                  if absent.is_vague(path) else [path] for path in wanted}
        done = mending.mend([places[path][0] for path in wanted
                             if len(places[path]) == 1])
        for path, is_wrong in wanted.items():
            at = places[path][0] if len(places[path]) == 1 else path
            lost = done.get(at)
            if lost is None:
                if not is_wrong:
                    continue
                # restic stops at the first.
                lost = [*self._lost.get(path, (b'owner', b'mode')), b'x:*']
                self._without_rights(descent, path, lost)
            if path in self._late:
                lost = [item for item in lost if item != b'time']
            problems.lost(at, lost)
        for path in compared.times:
            if path not in wanted and path not in self._late:
                problems.lost(path, [b'time'])

    def _without(self, descent, path, exc):
        """Remove an entry that may have only a part of its content.

        :param exc: why.
        :returns: bool, whether there is nothing of that name now.
        """
        parent, name = handles.split(path)
        try:
            directory = descent.enter(parent)
            st = os.stat(name, dir_fd=directory, follow_symlinks=False)
            if stat.S_ISDIR(st.st_mode):
                return False
            if st.st_nlink > 1 and exc:
                self._inodes[st.st_dev, st.st_ino] = exc
            os.unlink(name, dir_fd=directory)
        except OSError as exc:
            if exc.errno not in errors.GONE and not errnos.is_of_entry(
                    exc, self._root):
                raise errors.failed(f'remove in {self._where}', path,
                                    exc) from exc
        return True

    def _without_rights(self, descent, path, lost):
        """Let nobody run with the rights of an owner that could not be
        set."""
        if b'owner' not in lost:
            return
        parent, name = handles.split(path)
        try:
            fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC,
                         dir_fd=descent.enter(parent))
            try:
                mode = os.fstat(fd).st_mode
                if not stat.S_ISLNK(mode) and mode & _RIGHTS:
                    os.chmod(f'/proc/self/fd/{fd}',
                             stat.S_IMODE(mode) & ~_RIGHTS)
                    lost.append(b'mode')
            finally:
                os.close(fd)
        except OSError as exc:
            if exc.errno not in errors.GONE:
                raise errors.failed(f'change in {self._where} the mode of',
                                    path, exc) from exc
