# SPDX-License-Identifier: Apache-2.0
"""Copying of the batches that a scan found, in a child process.

Files are written under their own names at once: the directory they are in is
not visible before it is published. Each file's line is appended to the
process's part of the manifest, which is the journal that a later attempt
reads if this one is killed.
"""

import errno
import hashlib
import os
import time

from manila_backup.copying import frozen_copy
from manila_backup.copying import journal
from manila_backup.copying import links
from manila_backup.copying import manifest
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
from manila_backup.fs import special_files

# Seconds before each further try of a file that changed while it was read.
_BACKOFF = (0.02, 0.06, 0.2)

_LONG_LINE = 1 << 16

# Bytes of a file from which on its earlier version is looked for.
_PATCHED_FROM = 4 << 20


class Storer(links.Linking):
    """Copies what batches say; one per process.

    :param source: int, descriptor of the share.
    :param aside: int, of one on the same filesystem that can be written to.
    :param directory: int, of the attempt's directory.
    :param born: (owner, group) that a file gets which is made in there.
    :param spool: the :class:`~.spools.Spool` that the batches are in.
    :param paths: :class:`~manila_backup.fs.numbered.Paths` of the directories
        in them.
    :param interrupted: list of :class:`~.resume.InterruptedAttempt`.
    :param parent: a :class:`~.parent.ParentBackup`, or None.
    :param surely: int, nanoseconds: a file whose ctime is later is read
        twice.
    :param cross: bool, whether what is mounted in the share is part of it.
    :param folds: bool, whether the repository takes some names for one
        another.
    """

    def __init__(self, source, aside, directory, born, spool, paths,
                 interrupted, parent, surely, progress, cross=False,
                 folds=False):
        self.aside = aside
        self.folds = folds
        self.spool = spool
        self.paths = paths
        self.parent = parent
        self.reusable = (*interrupted, parent) if parent else interrupted
        self.surely = surely
        self.progress = progress
        self.problems = reporting.Problems()
        self.files = self.bytes = self.stored = self.kept = 0
        self.unread = 0
        self._root = source
        self._late = []         # what is tried again in the end
        self._is_last = False   # this is the end
        self._blocked = None    # why the directory at hand can't be entered
        self.spans = []
        self._source = handles.Descent(source, cross)
        self._project = inode_flags.project(source)
        # Where flags may not have been noted.
        self._untold = not all(files.has_flags for files in self.reusable)
        data = os.open(journal.DATA, handles.DIRECTORY, dir_fd=directory)
        self._directory = data
        self._data = handles.MakingDescent(data)
        self._born = born
        self._setter = attributes.Setter(readable=True, noted=True)
        self._name, self._part, self._end = journal.begin(directory)
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
            self._batch(number, *self.spool.get(offset, size))
        # What would not hold still may do so by now.
        self._is_last = True
        late, self._late = self._late, []
        for number, kind, payload in late:
            self._batch(number, kind, payload)
        return {'part': self._name, 'spans': self.spans, 'files': self.files,
                'bytes': self.bytes, 'stored_bytes': self.stored,
                'kept': self.kept, 'unread': self.unread,
                'problems': self.problems.sentences,
                'count': self.problems.count,
                'missing': self.problems.missing,
                'notes': self.problems.notes,
                'are_cut': self.problems.are_cut}

    def _batch(self, number, kind, payload):
        try:
            if kind == 'tree':
                self._tree(number, payload)
            elif kind == 'unread':
                self._none_of(payload)
            else:
                self._links(number, payload)
            self._append(number)
        except OSError as exc:
            # Everything else that can be is caught where it happens.
            raise errors.failed('copy, in the directory,',
                                self._path or b'.', exc) from exc

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
                try:
                    self._file(file)
                except links.Unsettled:
                    self._late.append((number, 'tree',
                                       [(directory, [file], [])]))
                if len(self._lines[-1]) > _LONG_LINE:
                    # Attributes can be of many megabytes, of each file.
                    self._append(number)
                    self._lines.append(self._here())
            for name in others:
                try:
                    self._other(name)
                except links.Unsettled:
                    self._late.append((number, 'tree',
                                       [(directory, [], [name])]))

    def _none_of(self, payload):
        """Record entries that the scan could not stat."""
        for self._number, name, why in payload:
            self._lines.append(self._here())
            self._lines.append(manifest.unstored_line(name, why))
            self.progress.advance(1, 0)

    def _here(self, kind=b'd'):
        """The line before those of what is in the directory at hand."""
        return b'%b /%d\n' % (kind, self._number)

    def _enter_source(self, path, number):
        """None as descriptor if the directory is gone, or can't be
        entered."""
        self._path = path
        self._number = number
        self._sfd = self._blocked = None
        try:
            self._sfd = self._source.enter(path)
        except OSError as exc:
            if exc.errno in stable_read.GONE:
                return
            if not errnos.is_of_entry(exc, self._root):
                raise errors.failed('open in the share the directory', path,
                                    exc) from exc
            self._blocked = exc

    def _file(self, file):
        """A name that was a regular file when it was scanned."""
        name, _, size = file[:3]
        text = self._had(file)
        if text:
            self._lines.append(text)
            self.kept += 1
            self._done(size, reporting.LINKED)
            return text
        entry = None
        if self._sfd is not None:
            entry = self._copy(name)
        elif self._blocked:
            self._none(name, self._blocked)
        if entry is None:
            # It was counted, so that progress ends where it should.
            self.progress.advance(1, size, reporting.COPIED)
        return entry

    def _check(self, count):
        self.progress.check()

    def _done(self, size, calls=reporting.COPIED):
        self.files += 1
        self.bytes += size
        self.progress.advance(1, size, calls)

    def _had(self, file):
        """Take over a file that was stored before; its line, or None."""
        if self._untold and self._sfd is not None and inode_flags.has_any(
                self._sfd, file[0], self._project):
            return None
        for files in self.reusable:
            taken = files.take(self._path, file, self._dfd, self._setter,
                               self._names, self._check)
            if taken:
                return self._told(file[0], taken)
        return None

    def _told(self, name, taken):
        """The line of what :class:`~.reuse.StoredFiles` had, or None."""
        if not taken:
            return None
        text, lost = taken
        if lost:
            self.problems.lost(self._shown(name), lost, stored=True)
        return text

    def _copy(self, name):
        """Copy a regular file.

        :returns: bytes, its line; None if it is gone, there already, or
            can't be read.
        :raises links.Unsettled: it would not hold still.
        """
        for wait in (*_BACKOFF, None):
            try:
                text, counted, size = self._try(name, wait is None)
                self._lines.append(text)
                self.files += 1
                self.bytes += size
                self.progress.advance(1, max(size - counted, 0),
                                      reporting.COPIED)
                return text
            except stable_read.Gone:
                return None
            except _Twice:
                self._collided(name)
                return None
            except stable_read.Other:
                return self._other(name)
            except _Unreadable as exc:
                self._none(name, exc.args[0])
                return None
            except _TooMuch as exc:
                self._none(name, exc.args[0], manifest.TOO_MUCH)
                return None
            except content.Changed:
                if wait:
                    self.progress.check()
                    time.sleep(wait)
        if not self._is_last:
            raise links.Unsettled
        self._none(name)
        return None

    def _none(self, name, exc=None, why=manifest.UNREADABLE):
        """Note that nothing of an entry is stored.

        :param exc: the OSError; None if it would not hold still.
        """
        shown = f'"{errors.printable(self._shown(name))}"'
        if exc is None:
            why = manifest.CHANGING
            self.problems.add(f'{shown} was being written to all the time: '
                              'it is not in the backup.', missing=True)
        else:
            said = 'the repository can\'t hold it'
            if why == manifest.UNREADABLE:
                self.unread += 1
                said = 'it could not be read'
            self.problems.add(f'{shown} is not in the backup: {said} '
                              f'({errors.reason(exc)}).', missing=True)
        self._lines.append(manifest.unstored_line(name, why))

    def _collided(self, name):
        """Tell of a name that was there already, unless it is that one."""
        if self._is_another(name):
            self._none(name, OSError(errno.EEXIST, os.strerror(
                errno.EEXIST)), manifest.TOO_MUCH)

    def _is_another(self, name):
        """Tell whether an entry has another name than the one that it was
        found by: one that was created or renamed in the share meanwhile."""
        if not self.folds:
            return False
        with handles.entries(self._dfd) as entries:
            return all(os.fsencode(entry.name) != name for entry in entries)

    def _try(self, name, clone):
        """Copy a file once.

        :param clone: bool, whether to copy a clone of it if there can be
            one.
        :returns: (line, bytes counted as progress already, size).
        """
        source = self._open_source(name)
        cloned = None
        try:
            if self._inode is not None and (
                    os.fstat(source).st_ino != self._inode):
                raise links.Replaced
            if clone:
                cloned = frozen_copy.of(source, (self.aside, self._directory))
            return self._copy_once(source, name, cloned)
        finally:
            os.close(source)
            if cloned:
                os.close(cloned.fd)

    def _open_source(self, name):
        try:
            return stable_read.open_file(self._sfd, name)
        except OSError as exc:
            raise self._unreadable(name, exc) from exc

    def _unreadable(self, name, exc):
        """Return the exception for an entry that can't be read."""
        if exc.errno == errno.ESTALE and not errnos.is_broken(self._root):
            return content.Changed()    # replaced on its server
        if errnos.is_of_entry(exc, self._root):
            return _Unreadable(exc)
        return errors.failed('read from the share', self._shown(name), exc)

    def _is_gone(self, name, exc):
        """Tell whether an entry is gone; False if it can't be read."""
        if exc.errno in stable_read.GONE:
            return True
        said = self._unreadable(name, exc)
        if isinstance(said, content.Changed):
            return True
        if not isinstance(said, _Unreadable):
            raise said from exc
        return False

    def _shown(self, name):
        return handles.join(self._path, name)

    def _copy_once(self, source, name, cloned=None):
        """One try.

        :param cloned: a :class:`~.frozen_copy.Clone` to read instead, or None.
        :returns: (line, bytes counted as progress already, size).
        """
        counted = reporting.Counted(self.progress)
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
            text = (self.parent and not gone and not cloned
                    and self._same_content(source, name, st, more))
            if text:
                return text, 0, st.st_size
            # Of a clone, not its own: that one nobody else may open.
            target = self._create(name, cloned.attributes.mode if cloned
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
                text = self._finish(target, entry, gone)
            except BaseException:
                handles.unlink(name, self._dfd)
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
            raise self._unreadable(name, exc) from exc
        self.stored += written
        return text, counted.count, st.st_size

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
            if (self.parent and st.st_size >= _PATCHED_FROM
                    and self.parent.lend(self._path, name, target)):
                copied = self._patch(source, target, st, tick)
            digest, written = copied or content.copy(source, target, st, tick)
        if st.st_ctime_ns > self.surely:
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
            return _TooMuch(exc)
        return errors.failed(f'{doing} the repository', self._shown(name),
                             exc)

    def _same_content(self, source, name, st, more):
        """Store a file without its data if the parent backup has the same;
        its line, or None."""
        had = self.parent.like(self._path, name, st)
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
        return self._told(name, self.parent.share(
            self._path, had, dirent.of_stat(
                b'F', name, st, digest, xattrs, st.st_size),
            self._dfd, self._setter, self._names))

    def _create(self, name, mode):
        try:
            return os.open(name, handles.CREATE_AND_READ, mode & 0o777,
                           dir_fd=self._dfd)
        except FileExistsError:
            # A listing that named it twice; whoever made it says the rest.
            raise _Twice from None
        except OSError as exc:
            raise self._unwritable('create in', name, exc) from exc

    def _finish(self, target, entry, more):
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
                                self._shown(name), exc) from exc
        lost += more
        if lost:
            self.problems.lost(self._shown(name), lost, stored=True)
        return dirent.line(entry, lost)

    def _other(self, name):
        """Anything that is not a regular file.

        :returns: bytes, its line; None if it is gone, there already, or
            can't be read.
        :raises links.Unsettled: it is a file that would not hold still.
        """
        text = None
        if self._sfd is not None:
            try:
                entry = special_files.read(self._sfd, name)
            except OSError as exc:
                entry = None
                if not self._is_gone(name, exc):
                    self._none(name, exc)
            else:
                if entry is None:
                    self._none(name, OSError(errno.EISDIR,
                                             os.strerror(errno.EISDIR)))
            if entry and self._inode not in (None, entry.inode):
                raise links.Replaced
            if entry is not None and entry.kind == b'F':
                text = self._copy(name)
                if text:
                    return text
            elif entry is not None:
                text = self._make(entry)
        elif self._blocked:
            self._none(name, self._blocked)
        if text is None:
            self.progress.advance(1, 0)
        return text

    def _make(self, entry):
        shown = self._shown(entry.name)
        try:
            lost = special_files.make(self._dfd, entry, self._setter)
        except FileExistsError:
            self._collided(entry.name)
            self.progress.advance(0, entry.size)
            return None
        except OSError as exc:
            raise errors.failed('create in the repository', shown,
                                exc) from exc
        if lost:
            self.problems.lost(shown, lost, stored=True)
        text = dirent.line(entry, lost)
        self._lines.append(text)
        self._done(entry.size)
        return text


class _Twice(Exception):
    """The name is stored already."""


class _Unreadable(Exception):
    """The OSError that it has is of the one entry in the share."""


class _TooMuch(Exception):
    """The OSError that it has is of the one entry in the repository."""
