# SPDX-License-Identifier: Apache-2.0
"""The third step of a restore: writing what differs.

New content gets a temporary name in its directory and is renamed over the
old, so that whoever looks, or a kill, finds the one or the other. The names
are random, and are among what a later run removes as not being in the backup.
A file where there is nothing yet is written under its own name at once: a part
of it, after a kill, is something that differs, for a later run to replace.

Where there is no room for both, what differs is written into a clone of the
old file, or into the old file itself, or the old file is removed first; in
this order. After a kill, what was not done yet differs, too. What has no room
at all is left for when everything else is done.

Content that was not read before is verified while it is written. What is
damaged is told, and everything else is done.
"""

import errno
import os
import stat

from manila_backup.copying import manifest
from manila_backup.copying import reporting
from manila_backup.copying import restore_plan
from manila_backup.copying import room
from manila_backup.copying import stored_content
from manila_backup import exception
from manila_backup.fs import attributes
from manila_backup.fs import dirent
from manila_backup.fs import errnos
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import inode_flags
from manila_backup.fs import removal
from manila_backup.fs import special_files

_UPDATE = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_BATCH = 128

_OCCUPIED = frozenset((errno.EISDIR, errno.ENOTEMPTY, errno.EEXIST))


class Writer:
    """Writes what the comparison found; one per process.

    :param found: the :class:`~.manifest.Manifest`.
    :param data: int, descriptor of the backup's tree.
    :param root: int, of the share.
    :param spools: list of :class:`~.spools.Spool`, by number.
    :param number: int, of the one that is this process's own.
    :param fallen: :class:`~.name_keys.Fallen`, what is passed over.
    """

    def __init__(self, found, data, root, spools, number, ignore, fallen,
                 progress, cross=False):
        self._found = found
        self._root = root
        self._ignore = ignore
        self._spools = spools
        self._number = number
        self._fallen = fallen
        self._pending = {}      # of a block: flags by place in it
        self._at = None         # the entry at hand: block, place, flags
        self._later = []
        self._short = self._damaged = (0, None)
        self._unverified = False    # of the entry at hand
        self._progress = progress
        self._content = stored_content.StoredContent(data, progress)
        self._target = handles.MakingDescent(root, replace=True, cross=cross)
        self._setter = attributes.Setter()
        self._problems = reporting.Problems()
        self._prefix = b'.manila-backup-%b-' % os.urandom(8).hex().encode()
        self._made = 0
        self._path = self._fd = None
        self._inherits = self._fixed = False

    def __call__(self, inbox):
        """Work until there is nothing more.

        :returns: dict of ``written`` (bytes), ``problems`` and ``count``;
            ``later`` is what there was no room for, as batches, and
            ``short`` the number of those entries and a sentence about one;
            ``damaged`` is the same of those that the backup has not kept.
        """
        os.umask(0)
        self._spools[self._number].resume()
        for number, offset, size in inbox:
            for path, flags, text, links in self._todo(
                    *self._spools[number].get(offset, size)):
                entry = dirent.parse(text)
                if self._fallen:
                    path, flags, entry, links = self._left(path, flags,
                                                           entry, links)
                    if entry is None:
                        continue
                try:
                    self._one(path, flags, entry, links)
                except exception.DamagedBackup as exc:
                    count, sentence = self._damaged
                    self._damaged = count + 1, sentence or str(exc)
                except OSError as exc:
                    if errors.is_full(exc):
                        self._postpone(path, entry.name, exc)
                        continue
                    self._failed('restore', path, entry.name, exc, flags & (
                        restore_plan.CONTENT | restore_plan.LINKS))
                    for where, line in links:
                        self._failed('link', where,
                                     manifest.link_name(line)[0], exc, True)
        self._flush()
        return {'written': self._content.written, 'later': self._later,
                'short': self._short, 'damaged': self._damaged,
                'problems': self._problems.said()}

    def _postpone(self, path, name, exc):
        """Have the entry at hand written when the rest is done."""
        count, sentence = self._short
        self._short = count + 1, sentence or str(errors.failed(
            'restore in the share', handles.join(path, name), exc))
        block, place, flags = self._at
        # It may have a part of its content by now.
        self._pending.setdefault(block, {})[place] = (
            flags | restore_plan.CONTENT | restore_plan.AGAIN)
        if len(self._pending) >= _BATCH:
            self._flush()

    def _flush(self):
        for block, flags in self._pending.items():
            self._later.append((self._number, *self._spools[
                self._number].put((*block, flags))))
        self._pending = {}

    def _todo(self, offset, size, flags):
        """List the work in a block: (path, flags, line, links)."""
        for place, (path, text, links) in enumerate(
                self._found.groups((offset, size))):
            if place in flags:
                self._at = (offset, size), place, flags[place]
                yield (path, flags[place], text,
                       restore_plan.wanted(links, self._ignore))

    def _failed(self, doing, path, name, exc, missing):
        """Go on, if it is of the one entry; all that is not as it should be
        because of it is named.

        :param missing: whether there is something else now, or nothing.
        """
        said = f'Could not {doing} in the share'
        shown = f'"{errors.printable(handles.join(path, name))}"'
        way = getattr(exc, 'path', None)
        if way not in (None, handles.join(path, name)):
            # Not itself, but a directory on the way there.
            shown += f', because of "{errors.printable(way)}"'
        said = f'{said} {shown}: {errors.reason(exc)}.'
        if not errnos.is_of_entry(exc, self._root):
            raise exception.StorageFailed(
                said, retryable=errnos.is_passing(exc),
                code=errors.code(exc)) from exc
        self._problems.add(said, missing and not errors.is_fixed(exc))

    def _left(self, path, flags, entry, links):
        """Return the work without the names that are skipped; None as entry if
        nothing is left."""
        left = [(where, text) for where, text in links
                if not self._fallen.has(where, manifest.link_name(text)[0])]
        # What is tried again was counted the first time.
        counts = not flags & restore_plan.AGAIN
        self._progress.advance(counts * (len(links) - len(left)), 0)
        if not self._fallen.has(path, entry.name):
            return path, flags, entry, left
        self._progress.advance(int(counts), 0)
        if not left:
            self._progress.advance(0, entry.size)
            return path, flags, None, left
        # The next name of it. What the share has there was not looked at.
        (path, text), *left = left
        return (path, flags | restore_plan.CONTENT,
                entry._replace(name=manifest.link_name(text)[0]), left)

    def _enter(self, path):
        fd = self._target.enter(path)
        if path != self._path:
            self._path = path
            self._inherits = attributes.inherited(fd)
            self._fixed = attributes.is_fixed(fd)
        return fd

    def _enter_to_make(self, path):
        """Enter a directory in which names are to be created and removed. One
        that is append only is refused: names could only be created there."""
        fd = self._enter(path)
        if self._fixed:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        return fd

    def _temporary(self):
        self._made += 1
        return b'%b%d' % (self._prefix, self._made)

    def _one(self, path, flags, entry, links):
        counted = 0
        st = None
        self._unverified = bool(flags & restore_plan.UNVERIFIED)
        if not flags & restore_plan.CONTENT:
            st = handles.look(self._enter(path), entry.name)
        if st is None or (flags & restore_plan.LINKS
                          and self._is_shared(st, links)):
            counted = self._new(path, entry, links)
        elif flags & restore_plan.LAYOUT:
            self._lay_out(path, entry)
        elif flags & restore_plan.ATTRIBUTES:
            self._adjust(path, entry, st)
        if links:
            self._link(path, entry, links)
        # What is read only now counts for the first step as well.
        size = entry.size << self._unverified
        self._progress.advance(1 + len(links), size - counted,
                               reporting.COPIED * (1 + len(links)))

    def _is_shared(self, st, links):
        """Tell whether a file has names that the backup does not give it."""
        names = 1
        for path, text in links:
            there = handles.look(self._enter(path),
                                 manifest.link_name(text)[0])
            names += there is not None and os.path.samestat(st, there)
        return st.st_nlink != names

    def _new(self, path, entry, links):
        """Create an entry anew.

        :returns: int, bytes that were counted as progress already.
        """
        fd = self._enter_to_make(path)
        if entry.kind == b'F':
            name, lost, counted = self._file(fd, path, entry, links)
        else:
            name, lost = self._node(fd, entry)
            counted = 0
        if b'node' in lost:
            self._problems.unmade(handles.join(path, entry.name),
                                  entry.kind == b'L')
            return counted
        if lost:
            self._problems.lost(handles.join(path, entry.name), lost)
        if name != entry.name:
            # Others may have been entered since.
            self._over(self._enter_to_make(path), name, entry.name)
        return counted

    def _node(self, fd, entry):
        """Anything but a regular file: (name, lost)."""
        name = self._temporary()
        try:
            return name, special_files.make(fd, entry, self._setter, name,
                                            self._inherits)
        except OSError as exc:
            self._drop(fd, name)
            if not errors.is_full(exc):
                raise
        # Not even for that. What has its name would go anyway.
        removal.remove(entry.name, fd, self._progress.check,
                       above=self._path)
        return entry.name, special_files.make(fd, entry, self._setter,
                                              inherits=self._inherits)

    def _over(self, fd, name, final):
        """Rename over whatever is there."""
        try:
            os.rename(name, final, src_dir_fd=fd, dst_dir_fd=fd)
        except OSError as exc:
            if exc.errno not in _OCCUPIED:
                self._drop(fd, name)
                raise
            try:
                removal.remove(final, fd, self._progress.check,
                               above=self._path)
                os.rename(name, final, src_dir_fd=fd, dst_dir_fd=fd)
            except OSError:
                self._drop(fd, name)
                raise

    def _drop(self, fd, name):
        try:
            os.unlink(name, dir_fd=fd)
        except OSError:
            pass    # the error that is on its way says more

    def _file(self, fd, path, entry, links):
        """A regular file, under a temporary name if there is something of
        its own: (name, lost, bytes counted)."""
        source = self._content.open(path, entry)
        try:
            try:
                return self._whole(fd, path, entry, source)
            except OSError as exc:
                if not errors.is_full(exc):
                    raise
                old = handles.look(fd, entry.name)
                if old is None or not stat.S_ISREG(old.st_mode):
                    raise
            if self._unverified:
                # What follows leaves nothing of the old one.
                self._content.verify(source, path, entry)
            return (self._cloned(fd, path, entry, source)
                    or self._in_place(fd, path, entry, source, links)
                    or self._instead(fd, path, entry, source))
        finally:
            os.close(source)

    def _whole(self, fd, path, entry, source):
        """All of it into a new file."""
        name, target = self._create(fd, entry)
        if entry.xattrs:
            inode_flags.prepare(target, entry.xattrs)
        return self._complete(
            fd, name, target, path, entry,
            self._content.fill_verified if self._unverified
            else self._content.fill, source)

    def _complete(self, fd, name, target, path, entry, fill, source):
        """Fill a file that was made, and close it; it is removed if that
        fails.

        :param fill: called with source, target, path and entry.
        :returns: (name, lost, bytes counted).
        """
        try:
            try:
                # Before it is filled: over a network, nobody needs to be
                # asked for it then.
                made = os.fstat(target)
                counted = fill(source, target, path, entry)
                had = (attributes.read_like(target, entry)
                       if self._inherits else ())
                lost = self._setter.apply(target, entry, made, had=had)
            finally:
                # Of some file systems, this is where room is missing.
                os.close(target)
        except BaseException:
            self._drop(fd, name)
            raise
        return name, lost, counted

    def _cloned(self, fd, path, entry, source):
        """Write the differences into a clone of the present file; None if that
        is impossible."""
        name = self._temporary()
        target = room.clone_of(fd, entry.name, fd, name)
        if target is None:
            return None
        try:
            return self._complete(fd, name, target, path, entry,
                                  self._content.patch, source)
        except OSError as exc:
            if errors.is_full(exc):
                return None
            raise

    def _in_place(self, fd, path, entry, source, links):
        """Write the differences into the present file, if it has no other
        user; None if that is impossible."""
        target = room.for_changes(fd, entry.name, entry, source,
                                  lambda st: self._is_shared(st, links))
        if target is None:
            return None
        try:
            counted = self._content.patch(source, target, path, entry)
            return entry.name, self._setter.apply(
                target, entry, os.fstat(target),
                had=attributes.read_like(target, entry)), counted
        finally:
            os.close(target)

    def _instead(self, fd, path, entry, source):
        """All of it, once what is there is removed."""
        fd = self._enter_to_make(path)
        room.free(fd, entry.name, source)
        return self._whole(fd, path, entry, source)

    def _create(self, fd, entry):
        mode = entry.mode & 0o777 | 0o200
        try:
            return entry.name, os.open(entry.name, handles.CREATE, mode,
                                       dir_fd=fd)
        except FileExistsError:
            name = self._temporary()
            return name, os.open(name, handles.CREATE, mode, dir_fd=fd)

    def _lay_out(self, path, entry):
        """Make and fill holes in a file whose content is as it should be;
        and its attributes."""
        source = self._content.open(path, entry)
        try:
            target = os.open(entry.name, _UPDATE,
                             dir_fd=self._enter_to_make(path))
        except OSError as exc:
            os.close(source)
            if exc.errno != errno.ETXTBSY:
                raise
            self._problems.lost(handles.join(path, entry.name), [b'layout'])
            self._adjust(path, entry, None)
            return
        try:
            if not stat.S_ISREG(os.fstat(target).st_mode):
                raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
            lost = []
            try:
                self._progress.advance(0, -self._content.patch(
                    source, target, path, entry))
            except OSError as exc:
                if not errors.is_full(exc):
                    raise
                lost.append(b'layout')      # nothing else is missing
            lost += self._setter.apply(
                target, entry, os.fstat(target),
                had=attributes.read_like(target, entry))
        finally:
            os.close(source)
            os.close(target)
        if lost:
            self._problems.lost(handles.join(path, entry.name), lost)

    def _adjust(self, path, entry, st):
        """Only the attributes."""
        fd = self._enter(path)
        if entry.kind != b'F':
            special = attributes.special(fd, entry.name)
            lost = self._setter.apply(
                special, entry, st, follow=False,
                had=attributes.read_xattrs(special, follow=False))
        else:
            target = os.open(entry.name, handles.READ, dir_fd=fd)
            try:
                attributes.check_free(target)
                lost = self._setter.apply(
                    target, entry, os.fstat(target),
                    had=attributes.read_like(target, entry))
            finally:
                os.close(target)
        if lost:
            self._problems.lost(handles.join(path, entry.name), lost)

    def _link(self, path, entry, links):
        """Make all names of a group names of one file."""
        origin = handles.join(path, entry.name)
        parted = False
        first = self._enter(path)
        st = handles.look(first, entry.name)
        if st is None:
            return      # a node that could not be made; it was said
        for where, text in links:
            name, _ = manifest.link_name(text)
            fd = self._enter(where)
            there = handles.look(fd, name)
            if there is None or not os.path.samestat(st, there):
                try:
                    self._join(first, entry.name, where, name)
                except OSError as exc:
                    if exc.errno != errno.EMLINK:
                        if errors.is_full(exc):
                            raise
                        self._failed('link', where, name, exc, True)
                        continue
                    # As many as there can be: another one begins.
                    parted = True
                    entry = entry._replace(name=name)
                    self._progress.advance(0, -self._new(where, entry,
                                                         ()))
                    first = self._enter(where)
                    st = handles.look(first, name)
                    if st is None:
                        return
            if parted:
                self._problems.add(reporting.parted(
                    handles.join(where, name), origin, 'share'))

    def _join(self, first, name, where, other):
        """Make another name of a file."""
        fd = self._enter_to_make(where)
        temporary = self._temporary()
        os.link(name, temporary, src_dir_fd=first, dst_dir_fd=fd,
                follow_symlinks=False)
        self._over(fd, temporary, other)
