# SPDX-License-Identifier: Apache-2.0
"""Regular files, as a copying process stores them: each in one try.

A :class:`Location` says in which directories it works; :mod:`.store` decides
which files, and what becomes of those that can't be stored or would not hold
still.
"""

import dataclasses
import errno
import hashlib
import os

from manila_backup.copying import reporting
from manila_backup.copying import stable_read
from manila_backup.fs import attributes
from manila_backup.fs import content
from manila_backup.fs import dirent
from manila_backup.fs import errnos
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import inode_flags
from manila_backup.fs import rewrite

# Bytes of a file from which on its earlier version is looked for.
_PATCHED_FROM = 4 << 20


@dataclasses.dataclass(slots=True)
class Location:
    """The directory at hand, on both sides.

    :ivar path: bytes, of the directory.
    :ivar number: int, of the directory.
    :ivar source: int, its descriptor in the share; None if it is gone or
        can't be entered.
    :ivar target: int, its descriptor in the repository.
    :ivar names: int, how many names the file at hand has.
    """

    path: bytes | None = None
    number: int | None = None
    source: int | None = None
    target: int | None = None
    names: int = 1

    def path_of(self, name):
        """Return the path of an entry, as bytes."""
        return handles.join(self.path, name)


class RegularFiles:
    """Stores regular files of the directory at hand.

    :param location: a :class:`Location`, which its owner changes.
    :param root: int, descriptor of the share.
    :param setter: an :class:`~manila_backup.fs.attributes.Setter`.
    :param born: (owner, group) that a file gets which is made in the
        repository.
    :param interrupted: list of :class:`~.resume.InterruptedAttempt`.
    :param parent: a :class:`~.parent.ParentBackup`, or None.
    :param surely: int, nanoseconds: a file whose ctime is later is read
        twice.
    :param progress: what is told of the work.
    :param problems: :class:`~.reporting.Problems`.
    :ivar stored: int, bytes written.
    """

    def __init__(self, location, root, setter, born, interrupted, parent,
                 surely, progress, problems):
        self.stored = 0
        self._at = location
        self._root = root
        self._setter = setter
        self._born = born
        self._reusable = (*interrupted, parent) if parent else interrupted
        # Where flags may not have been noted.
        self._untold = not all(files.has_flags for files in self._reusable)
        self._parent = parent
        self._surely = surely
        self._progress = progress
        self._problems = problems
        self._project = inode_flags.project(root)

    def reuse(self, file):
        """Take over a file that was stored before; its line, or None.

        :param file: as for :meth:`.StoredFiles.take`.
        """
        if (self._untold and self._at.source is not None
                and inode_flags.has_any(self._at.source, file[0],
                                        self._project)):
            return None
        for files in self._reusable:
            taken = files.take(self._at.path, file, self._at.target,
                               self._setter, self._at.names, self._check)
            if taken:
                return self._line(file[0], taken)
        return None

    def store(self, source, name, cloned=None):
        """Store a file, in one try.

        :param source: int, its descriptor.
        :param cloned: a :class:`~.frozen_copy.Clone` to read instead, or None.
        :returns: (line, bytes counted as progress already, size).
        """
        counted = reporting.Counted(self._progress)
        try:
            fixed, more = inode_flags.read(source, self._project)
            if cloned:
                source, origin = cloned.fd, source
            else:
                origin = source
            st = stable_read.settle(source)
            # Of the file itself: a clone has no more than its content.
            gone = [b'flags'] * fixed + [b'x:*room'] * inode_flags.has_room(
                origin, os.fstat(origin))
            text = (self._parent and not gone and not cloned
                    and self._same_content(source, name, st, more))
            if text:
                return text, 0, st.st_size
            # Of a clone, not its own: that one nobody else may open.
            target = self.create(name, cloned.attributes.mode if cloned
                                 else st.st_mode)
            try:
                digest, written = self._content(source, target, name, st,
                                                counted)
                xattrs = (cloned.attributes.xattrs if cloned
                          else attributes.read_xattrs(source))
                entry = dirent.of_stat(
                    b'F', name, st, digest, tuple(sorted(more + xattrs)),
                    st.st_size)
                # After the attributes too, since they are part of it.
                stable_read.check(source, st, digest, self._check)
                if cloned:
                    entry = cloned.attributes._replace(
                        name=name, size=st.st_size, extra=digest,
                        xattrs=entry.xattrs)
                text = self.finish(target, entry, gone)
            except BaseException:
                handles.unlink(name, self._at.target)
                raise
            finally:
                os.close(target)
        except content.Changed:
            counted.take_back()
            raise
        except content.WriteFailed as exc:
            counted.take_back()
            raise self._unwritable('write to', name, exc) from exc
        except OSError as exc:
            counted.take_back()
            raise self.unreadable(name, exc) from exc
        self.stored += written
        return text, counted.count, st.st_size

    def _line(self, name, taken):
        """The line of what :class:`~.reuse.StoredFiles` had, or None."""
        if not taken:
            return None
        text, lost = taken
        if lost:
            self._problems.lost(self._at.path_of(name), lost, stored=True)
        return text

    def unreadable(self, name, exc):
        """Return the exception for an entry that can't be read."""
        if exc.errno == errno.ESTALE and not errnos.is_broken(self._root):
            return content.Changed()    # replaced on its server
        if errnos.is_of_entry(exc, self._root):
            return Unreadable(exc)
        return errors.failed('read from the share', self._at.path_of(name),
                             exc)

    def _check(self, count):
        self._progress.check()

    def _content(self, source, target, name, st, tick):
        """Copy the content; (digest, bytes written)."""
        copied = None
        if st.st_size <= content.SMALL:
            data = content.read_small(source, st.st_size)
            digest = hashlib.sha256(data).hexdigest().encode()
            if content.holed(st):
                content.write_like(source, target, data)
            elif data:
                content.write_all(target, data)
            written = len(data)
        else:
            if (self._parent and st.st_size >= _PATCHED_FROM
                    and self._parent.lend(self._at.path, name, target)):
                copied = self._patch(source, target, st, tick)
            digest, written = copied or content.copy(source, target, st, tick)
        if st.st_ctime_ns > self._surely:
            stable_read.again(source, st, digest, self._check)
        return digest, written

    def _patch(self, source, target, st, tick):
        """Write what differs from an earlier version of a file.

        :param target: int, a file that begins as a clone of that.
        :returns: (digest, bytes written); None if it has to be copied, after
            all, to the file that is empty then.
        """
        counted = 0

        def count(size):
            nonlocal counted
            counted += size
            tick(size)

        try:
            written = rewrite.apply(source, target, st.st_size, count)
            # Of what is stored now, read once more: nothing else tells that
            # what was taken over is what the share has.
            os.lseek(target, 0, os.SEEK_SET)
            return content.digest_like_copy(target, st, self._check), written
        except content.WriteFailed:
            raise
        except OSError:
            # Of which of the two, nobody knows: the earlier version may be
            # damaged.
            tick(-counted)
            content.truncate(target, 0)
            for fd in source, target:
                os.lseek(fd, 0, os.SEEK_SET)
            return None

    def _unwritable(self, doing, name, exc):
        """Return the exception for an entry that can't be written to the
        repository.
        """
        if errnos.can_not_hold(exc):
            return TooMuch(exc)
        return errors.failed(f'{doing} the repository', self._at.path_of(name),
                             exc)

    def _same_content(self, source, name, st, more):
        """Store a file without its data if the parent backup has the same;
        its line, or None."""
        had = self._parent.like(self._at.path, name, st)
        if had is None:
            return None
        digest = content.digest(source, st.st_size, had.extra, self._check)
        xattrs = tuple(sorted(more + attributes.read_xattrs(source)))
        # Removed or not: what was read is what the digest is of.
        if not content.may_be_same(os.fstat(source), st):
            raise content.Changed
        os.lseek(source, 0, os.SEEK_SET)
        if digest != had.extra:
            return None
        return self._line(name, self._parent.share(
            self._at.path, had, dirent.of_stat(
                b'F', name, st, digest, xattrs, st.st_size),
            self._at.target, self._setter, self._at.names))

    def create(self, name, mode):
        try:
            return os.open(name, handles.CREATE_AND_READ, mode & 0o777,
                           dir_fd=self._at.target)
        except FileExistsError:
            # A listing that named it twice; whoever made it says the rest.
            raise Twice from None
        except OSError as exc:
            raise self._unwritable('create in', name, exc) from exc

    def finish(self, target, entry, more):
        """Set the attributes of a file just written; its line.

        :param more: list of bytes, what else is ``lost=``.
        """
        name = entry.name
        try:
            if (entry.xattrs or entry.mode & ~0o777
                    or self._born != (entry.uid, entry.gid)
                    or self._setter.readable and not entry.mode & 0o400):
                lost = self._setter.apply(target, entry, os.fstat(target))
            elif self._setter.set_time(target, entry.mtime):
                lost = []
            else:
                lost = [b'time']
        except OSError as exc:
            raise errors.failed('set in the repository the attributes of',
                                self._at.path_of(name), exc) from exc
        lost += more
        if lost:
            self._problems.lost(self._at.path_of(name), lost, stored=True)
        return dirent.line(entry, lost)


class Twice(Exception):
    """The name is stored already."""


class Unreadable(Exception):
    """The OSError that it has is of the one entry in the share."""


class TooMuch(Exception):
    """The OSError that it has is of the one entry in the repository."""
