# SPDX-License-Identifier: Apache-2.0
"""Finding out what a share has while restic reads it: how much that is, and
what of it restic does not keep.

That is: sockets, names of anything but a file that are hard links of one
another, where files have holes, what is not UTF-8 in targets of symbolic links
and in names of extended attributes, times of far off, and the attributes of
the share's root and of symbolic links. It is kept in the backup's mark, in
lines as in the posix driver's manifest.
"""

import base64
import errno
import os
import stat

from manila_backup.copying import reporting
from manila_backup.copying import warnings
from manila_backup.drivers.restic import attribute_names
from manila_backup.drivers.restic import times
from manila_backup.fs import attributes
from manila_backup.fs import dirent
from manila_backup.fs import errnos
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import inode_flags
from manila_backup.fs import special_files
from manila_backup.fs import walk
from manila_backup import warning_codes

_Code = warning_codes.WarningCode

_STEP = 500

# How much of it a mark holds: what is too much is told.
_MOST = 20_000
_SEGMENTS = 10_000

# How many of the times that restic does restore, but that some file system
# can't hold: these are to tell of, should it be restored to.
_TOLD = 1_000

# Files with less than that have no hole worth it.
_BLOCK = 4096


class SidecarScan:
    """One look at a share.

    :param root: int, descriptor of its directory.
    :param ignore: set of bytes, names in the root to pass over.
    :param limit: int, bytes of holes that are too many for restic.
    :param mounts: paths where something is mounted, as bytes: none of that
        is looked at.
    :param cross: bool, whether what is mounted is part of the share.
    :param twice: paths of directories whose listing names an entry twice, as
        bytes.
    :ivar files: entries so far, of every kind.
    :ivar bytes: sum of their apparent sizes.
    :ivar read: bytes that restic reads of files.
    :ivar nodes: what it does not keep at all, see :meth:`about`.
    :ivar sparse: list of (path, size, list of data's [start, end)).
    :ivar xattrs: see :meth:`about`.
    :ivar times: see :meth:`about`.
    :ivar left_out: list of paths that restic must not read, as bytes.
    :ivar absent: list of paths of what is not in the backup for that.
    :ivar missed: list of (path, its code, a sentence) for each of those.
    :ivar unread: list of paths, as bytes, of what has extended attributes
        that can't be read.
    :ivar doubtful: list of (path, why) of what could not be looked at, as
        bytes and str. If restic can't either, it tells.
    :ivar more_doubtful: int, how many more there were than that has.
    :ivar done: bool.
    """

    def __init__(self, root, ignore, limit, mounts=(), cross=False,
                 twice=frozenset()):
        self._twice = twice
        self._mounts = frozenset(mounts)
        self._cross = cross
        self._root = root
        self._ignore = ignore
        self._limit = limit
        self.files = self.bytes = self.read = 0
        self.nodes = []
        self.sparse = []
        self.xattrs = []
        self.times = []
        self.left_out = []
        self.missed = []
        self.absent = []
        self.doubtful = []
        self.more_doubtful = 0
        self.unread = []
        self.names = attribute_names.Names()
        self.problems = reporting.Problems()
        self.done = False
        self._links = {}
        self._sockets = {}
        self._kept = self._told = 0
        self._absent = None
        # To ask each file costs a call to a server, where it has one.
        self._has_flags = inode_flags.are_there(root)
        self._project = inode_flags.project(root)
        self._steps = self._walk()

    def step(self):
        """Look at some more.

        :returns: bool, whether there is more.
        :raises DriverError: the share can't be read.
        """
        if not self.done:
            self.done = next(self._steps, True)
        return not self.done

    def finish(self, tick):
        """Look at all the rest."""
        while self.step():
            tick()

    def about(self):
        """Return the sidecar for the backup's mark, as a dict for JSON.

        ``nodes`` are [directory, line, other names], where each other name
        is [directory, name]; ``links`` are lists of [directory, name] that
        restic stored each for itself; ``sparse`` are [path, size, data];
        ``xattrs`` are [path, all of its extended attributes as [name, value in
        base 64]]; ``times`` are [path, modification time in nanoseconds].
        Names are quoted as in a manifest.
        """
        st = os.fstat(self._root)
        self._time(handles.ROOT, st)
        if self._has_flags:
            self._lost(handles.ROOT, self._unkept(self._root))
        root = dirent.of_stat(b'D', handles.ROOT, st,
                              xattrs=attributes.read_xattrs(self._root))
        return {
            'root': _text(root),
            'nodes': self.nodes,
            'links': [names for names in self._links.values()
                      if len(names) > 1],
            'sparse': self.sparse,
            'xattrs': self.xattrs,
            'times': self.times,
            **self.names.about(),
        }

    def _walk(self):
        here = walk.Walk(self._root, cross=self._cross)
        for _ in here:
            yield from self._directory(here)
        yield True

    def _directory(self, here):
        path = here.path
        try:
            fd = here.enter()
            entries = handles.entries(fd)
        except OSError as exc:
            if path == handles.ROOT or not errnos.is_of_entry(exc,
                                                              self._root):
                raise errors.failed('read the share\'s directory', path,
                                    exc) from exc
            if exc.errno == errno.EXDEV:
                if path not in self._mounts:
                    # Mounted since: restic must not read that either.
                    self.left_out.append(path)
            else:
                self._doubt(path, exc)
            return
        count = 0
        seen = set()
        with entries:
            while True:
                entry = None
                try:
                    entry = next(entries, None)
                    if entry is None:
                        break
                    if path in self._twice:
                        if entry.name in seen:
                            continue
                        seen.add(entry.name)
                    self._entry(fd, entry, path, here)
                except FileNotFoundError:
                    continue
                except OSError as exc:
                    at = path if entry is None else handles.join(
                        path, os.fsencode(entry.name))
                    if not errnos.is_of_entry(exc, self._root):
                        raise errors.failed('read from the share', at,
                                            exc) from exc
                    self._doubt(at, exc)
                    if entry is None:
                        break
                    continue
                count += 1
                if not count % _STEP:
                    yield False
        yield False

    def _doubt(self, path, exc):
        if exc.errno in errors.GONE:
            return
        if len(self.doubtful) < _MOST:
            self.doubtful.append((path, errors.reason(exc)))
        else:
            self.more_doubtful += 1

    def _miss(self, path, st, why, code=_Code.UNREADABLE):
        """Note what is not in the backup, though restic could read it."""
        self._absent = path
        self.files -= 1
        self.bytes -= st.st_size
        self.absent.append(path)
        self.missed.append((path, code, f'"{errors.printable(path)}" {why}.'))

    def _entry(self, fd, entry, path, here):
        name = os.fsencode(entry.name)
        if path == handles.ROOT and name in self._ignore:
            return
        self.files += 1
        st = entry.stat(follow_symlinks=False)
        if stat.S_ISDIR(st.st_mode):
            here.put(name)
            self._odd(fd, name, path)
            if handles.join(path, name) not in self._mounts:
                self._time(handles.join(path, name), st)
                self._flags(fd, name, path)
            return
        if self._mounts and handles.join(path, name) in self._mounts:
            self.files -= 1
            return
        self.bytes += st.st_size
        if stat.S_ISREG(st.st_mode):
            self.read += st.st_size
            if st.st_blocks * 512 < st.st_size and st.st_size > _BLOCK:
                self._holes(fd, name, path, st)
            self._odd(fd, name, path)
            self._flags(fd, name, path)
        elif stat.S_ISSOCK(st.st_mode):
            self._node(fd, name, path, st)
        else:
            if stat.S_ISLNK(st.st_mode):
                self._symlink(fd, name, path)
            else:
                self._odd(fd, name, path)
            if st.st_nlink > 1:
                self._link(path, name, st)
        shown = handles.join(path, name)
        if shown != self._absent:
            self._time(shown, st)

    def _room(self, path, code, *lost):
        """Tell whether one more entry can be kept; add a problem if not.

        :param code: the :class:`~manila_backup.warning_codes.WarningCode` of
            that; ``lost`` as for :func:`.warnings.note`.
        """
        self._kept += 1
        if self._kept <= _MOST:
            return True
        self.problems.add(
            f'"{errors.printable(path)}": the backup lacks a property of it '
            f'(a socket, a hard link of something else than a file, holes, '
            f'attributes, a time far in the past or future), since too many '
            f'entries have one.', not code.is_stored,
            note=warnings.note(path, code, lost))
        return False

    def _node(self, fd, name, path, st):
        """A socket."""
        inode = st.st_dev, st.st_ino
        if not self._room(handles.join(path, name), _Code.NOT_STORABLE):
            self.absent.append(handles.join(path, name))
            return
        if inode in self._sockets:
            self._sockets[inode].append([_quoted(path), _quoted(name)])
            return
        try:
            entry = special_files.read(fd, name)
        except OSError as exc:
            if not errnos.is_of_entry(exc, self._root):
                raise
            if exc.errno not in errors.GONE:
                self._miss(handles.join(path, name), st, _unreadable(exc))
            return
        if entry and entry.kind == b'S':
            self.nodes.append([_quoted(path), _text(entry), []])
            self._sockets[inode] = self.nodes[-1][2]

    def _odd(self, fd, name, path):
        """Extended attributes of a file or directory: those with names that
        are not UTF-8, and such as can't be read."""
        shown = handles.join(path, name)
        try:
            found = attributes.read_xattrs(attributes.special(fd, name),
                                           follow=False)
        except OSError as exc:
            if not errnos.is_of_entry(exc, self._root):
                raise
            self._doubt(shown, exc)
            return
        if found and found[0][0] == attributes.UNREADABLE:
            self.unread.append(shown)
            found = found[1:]
        names = [one for one, _ in found]
        if _is_text(''.join(names)):
            self.names.add(shown, names)
        elif self._room(shown, _Code.PROPERTIES, 'xattrs'):
            self.xattrs.append([_quoted(shown), [
                [_quoted(os.fsencode(one)),
                 base64.b64encode(value).decode()] for one, value in found]])

    def _flags(self, fd, name, path):
        """Tell inode flags, project ids and preallocated room, which restic
        does not keep."""
        if not self._has_flags:
            return
        try:
            opened = os.open(name, handles.READ, dir_fd=fd)
        except OSError:
            return      # restic can't either, and tells
        try:
            lost = self._unkept(opened)
            st = os.fstat(opened)
            if stat.S_ISREG(st.st_mode) and inode_flags.has_room(opened, st):
                lost.append(b'x:*room')
        finally:
            os.close(opened)
        self._lost(handles.join(path, name), lost)

    def _unkept(self, opened):
        """List the inode flags and the project id of an open file or
        directory, as for :meth:`_lost`."""
        fixed, more = inode_flags.read(opened, self._project)
        return [b'flags'] * fixed + [os.fsencode(one) for one, _ in more]

    def _lost(self, path, lost):
        """Tell what restic does not keep of an entry.

        :param lost: list of bytes, as for :func:`.warnings.words`.
        """
        self.problems.lost(path, lost)
        words = warnings.words(lost)
        if words:
            self.problems.take_notes([
                warnings.note(path, _Code.PROPERTIES, words)])

    def _time(self, path, st):
        """One that restic does not restore, or that not every file system can
        hold."""
        mtime = st.st_mtime_ns
        if attributes.is_any(mtime):
            return
        if times.is_restored(mtime):
            if self._told >= _TOLD:
                return
            self._told += 1
        elif not self._room(path, _Code.PROPERTIES, 'time'):
            return
        self.times.append([_quoted(path), mtime])

    def _symlink(self, fd, name, path):
        """One whose target is not UTF-8, or with extended attributes."""
        entry = special_files.read(fd, name)
        if not entry or entry.kind != b'L':
            return
        is_odd = entry.xattrs or not _is_text(os.fsdecode(entry.extra))
        if is_odd and self._room(handles.join(path, name), _Code.PROPERTIES,
                                 'xattrs'):
            self.nodes.append([_quoted(path), _text(entry), []])

    def _link(self, path, name, st):
        if self._room(handles.join(path, name), _Code.HARD_LINK):
            self._links.setdefault((st.st_dev, st.st_ino), []).append(
                [_quoted(path), _quoted(name)])

    def _holes(self, fd, name, path, st):
        shown = handles.join(path, name)
        try:
            source = os.open(name, handles.READ, dir_fd=fd)
        except OSError:
            return      # restic can't either, and tells
        try:
            data, length = _data(source, st.st_size)
            holes = st.st_size - length
            if holes > self._limit:
                self._too_sparse(source, name, path, st, length)
            elif data is None:
                self._lost(shown, [b'layout'])
            elif holes >= _BLOCK and self._room(
                    shown, _Code.PROPERTIES, 'holes'):
                self.sparse.append([_quoted(shown), st.st_size, data])
        finally:
            os.close(source)

    def _too_sparse(self, source, name, path, st, length):
        shown = handles.join(path, name)
        self.left_out.append(shown)
        self.read -= st.st_size
        if length or st.st_nlink > 1 or not self._room(
                shown, _Code.PROPERTIES, 'holes'):
            self._miss(shown, st, 'has more holes than [restic] hole_limit: '
                                  'it is not in the backup',
                       _Code.TOO_SPARSE)
            return
        try:
            entry = dirent.of_stat(
                b'F', name, os.fstat(source), b'-',
                attributes.read_xattrs(source), st.st_size)
        except OSError as exc:
            if not errnos.is_of_entry(exc, self._root):
                raise
            self._miss(shown, st, _unreadable(exc))
            return
        self.nodes.append([_quoted(path), _text(entry), []])


def _quoted(name):
    return dirent.quote(name).decode()


def _is_text(name):
    try:
        name.encode()
        return True
    except UnicodeEncodeError:
        return False


def _text(entry):
    return dirent.line(entry)[:-1].decode()


def _data(fd, size):
    """Find the segments of a file that have data.

    :returns: (list of [start, end), None if there are too many; the sum of
        the lengths of all of them).
    :raises OSError: they can't be told.
    """
    found, length, end = [], 0, 0
    while end < size:
        try:
            start = os.lseek(fd, end, os.SEEK_DATA)
        except OSError as exc:
            if exc.errno != errno.ENXIO:
                raise
            break       # nothing but a hole from here on
        end = min(os.lseek(fd, start, os.SEEK_HOLE), size)
        length += end - start
        if found is not None:
            found.append([start, end])
            if len(found) > _SEGMENTS:
                found = None
    return found, length


def _unreadable(exc):
    return f'is not in the backup: it could not be read ({errors.reason(exc)})'
