# SPDX-License-Identifier: Apache-2.0
"""What a copying process does with the batches that a scan found.

Files are written under their own names at once: the directory they are in is
not visible before it is published. Each file's line is appended to the
process's part of the manifest, which is the journal that a later attempt
reads if this one is killed.
"""

import errno
import hashlib
import os
import stat
import time

from manila_backup.drivers.posix import attributes
from manila_backup.drivers.posix import beneath
from manila_backup.drivers.posix import content
from manila_backup.drivers.posix import errors
from manila_backup.drivers.posix import inode
from manila_backup.drivers.posix import layout
from manila_backup.drivers.posix import manifest
from manila_backup.drivers.posix import nodes
from manila_backup.drivers.posix import parts
from manila_backup.drivers.posix import reading
from manila_backup.drivers.posix import still

# Seconds before each further try of a file that changed while it was read.
_BACKOFF = (0.02, 0.06, 0.2)

_LONG_LINE = 1 << 16


class Storer:
    """Copies what batches say; one per process.

    :param source: int, descriptor of the share.
    :param aside: int, of one on the same filesystem that can be written to.
    :param directory: int, of the attempt's directory.
    :param spool: the :class:`~.scan.Spool` that the batches are in.
    :param paths: :class:`~.tree.Paths` of the directories in them.
    :param formers: list of :class:`~.former.Former`.
    :param earlier: an :class:`~.earlier.Earlier`, or None.
    :param surely: int, nanoseconds: a file whose ctime is later is read
        twice.
    """

    def __init__(self, source, aside, directory, spool, paths, formers,
                 earlier, surely, progress):
        self.aside = aside
        self.spool = spool
        self.paths = paths
        self.formers = formers
        self.earlier = earlier
        self.surely = surely
        self.progress = progress
        self.problems = errors.Problems()
        self.files = self.bytes = self.stored = self.kept = 0
        self.spans = []
        self._source = beneath.Descent(source)
        self._project = inode.project(source)
        # Where flags may not have been noted.
        self._untold = bool(formers) or not getattr(earlier, 'has_flags',
                                                    True)
        data = os.open(layout.DATA, beneath.DIRECTORY, dir_fd=directory)
        self._data = beneath.MakingDescent(data)
        self._born = _born(data)
        self._setter = attributes.Setter(readable=True)
        self._name, self._part, self._end = parts.begin(directory)
        self._path = self._sfd = self._dfd = None
        self._number = None     # of the directory at hand
        self._names = 1     # of the file at hand
        self._inode = None  # which it must be, to be the first of a group
        self._lines = []
        os.umask(0)

    def __call__(self, inbox):
        """Work until there is nothing more.

        :returns: dict, for :mod:`backup` to add up.
        """
        for number, offset, size in inbox:
            kind, payload = self.spool.get(offset, size)
            try:
                if kind == 'tree':
                    self._tree(number, payload)
                else:
                    self._links(payload)
                self._append(number)
            except OSError as exc:
                # Everything else that can be is caught where it happens.
                raise errors.failed('copy, in the directory,',
                                    self._path or b'.', exc) from exc
        return {'part': self._name, 'spans': self.spans, 'files': self.files,
                'bytes': self.bytes, 'stored_bytes': self.stored,
                'kept': self.kept, 'problems': self.problems.sentences,
                'count': self.problems.count}

    def _append(self, number):
        data = b''.join(self._lines)
        self._lines.clear()
        try:
            content.write_all(self._part, data)
        except OSError as exc:
            raise errors.failed('write the repository\'s', 'manifest',
                                exc) from exc
        self.spans.append((number, self._end, len(data)))
        self._end += len(data)

    # -- entries of a directory

    def _tree(self, number, groups):
        for directory, files, others in groups:
            path = self.paths.path(directory)
            try:
                self._dfd = self._data.enter(path)
            except OSError as exc:
                raise errors.failed('make in the repository the directory',
                                    path, exc) from exc
            if not files and not others:
                continue
            self._enter_source(path, directory)
            self._lines.append(self._here())
            for file in files:
                self._file(file)
                if len(self._lines[-1]) > _LONG_LINE:
                    # Attributes can be of many megabytes, of each file.
                    self._append(number)
                    self._lines.append(self._here())
            for name in others:
                self._other(name)

    def _here(self, kind=b'd'):
        """The line before those of what is in the directory at hand."""
        return b'%b /%d\n' % (kind, self._number)

    def _enter_source(self, path, number):
        """None as descriptor if the directory is gone."""
        self._path = path
        self._number = number
        try:
            self._sfd = self._source.enter(path)
        except OSError as exc:
            if exc.errno not in reading.GONE:
                raise errors.failed('open in the share the directory', path,
                                    exc) from exc
            self._sfd = None

    def _file(self, file):
        """A name that was a regular file when it was scanned."""
        name, _, size = file[:3]
        text = self._had(file)
        if text:
            self._lines.append(text)
            self.kept += 1
            self._done(size)
            return text
        entry = None
        if self._sfd is not None:
            entry = self._copy(name)
        if entry is None:
            # It was counted, so that progress ends where it should.
            self.progress.advance(1, size)
        return entry

    def _check(self, count):
        self.progress.check()

    def _done(self, size):
        self.files += 1
        self.bytes += size
        self.progress.advance(1, size)

    def _had(self, file):
        """Take over a file that was stored before; its line, or None."""
        if self._untold and self._sfd is not None and inode.has_any(
                self._sfd, file[0], self._project):
            return None
        for former in self.formers:
            text = self._take(former, file)
            if text:
                return text
        return self.earlier and self._told(file[0], self.earlier.take(
            self._path, file, self._dfd, self._setter, self._names))

    def _told(self, name, taken):
        """The line of what :class:`~.earlier.Earlier` had, or None."""
        if not taken:
            return None
        text, lost = taken
        if lost:
            self.problems.lost(self._shown(name), lost)
        return text

    def _take(self, former, file):
        try:
            text = former.take(self._path, file, self._dfd, self._check)
        except OSError as exc:
            if exc.errno in reading.GONE:
                return None
            raise errors.failed('take over from an earlier attempt',
                                self._shown(file[0]), exc) from exc
        if text:
            lost = manifest.parse(text[:-1]).lost
            if lost:
                self.problems.lost(self._shown(file[0]), lost)
        return text

    def _copy(self, name):
        """Copy a regular file.

        :returns: bytes, its line; None if it is gone, or would not hold
            still.
        """
        for wait in (*_BACKOFF, None):
            counted = 0
            try:
                source = self._open_source(name)
                if self._inode is not None and (
                        os.fstat(source).st_ino != self._inode):
                    os.close(source)
                    raise _Replaced
                if wait is None:
                    source = still.instead(source, self.aside)
                try:
                    text, counted, size = self._copy_once(source, name)
                finally:
                    os.close(source)
                self._lines.append(text)
                self.files += 1
                self.bytes += size
                self.progress.advance(1, max(size - counted, 0))
                return text
            except reading.Gone:
                return None
            except reading.Other:
                return self._other(name)
            except content.Changed:
                beneath.unlink(name, self._dfd)
                if wait:
                    self.progress.check()
                    time.sleep(wait)
        self._lines.append(b'U %b 0\n' % manifest.quote(name))
        self.problems.add(
            f'"{errors.printable(self._shown(name))}" was being written to '
            'all the time: it is not in the backup.')
        return None

    def _open_source(self, name):
        try:
            return reading.open_file(self._sfd, name)
        except OSError as exc:
            raise self._unreadable(name, exc) from exc

    def _unreadable(self, name, exc):
        return errors.failed('read from the share', self._shown(name), exc)

    def _shown(self, name):
        return beneath.join(self._path, name)

    def _copy_once(self, source, name):
        """One try.

        :returns: (line, bytes counted as progress already, size).
        """
        counted = 0

        def tick(count):
            nonlocal counted
            counted += count
            self.progress.advance(0, count)

        try:
            st = reading.settle(source)
            fixed, more = inode.read(source, self._project)
            gone = [b'flags'] * fixed + [b'x:*room'] * inode.has_room(source,
                                                                      st)
            text = (self.earlier and not gone
                    and self._same_content(source, name, st, more))
            if text:
                return text, 0, st.st_size
            target = self._create(name, st)
            try:
                if st.st_size <= content.SMALL:
                    data = content.read_small(source, st.st_size)
                    digest = hashlib.sha256(data).hexdigest().encode()
                    if content.holed(st):
                        content.write_like(source, target, data)
                    elif data:
                        content.write_all(target, data)
                    written = len(data)
                else:
                    digest, written = content.copy(source, target, st, tick)
                if st.st_ctime_ns > self.surely:
                    reading.again(source, st, digest, self._check)
                xattrs = tuple(sorted(more
                                      + attributes.read_xattrs(source)))
                # After the attributes too, since they are part of it.
                if not content.same(os.fstat(source), st):
                    raise content.Changed
                text = self._finish(target, name, st, digest, xattrs, gone)
            finally:
                os.close(target)
        except content.Changed:
            self.progress.advance(0, -counted)
            raise
        except content.WriteFailed as exc:
            raise errors.failed('write to the repository', self._shown(name),
                                exc) from exc
        except OSError as exc:
            raise self._unreadable(name, exc) from exc
        self.stored += written
        return text, counted, st.st_size

    def _same_content(self, source, name, st, more):
        """Store a file without its data if the earlier backup has the same;
        its line, or None."""
        had = self.earlier.like(self._path, name, st)
        if had is None:
            return None
        digest = content.digest(source, st.st_size, had.extra, self._check)
        xattrs = tuple(sorted(more + attributes.read_xattrs(source)))
        if not content.same(os.fstat(source), st):
            raise content.Changed
        os.lseek(source, 0, os.SEEK_SET)
        if digest != had.extra:
            return None
        return self._told(name, self.earlier.share(
            self._path, had, manifest.of_stat(
                b'F', name, st, digest, xattrs, st.st_size),
            self._dfd, self._setter, self._names))

    def _create(self, name, st):
        try:
            return os.open(name, nodes.CREATE,
                           stat.S_IMODE(st.st_mode) & 0o777,
                           dir_fd=self._dfd)
        except OSError as exc:
            raise errors.failed('create in the repository',
                                self._shown(name), exc) from exc

    def _finish(self, target, name, st, digest, xattrs, more):
        """Set the attributes of a file just written; its line.

        :param more: list of bytes, what else is ``lost=``.
        """
        entry = manifest.of_stat(b'F', name, st, digest, xattrs, st.st_size)
        try:
            if (xattrs or entry.mode & ~0o777
                    or self._born != (entry.uid, entry.gid)
                    or self._setter.readable and not entry.mode & 0o400):
                lost = self._setter.apply(target, entry, os.fstat(target))
            elif self._setter.set_time(target, entry.mtime):
                lost = []
            else:
                lost = [b'time']
        except OSError as exc:
            raise errors.failed('set in the repository the attributes of',
                                self._shown(name), exc) from exc
        lost += more
        if lost:
            self.problems.lost(self._shown(name), lost)
        return manifest.line(entry, lost)

    def _other(self, name):
        """Anything that is not a regular file.

        :returns: bytes, its line; None if it is gone.
        """
        text = None
        if self._sfd is not None:
            try:
                entry = nodes.read(self._sfd, name)
            except OSError as exc:
                if exc.errno not in reading.GONE:
                    raise self._unreadable(name, exc) from exc
                entry = None
            if entry and self._inode not in (None, entry.inode):
                raise _Replaced
            if entry is not None and entry.kind == b'F':
                return self._copy(name)
            if entry is not None:
                text = self._make(entry)
        if text is None:
            self.progress.advance(1, 0)
        return text

    def _make(self, entry):
        shown = self._shown(entry.name)
        try:
            lost = nodes.make(self._dfd, entry, self._setter)
        except OSError as exc:
            raise errors.failed('create in the repository', shown,
                                exc) from exc
        if lost:
            self.problems.lost(shown, lost)
        text = manifest.line(entry, lost)
        self._lines.append(text)
        self._done(entry.size)
        return text

    # -- hard links

    def _links(self, records):
        """Names of files that have more than one; sorted by inode."""
        at = 0
        while at < len(records):
            end = at
            while end < len(records) and records[end][:2] == records[at][:2]:
                end += 1
            self._group(records[at:end])
            at = end

    def _group(self, records):
        """All names of one inode: the first is copied, the rest linked."""
        first = entered = parted = None
        inode = records[0][1]
        self._names = len(records)
        strangers = []
        for _, _, directory, name in records:
            st = self._look(directory, name)
            path = self._path
            if st is None:
                self.progress.advance(1, 0)
            elif st.st_ino != inode:
                # Replaced since; written later, not to part the group.
                strangers.append((directory, name))
            elif first and self._join(name, st, first, entered):
                entered = path
                self._tell_parted(parted, name)
            else:
                if first:
                    # As many as there can be: another one begins.
                    parted = parted or first
                self._inode = inode
                try:
                    text = self._head(name, st)
                except _Replaced:
                    strangers.append((directory, name))
                    text = None
                finally:
                    self._inode = None
                if text is not None:
                    first = (path, name, _is_stored(text))
                    entered = path
                    self._tell_parted(parted, name)
        self._names = 1
        for directory, name in strangers:
            st = self._look(directory, name)
            if st is None:
                self.progress.advance(1, 0)
            else:
                self._head(name, st)

    def _tell_parted(self, parted, name):
        """Tell of a name that could not be one of its group's first file.

        :param parted: (path, name, ...) of that; None if it could.
        """
        if parted:
            self.problems.add(errors.parted(
                self._shown(name), beneath.join(*parted[:2]), 'backup'))

    def _look(self, directory, name):
        """The state of a name now, or None; goes to its directory, which is
        given by its number."""
        path = self.paths.path(directory)
        self._enter_source(path, directory)
        self._dfd = self._data.enter(path)
        if self._sfd is None:
            return None
        try:
            return os.stat(name, dir_fd=self._sfd, follow_symlinks=False)
        except OSError as exc:
            if exc.errno in reading.GONE:
                return None
            raise self._unreadable(name, exc) from exc

    def _head(self, name, st):
        """Store the first name of a group; its line, or None."""
        self._lines.append(self._here())
        if stat.S_ISREG(st.st_mode):
            return self._file((name, st.st_ino, st.st_size, st.st_mtime_ns,
                               st.st_ctime_ns))
        return self._other(name)

    def _join(self, name, st, first, entered):
        """Add a name to the group. False if it can't be."""
        first_path, first_name, stored = first
        path = self._path
        text = b'H %b\n' % manifest.quote(name)
        if stored:
            # The other descriptor may be let go by entering this one.
            here = os.dup(self._dfd)
            try:
                os.link(first_name, name,
                        src_dir_fd=self._data.enter(first_path),
                        dst_dir_fd=here, follow_symlinks=False)
            except OSError as exc:
                if exc.errno == errno.EMLINK:
                    # It was let go.
                    self._dfd = self._data.enter(path)
                    return False
                raise errors.failed('create in the repository',
                                    self._shown(name), exc) from exc
            finally:
                os.close(here)
        else:
            text = b'H %b lost=node\n' % manifest.quote(name)
        if path != entered:
            self._lines.append(self._here(b'c'))
        self._lines.append(text)
        self.files += 1
        self.progress.advance(1, st.st_size)
        return True


class _Replaced(Exception):
    """Another file has the name by now."""


def _is_stored(text):
    return b'node' not in manifest.parse(text[:-1]).lost


def _born(directory):
    """Owner and group that a file created in a directory gets."""
    fd = beneath.scratch(directory)
    st = os.fstat(fd)
    os.close(fd)
    return st.st_uid, st.st_gid
