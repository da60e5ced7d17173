# SPDX-License-Identifier: Apache-2.0
"""The third step of a restore: writing what differs.

New content gets a temporary name in its directory and is renamed over the
old, so that whoever looks, or a kill, finds the one or the other. The names
are random, and are among what a later run removes as not being in the backup.
A file where there is nothing yet is written under its own name at once: a part
of it, after a kill, is something that differs, for a later run to replace.
"""

import errno
import hashlib
import os

from manila_backup.drivers import base
from manila_backup.drivers.posix import attributes
from manila_backup.drivers.posix import beneath
from manila_backup.drivers.posix import check
from manila_backup.drivers.posix import compare
from manila_backup.drivers.posix import content
from manila_backup.drivers.posix import errors
from manila_backup.drivers.posix import manifest
from manila_backup.drivers.posix import nodes

_OCCUPIED = frozenset((errno.EISDIR, errno.ENOTEMPTY, errno.EEXIST))


class Writer:
    """Writes what the comparison found; one per process.

    :param data: int, descriptor of the backup's tree.
    :param root: int, of the share.
    :param spools: list of :class:`~.scan.Spool`, by number.
    :param fallen: :class:`~.alike.Fallen`, what is passed over.
    """

    def __init__(self, data, root, spools, fallen, progress):
        self._spools = spools
        self._fallen = fallen
        self._progress = progress
        self._stored = beneath.Descent(data)
        self._target = beneath.MakingDescent(root, replace=True)
        self._setter = attributes.Setter()
        self._problems = errors.Problems()
        self._prefix = b'.manila-backup-%b-' % os.urandom(8).hex().encode()
        self._made = 0
        self._written = 0
        self._path = self._fd = None
        self._inherits = self._fixed = False

    def __call__(self, inbox):
        os.umask(0)
        for number, offset, size in inbox:
            for path, flags, text, links in self._spools[number].get(offset,
                                                                     size):
                entry = manifest.parse(text)
                if self._fallen:
                    path, flags, entry, links = self._left(path, flags,
                                                           entry, links)
                    if entry is None:
                        continue
                try:
                    self._one(path, flags, entry, links)
                except OSError as exc:
                    self._failed(beneath.join(path, entry.name), links, exc)
        return {'written': self._written,
                'problems': self._problems.sentences,
                'count': self._problems.count}

    def _failed(self, path, links, exc):
        """Go on, if something is immutable; all that is not as it should
        be because of it is named."""
        said = errors.failed('restore in the share', path, exc)
        if not errors.is_fixed(exc):
            raise said from exc
        self._problems.add(str(said))
        for where, text in links:
            self._problems.add(str(errors.failed(
                'link in the share', beneath.join(
                    where, manifest.link_name(text)[0]), exc)))

    def _left(self, path, flags, entry, links):
        """What there is to do without the names that are passed over; None
        as entry if nothing is."""
        left = [(where, text) for where, text in links
                if not self._fallen.has(where, manifest.link_name(text)[0])]
        self._progress.advance(len(links) - len(left), 0)
        if not self._fallen.has(path, entry.name):
            return path, flags, entry, left
        self._progress.advance(1, 0)
        if not left:
            self._progress.advance(0, entry.size)
            return path, flags, None, left
        # The next name of it. What the share has there was not looked at.
        (path, text), *left = left
        return (path, flags | compare.CONTENT,
                entry._replace(name=manifest.link_name(text)[0]), left)

    def _enter(self, path):
        fd = self._target.enter(path)
        if path != self._path:
            self._path = path
            self._inherits = attributes.inherited(fd)
            self._fixed = attributes.is_fixed(fd)
        return fd

    def _enter_to_make(self, path):
        """The same where names are to come and go. In a directory that is
        append only they would only come."""
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
        if not flags & compare.CONTENT:
            st = check.look(self._enter(path), entry.name)
        if st is None or (flags & compare.LINKS
                          and self._is_shared(st, links)):
            counted = self._new(path, entry)
        elif flags & compare.ATTRIBUTES:
            self._adjust(path, entry, st)
        if links:
            self._link(path, entry, links)
        self._progress.advance(1 + len(links), entry.size - counted)

    def _is_shared(self, st, links):
        """Whether a file has names that the backup does not give it."""
        names = 1
        for path, text in links:
            there = check.look(self._enter(path),
                               manifest.link_name(text)[0])
            names += there is not None and os.path.samestat(st, there)
        return st.st_nlink != names

    def _new(self, path, entry):
        """Create an entry anew.

        :returns: int, bytes that were counted as progress already.
        """
        fd = self._enter_to_make(path)
        if entry.kind == b'F':
            name, lost, counted = self._file(fd, path, entry)
        else:
            name = self._temporary()
            lost = nodes.make(fd, entry, self._setter, name,
                              self._inherits)
            counted = 0
        if lost:
            self._problems.lost(beneath.join(path, entry.name), lost)
        if b'node' not in lost and name != entry.name:
            self._over(fd, name, entry.name)
        return counted

    def _over(self, fd, name, final):
        """Rename over whatever is there."""
        try:
            os.rename(name, final, src_dir_fd=fd, dst_dir_fd=fd)
        except OSError as exc:
            if exc.errno not in _OCCUPIED:
                self._drop(fd, name)
                raise
            try:
                beneath.remove(final, fd, self._progress.check)
                os.rename(name, final, src_dir_fd=fd, dst_dir_fd=fd)
            except OSError:
                self._drop(fd, name)
                raise

    def _drop(self, fd, name):
        try:
            os.unlink(name, dir_fd=fd)
        except OSError:
            pass    # the error that is on its way says more

    def _file(self, fd, path, entry):
        """A regular file, under a temporary name if there is something of
        its own: (name, lost, bytes counted)."""
        source = os.open(entry.name, nodes.READ,
                         dir_fd=self._stored.enter(path))
        try:
            name, target = self._create(fd, entry)
            try:
                counted = self._fill(source, target, path, entry)
                st = os.fstat(target)
                had = (attributes.read_xattrs(target) if self._inherits
                       else ())
                return name, self._setter.apply(target, entry, st,
                                                had=had), counted
            except BaseException:
                self._drop(fd, name)
                raise
            finally:
                os.close(target)
        finally:
            os.close(source)

    def _create(self, fd, entry):
        mode = entry.mode & 0o777 | 0o200
        try:
            return entry.name, os.open(entry.name, nodes.CREATE, mode,
                                       dir_fd=fd)
        except FileExistsError:
            name = self._temporary()
            return name, os.open(name, nodes.CREATE, mode, dir_fd=fd)

    def _fill(self, source, target, path, entry):
        counted = 0

        def tick(count):
            nonlocal counted
            counted += count
            self._progress.advance(0, count)

        try:
            if entry.size > content.SMALL:
                self._written += content.clone(source, target, entry.size,
                                               tick)
                return counted
            data = content.read_small(source, entry.size)
            if hashlib.sha256(data).hexdigest().encode() != entry.extra:
                raise content.Changed
        except content.Changed:
            raise base.DamagedBackup(
                'The backup was damaged while it was restored: '
                f'"{errors.printable(beneath.join(path, entry.name))}".'
            ) from None
        if content.holed(os.fstat(source)):
            content.write_like(source, target, data)
        elif data:
            content.write_all(target, data)
        self._written += len(data)
        return 0

    def _adjust(self, path, entry, st):
        """Only the attributes."""
        fd = self._enter(path)
        if entry.kind != b'F':
            special = attributes.special(fd, entry.name)
            lost = self._setter.apply(
                special, entry, st, follow=False,
                had=attributes.read_xattrs(special, follow=False))
        else:
            target = os.open(entry.name, nodes.READ, dir_fd=fd)
            try:
                lost = self._setter.apply(
                    target, entry, os.fstat(target),
                    had=attributes.read_xattrs(target))
            finally:
                os.close(target)
        if lost:
            self._problems.lost(beneath.join(path, entry.name), lost)

    def _link(self, path, entry, links):
        """Make all names of a group names of one file."""
        first = os.dup(self._enter(path))
        try:
            st = check.look(first, entry.name)
            if st is None:
                return      # a node that could not be made; it was said
            for where, text in links:
                name, _ = manifest.link_name(text)
                fd = self._enter(where)
                there = check.look(fd, name)
                if there is not None and os.path.samestat(st, there):
                    continue
                fd = self._enter_to_make(where)
                temporary = self._temporary()
                os.link(entry.name, temporary, src_dir_fd=first,
                        dst_dir_fd=fd, follow_symlinks=False)
                self._over(fd, temporary, name)
        finally:
            os.close(first)
