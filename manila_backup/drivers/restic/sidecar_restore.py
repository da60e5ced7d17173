# SPDX-License-Identifier: Apache-2.0
"""Putting back what restic does not keep, or not as it was."""

import base64
import contextlib
import errno
import os
import stat

from manila_backup.copying import reporting
from manila_backup.drivers import base
from manila_backup.drivers.restic import times
from manila_backup.fs import attributes
from manila_backup.fs import difference
from manila_backup.fs import dirent
from manila_backup.fs import errnos
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import name_keys
from manila_backup.fs import removal
from manila_backup.fs import special_files
from manila_backup.fs import syscalls

_READ = 1 << 20
_BLOCK = 4096


class SidecarRestore:
    """Of one backup, into a tree that restic has restored.

    :param about: dict, what the backup's mark says.
    :param root: int, descriptor of the tree.
    :param ignore: set of bytes, names in the root to leave alone.
    :param tick: called now and then.
    :ivar unmade: list of bytes, paths of what could not be made.
    """

    def __init__(self, about, root, ignore, tick):
        self._about = about
        self._root = root
        self._ignore = ignore
        self._tick = tick
        self._descent = handles.Descent(root)
        self._setter = attributes.Setter()
        self._problems = reporting.Problems()
        self.unmade = []

    def put(self):
        """Do it.

        :returns: (:class:`~manila_backup.copying.reporting.Problems`,
            :class:`.times.Times` that are still to be set).
        :raises DamagedBackup: the mark has something that makes no sense.
        """
        os.umask(0)
        try:
            self._times = times.Times(self._about, self._ignore, self._tick)
            for path, size, data in self._about['sparse']:
                self._guard(dirent.checked_path(path.encode()),
                            self._punch, size, data, restored=True)
            for path, text, names in self._about['nodes']:
                path, entry = dirent.checked_path(path.encode()), dirent.parse(
                    text.encode())
                if not self._guard(path, self._node, entry, names,
                                   missing=True):
                    self._unmade(path, entry, names)
            for path, xattrs in self._about['xattrs']:
                self._guard(dirent.checked_path(path.encode()),
                            self._attributes, xattrs, restored=True)
            for names in self._about['links']:
                names = [place(each) for each in names]
                self._guard(names[0][0], self._link, names[0][1], names[1:],
                            missing=True)
            entry = dirent.parse(self._about['root'].encode())
        except (KeyError, ValueError, TypeError, IndexError,
                AttributeError, dirent.Malformed) as exc:
            raise base.DamagedBackup(
                f'The backup\'s mark is damaged: {exc}.') from exc
        finally:
            self._descent.close()
        self._set_root(entry)
        return self._problems, self._times

    def _guard(self, path, function, *args, missing=False, restored=False):
        """Do one thing; what fails of it alone is told.

        :param missing: bool, whether its entry is missing without.
        :param restored: bool, whether restic has made the entry, and told if
            it could not.
        :returns: bool, whether it could be done.
        """
        self._tick()
        if path.split(b'/', 1)[0] in self._ignore:
            return True
        try:
            return function(path, *args) is not False
        except OSError as exc:
            gone = exc.errno in errors.GONE
            if gone and restored:
                return False
            failed = errors.failed('restore in the share', _shown(path, args),
                                   exc)
            if not gone and not errnos.is_of_entry(exc, self._root):
                raise failed from exc
            self._problems.add(str(failed), missing and not gone)
            return False

    def _unmade(self, path, entry, names):
        """Note what there is nothing of."""
        for where, name in ((path, entry.name), *map(place, names)):
            try:
                os.stat(name, dir_fd=self._descent.enter(where),
                        follow_symlinks=False)
            except OSError:
                self.unmade.append(handles.join(where, name))

    def _lost(self, path, lost):
        """Tell it, but for times that are set again in the end."""
        if path in self._times.paths:
            lost = [item for item in lost if item != b'time']
        if lost:
            self._problems.lost(path, lost)

    def _punch(self, path, size, data):
        """Make holes where they were, but only of zeros: the file may have
        changed before restic came to it."""
        parent, name = handles.split(path)
        directory = self._descent.enter(parent)
        fd = os.open(name, handles.READ & ~os.O_RDONLY | os.O_RDWR,
                     dir_fd=directory)
        try:
            st = os.fstat(fd)
            if st.st_size != size or not stat.S_ISREG(st.st_mode):
                return
            start = 0
            for data_start, data_end in [*data, [size, size]]:
                self._hole(fd, start, data_start, size)
                start = data_end
            os.utime(fd, ns=(st.st_atime_ns, st.st_mtime_ns))
        finally:
            os.close(fd)

    def _hole(self, fd, start, end, size):
        start = -(-start // _BLOCK) * _BLOCK
        if end < size:
            end = end // _BLOCK * _BLOCK
        at = start
        while at < end:
            self._tick()
            part = min(_READ, end - at)
            try:
                data = os.lseek(fd, at, os.SEEK_DATA)
            except OSError:
                return      # nothing but a hole from here on
            if data > at:
                at = min(end, data // _BLOCK * _BLOCK)
                if data < end and at < data:
                    part = min(_READ, end - at)
                elif at >= end:
                    return
            read = os.pread(fd, part, at)
            if not read or read.count(0) != len(read):
                return
            length = -(-len(read) // _BLOCK) * _BLOCK
            with contextlib.suppress(OSError):
                # A file system may have no holes.
                syscalls.punch(fd, at, length)
            at += len(read)

    def _attributes(self, path, xattrs):
        """All extended attributes of a file or directory."""
        parent, name = handles.split(path)
        fd = os.open(name, handles.READ,
                     dir_fd=self._descent.enter(parent))
        try:
            st = os.fstat(fd)
            entry = dirent.of_stat(b'F', name, st, xattrs=tuple(sorted(
                (os.fsdecode(dirent.unquote(one.encode())),
                 base64.b64decode(value)) for one, value in xattrs)))
            lost = self._setter.apply(fd, entry, st,
                                      had=attributes.read_xattrs(fd))
        finally:
            os.close(fd)
        self._lost(path, lost)

    def _node(self, path, entry, names):
        """A socket, a peculiar link, or a file that is nothing but a hole.

        :returns: bool, whether there is one now.
        """
        if path == handles.ROOT and entry.name in self._ignore:
            return True
        with _Unchanged(self._descent.enter(path)) as directory:
            if not self._make(path, directory, entry):
                return False
        self._link(path, entry.name, [place(each) for each in names], entry)
        return True

    def _make(self, path, directory, entry):
        """Make what restic has not.

        :param path: bytes, of the directory that it gets into.
        :returns: bool, whether it could be made.
        """
        removal.remove(entry.name, directory, self._tick, above=path)
        if entry.kind == b'F':
            lost = self._hole_only(directory, entry)
        else:
            lost = special_files.make(directory, entry, self._setter,
                                      inherits=True)
        if b'node' in lost:
            self._problems.unmade(handles.join(path, entry.name),
                                  entry.kind == b'L')
            return False
        self._lost(handles.join(path, entry.name), lost)
        return True

    def _hole_only(self, directory, entry):
        fd = os.open(entry.name, handles.CREATE, 0o600, dir_fd=directory)
        try:
            os.ftruncate(fd, entry.size)
            return self._setter.apply(fd, entry, os.fstat(fd),
                                      had=attributes.read_xattrs(fd))
        finally:
            os.close(fd)

    def _link(self, path, name, names, entry=None):
        """Make other names those of the same thing, as far as it can have as
        many: then another one begins.

        :param entry: what it is; None if restic has made all of them.
        """
        if path == handles.ROOT and name in self._ignore:
            return
        first = source = self._descent.enter(path)
        called, parted = name, False
        there = os.stat(name, dir_fd=first, follow_symlinks=False)
        for where, other in names:
            if where.split(b'/', 1)[0] in self._ignore or (
                    where == handles.ROOT and other in self._ignore):
                continue
            with _Unchanged(self._descent.enter(where)) as directory:
                if not self._join(source, called, directory, where, other):
                    if entry and not self._make(
                            where, directory, entry._replace(name=other)):
                        continue
                    parted, source, called = True, directory, other
            if parted:
                self._problems.add(reporting.parted(
                    handles.join(where, other), handles.join(path, name),
                    'share'))
        if names and stat.S_ISLNK(there.st_mode):
            os.utime(name, ns=(there.st_atime_ns, there.st_mtime_ns),
                     dir_fd=first, follow_symlinks=False)

    def _join(self, source, name, directory, where, other):
        """Make another name.

        :returns: bool, False if there can be no more: what restic has made of
            it stays then.
        """
        aside = b'%b%b' % (name_keys.TEMPORARY, os.urandom(8).hex().encode())
        try:
            os.link(name, aside, src_dir_fd=source, dst_dir_fd=directory,
                    follow_symlinks=False)
        except OSError as exc:
            if exc.errno != errno.EMLINK:
                raise
            return False
        removal.remove(other, directory, self._tick, above=where)
        os.rename(aside, other, src_dir_fd=directory, dst_dir_fd=directory)
        return True

    def _set_root(self, entry):
        try:
            st = os.fstat(self._root)
            had = attributes.read_xattrs(self._root)
            if difference.in_attributes(entry, st, had):
                lost = self._setter.apply(self._root, entry, st, had=had)
                self._lost(handles.ROOT, lost)
        except OSError as exc:
            raise errors.failed('set in the share the attributes of',
                                handles.ROOT, exc) from exc


def nodes(about):
    """List the paths of what is made from a backup's mark alone.

    :returns: set of bytes.
    :raises DamagedBackup: the mark has something that makes no sense.
    """
    try:
        return {handles.join(dirent.checked_path(path.encode()),
                             dirent.parse(text.encode()).name)
                for path, text, _ in about['nodes']}
    except (KeyError, ValueError, TypeError, AttributeError,
            dirent.Malformed) as exc:
        raise base.DamagedBackup(
            f'The backup\'s mark is damaged: {exc}.') from exc


class _Unchanged:
    """A directory whose times are afterwards what they were.

    :param fd: int, valid as long as no other is entered.
    """

    def __init__(self, fd):
        self._fd = fd

    def __enter__(self):
        self._st = os.fstat(self._fd)
        return self._fd

    def __exit__(self, *exc_info):
        os.utime(self._fd, ns=(self._st.st_atime_ns, self._st.st_mtime_ns))


def _shown(path, args):
    """Return the path that a step is about: its own, or that of its first
    argument.
    """
    first = getattr(args[0], 'name', args[0]) if args else None
    return handles.join(path, first) if isinstance(first, bytes) else path


def place(pair):
    """A [directory, name] of a mark as bytes."""
    path, name = pair
    return (dirent.checked_path(path.encode()),
            dirent.checked_name(name.encode()))
