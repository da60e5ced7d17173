# SPDX-License-Identifier: Apache-2.0
"""Copying of the batches that a scan found, in a child process.

Files are written under their own names at once: the directory they are in is
not visible before it is published. Each file's line is appended to the
process's part of the manifest, which is the journal that a later attempt
reads if this one is killed.
"""

import errno
import os
import time

from manila_backup.copying import frozen_copy
from manila_backup.copying import journal
from manila_backup.copying import links
from manila_backup.copying import manifest
from manila_backup.copying import regular_files
from manila_backup.copying import reporting
from manila_backup.copying import stable_read
from manila_backup.fs import attributes
from manila_backup.fs import content
from manila_backup.fs import dirent
from manila_backup.fs import errnos
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import special_files

# Seconds before each further try of a file that changed while it was read.
_BACKOFF = (0.02, 0.06, 0.2)

_LONG_LINE = 1 << 16


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

    #: What stores regular files.
    regular = regular_files.RegularFiles

    #: As for :class:`~manila_backup.fs.attributes.Setter`.
    noted = True

    def __init__(self, source, aside, directory, born, spool, paths,
                 interrupted, parent, surely, progress, cross=False,
                 folds=False):
        self.aside = aside
        self.folds = folds
        self.spool = spool
        self.paths = paths
        self.progress = progress
        self.problems = reporting.Problems()
        self.files = self.bytes = self.kept = 0
        self.unread = 0
        self._root = source
        self._late = []         # what is tried again in the end
        self._is_last = False   # this is the end
        self._blocked = None    # why the directory at hand can't be entered
        self.spans = []
        self._source = handles.Descent(source, cross)
        data = os.open(journal.DATA, handles.DIRECTORY, dir_fd=directory)
        self._directory = data
        self._data = handles.MakingDescent(data)
        self._setter = attributes.Setter(readable=True, noted=self.noted)
        self._at = regular_files.Location()
        self._regular = self.regular(
            self._at, source, self._setter, born, interrupted, parent, surely,
            progress, self.problems)
        self._name, self._part, self._end = journal.begin(directory)
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
                'bytes': self.bytes, 'stored_bytes': self._regular.stored,
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
                                self._at.path or b'.', exc) from exc

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
                self._at.target = self._data.enter(path)
            except OSError as exc:
                raise errors.failed('make in the repository the directory',
                                    path, exc) from exc
            if not files and not others:
                continue
            self._enter_source(path, directory)
            self._lines.append(self._heading())
            for file in files:
                try:
                    self._file(file)
                except links.Unsettled:
                    self._late.append((number, 'tree',
                                       [(directory, [file], [])]))
                if len(self._lines[-1]) > _LONG_LINE:
                    # Attributes can be of many megabytes, of each file.
                    self._append(number)
                    self._lines.append(self._heading())
            for name in others:
                try:
                    self._other(name)
                except links.Unsettled:
                    self._late.append((number, 'tree',
                                       [(directory, [], [name])]))

    def _none_of(self, payload):
        """Record entries that the scan could not stat."""
        for self._at.number, name, why in payload:
            self._lines.append(self._heading())
            self._lines.append(manifest.unstored_line(name, why))
            self.progress.advance(1, 0)

    def _heading(self, kind=b'd'):
        """The line before those of what is in the directory at hand."""
        return b'%b /%d\n' % (kind, self._at.number)

    def _enter_source(self, path, number):
        """None as descriptor if the directory is gone, or can't be
        entered."""
        self._at.path, self._at.number = path, number
        self._at.source = self._blocked = None
        try:
            self._at.source = self._source.enter(path)
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
        text = self._regular.reuse(file)
        if text:
            self._lines.append(text)
            self.kept += 1
            self._done(size, reporting.LINKED)
            return text
        entry = None
        if self._at.source is not None:
            entry = self._copy(name)
        elif self._blocked:
            self._none(name, self._blocked)
        if entry is None:
            # It was counted, so that progress ends where it should.
            self.progress.advance(1, size, reporting.COPIED)
        return entry

    def _done(self, size, calls=reporting.COPIED):
        self.files += 1
        self.bytes += size
        self.progress.advance(1, size, calls)

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
            except regular_files.Twice:
                self._collided(name)
                return None
            except stable_read.Other:
                return self._other(name)
            except regular_files.Unreadable as exc:
                self._none(name, exc.args[0])
                return None
            except regular_files.TooMuch as exc:
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
        shown = f'"{errors.printable(self._at.path_of(name))}"'
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
        with handles.entries(self._at.target) as entries:
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
            return self._regular.store(source, name, cloned)
        finally:
            os.close(source)
            if cloned:
                os.close(cloned.fd)

    def _open_source(self, name):
        try:
            return stable_read.open_file(self._at.source, name)
        except OSError as exc:
            raise self._regular.unreadable(name, exc) from exc

    def _is_gone(self, name, exc):
        """Tell whether an entry is gone; False if it can't be read."""
        if exc.errno in stable_read.GONE:
            return True
        said = self._regular.unreadable(name, exc)
        if isinstance(said, content.Changed):
            return True
        if not isinstance(said, regular_files.Unreadable):
            raise said from exc
        return False

    def _other(self, name):
        """Anything that is not a regular file.

        :returns: bytes, its line; None if it is gone, there already, or
            can't be read.
        :raises links.Unsettled: it is a file that would not hold still.
        """
        text = None
        if self._at.source is not None:
            try:
                entry = special_files.read(self._at.source, name)
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
        shown = self._at.path_of(entry.name)
        try:
            lost = special_files.make(self._at.target, entry, self._setter)
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
