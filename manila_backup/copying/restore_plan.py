# SPDX-License-Identifier: Apache-2.0
"""The first step of a restore: what differs, and can it be had?"""

import errno
import hashlib
import os
import stat

from manila_backup.copying import examine
from manila_backup.copying import manifest
from manila_backup.copying import reporting
from manila_backup import exception
from manila_backup.fs import attributes
from manila_backup.fs import content
from manila_backup.fs import difference
from manila_backup.fs import dirent
from manila_backup.fs import errnos
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import look_ahead
from manila_backup.fs import rewrite

#: What differs; LAYOUT is which part of equal content is in holes.
CONTENT, ATTRIBUTES, LINKS, LAYOUT = 1, 2, 4, 8

#: Of what was tried before.
AGAIN = 16

#: That the backup has the right content is not known yet.
UNVERIFIED = 32

_NO_NAMES = frozenset((b'', b'.', b'..'))

# Fields of a file after its mtime: ctime, inode, size and digest.
_REST = 4


def ignored(path, ignore):
    """Tell whether a path begins with a name that restores leave alone."""
    return bool(ignore) and path.split(b'/', 1)[0] in ignore


def is_ignored(path, name, ignore):
    """Tell whether restores leave an entry alone.

    :param path: bytes, of the directory that it is in.
    """
    return name in ignore if path == handles.ROOT else ignored(path, ignore)


def wanted(links, ignore):
    """Filter :class:`~.manifest.Links`: without those that are left alone."""
    if not links or not ignore:
        return links
    return links.only(lambda path, line: not is_ignored(
        path, manifest.link_name(line)[0], ignore))


class Comparer:
    """Looks at both sides of every entry; one per process.

    What has to be done is put into a spool: of each block of the manifest
    with something to be done, where it stands, and a dict of the flags of
    those of its groups, by their places in it, that are not equal.

    :param found: the :class:`~.manifest.Manifest`.
    :param data: int, descriptor of the backup's tree.
    :param root: int, of the share.
    :param cross: bool, whether what is mounted in the share is part of it.
    :param mounts: paths where something is mounted in it, as bytes.
    :param verifies: bool, whether to read what will be needed of the backup.
    """

    def __init__(self, found, data, root, spool, ignore, progress,
                 cross=False, mounts=(), verifies=True):
        self._found = found
        self._spool = spool
        self._ignore = ignore
        self._progress = progress
        self._examiner = examine.Examiner(data, self._tick)
        self._root = root
        self._target = handles.Descent(root, cross)
        self._missing = self._mounted = None
        self._mounts = frozenset(() if cross else mounts)
        self._left = 0
        self._looker, self._stored_looker = (look_ahead.Looker()
                                             for _ in range(2))
        self._verifies = verifies
        self._problems = reporting.Problems()

    def __call__(self, inbox, number):
        spans = []
        for kind, offset, size in inbox:
            if kind == examine.DIRECTORIES:
                self._directories((offset, size))
                continue
            todo = self._block((offset, size))
            if todo:
                spans.append((number, *self._spool.put(
                    (offset, size, todo))))
        return {'todo': spans, 'problems': self._problems.said()}

    def _tick(self, count):
        """Count bytes read, of either side, as the entry's bytes."""
        count = min(count, self._left)
        self._left -= count
        self._progress.advance(0, count, 1)

    def _directories(self, span):
        for path, _ in self._found.described(span):
            if self._examiner.enter(path) is None:
                raise _damaged(path, 'missing')

    def _block(self, span):
        todo = {}
        equal = counted = 0
        for place, (path, text, links) in enumerate(
                self._found.groups(span)):
            if text.startswith(b'U '):
                name, why = manifest.unstored(text)
                if why:
                    shown = errors.printable(handles.join(path, name))
                    self._problems.add(
                        f'"{shown}" is not in the backup: {why} at the time. '
                        'It was left as it is.')
                continue
            size = None if links else self._plainly_equal(path, text)
            if size is not None:
                equal += 1
                counted += 2 * size
                continue
            entry = dirent.parse(text)
            if is_ignored(path, entry.name, self._ignore):
                self._progress.advance(1 + len(links), 2 * entry.size)
                continue
            links = wanted(links, self._ignore)
            flags = self._entry(path, entry, links)
            calls = reporting.COPIED * (1 + len(links))
            if flags:
                todo[place] = flags
                self._progress.advance(0, 0, calls)
            else:
                self._progress.advance(1 + len(links), entry.size, calls)
        self._progress.advance(equal, counted, equal * reporting.COMPARED)
        return todo

    def _plainly_equal(self, path, text):
        """Compare a small file without peculiarities on both sides: most
        entries of most restores, so in as few steps as possible.

        :returns: int, its size; None if a closer look is needed.
        """
        name = text[2:text.find(b' ', 2)]
        if (text[:2] != b'F ' or b'%' in name or b'/' in name
                or name in _NO_NAMES or self._ignore and path
                == handles.ROOT):
            return None
        here = self._enter(path)
        stored = self._examiner.enter(path)
        if here is None or stored is None:
            return None
        fd = None
        try:
            st = self._looker.stat(path, here, name)
            # The line's beginning, as it would be for what is there.
            start = b'F %b %o %d %d %d ' % (
                name, stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid,
                st.st_mtime_ns)
            rest = text[len(start):].split(b' ')
            if (not text.startswith(start) or len(rest) != _REST
                    or int(rest[2]) != st.st_size
                    or st.st_size > content.SMALL or st.st_nlink != 1
                    or not stat.S_ISREG(st.st_mode)):
                return None
            kept = self._stored_looker.stat(path, stored, name)
            if (kept.st_size != st.st_size
                    or not stat.S_ISREG(kept.st_mode)
                    or _may_differ(kept, st)):
                return None
            fd = os.open(name, handles.READ, dir_fd=here)
            data = os.read(fd, st.st_size + 1)
            if (hashlib.sha256(data).hexdigest().encode() != rest[3]
                    or os.listxattr(fd)):
                return None
            return st.st_size
        except OSError:
            return None
        finally:
            if fd is not None:
                os.close(fd)

    def _entry(self, path, entry, links):
        self._left = entry.size
        shown = handles.join(path, entry.name)
        try:
            flags = self._differs(path, entry, links)
        except OSError as exc:
            if not errnos.is_of_entry(exc, self._root):
                raise errors.failed('read in the share', shown,
                                    exc) from exc
            flags = CONTENT
        if path == self._mounted or shown in self._mounts:
            self._problems.add(
                f'"{errors.printable(shown)}" was not restored: another file '
                'system is mounted there.', missing=True)
            flags = 0
        if (not self._verifies and entry.kind == b'F'
                and flags & (CONTENT | LINKS)):
            flags |= UNVERIFIED
        try:
            self._check(path, entry, links, shown, flags)
        except OSError as exc:
            raise errors.failed('read in the repository', shown,
                                exc) from exc
        if not flags & UNVERIFIED:
            self._tick(self._left)
        return flags

    def _check(self, path, entry, links, shown, flags):
        """Make sure that what will be needed of the backup is good."""
        if b'node' in entry.lost or (flags & UNVERIFIED and not links):
            return
        fd = self._examiner.enter(path)
        if fd is None:
            damage = 'missing'
        elif flags & UNVERIFIED:
            damage = None
        elif flags & (CONTENT | LINKS | LAYOUT) and entry.kind == b'F':
            # Nothing but the right file has the right digest.
            damage = self._examiner.content(fd, entry)
        else:
            damage = self._examiner.shape(fd, entry)
        if damage:
            raise _damaged(shown, damage)
        if links:
            apart = self._examiner.links(fd, entry, links)
            if apart:
                raise _damaged(*apart)

    def _enter(self, path):
        """The share's directory, or None if it can't be entered (yet)."""
        if path == self._missing:
            return None
        try:
            return self._target.enter(path)
        except OSError as exc:
            if not errnos.is_of_entry(exc, self._root):
                raise
            self._missing = path
            if exc.errno == errno.EXDEV:
                self._mounted = path
            return None

    def _differs(self, path, entry, links):
        fd = self._enter(path)
        st = None if fd is None else handles.look(fd, entry.name)
        if difference.in_shape(entry, fd, entry.name, st):
            return CONTENT
        if entry.kind == b'F':
            flags = self._file(fd, path, entry)
        else:
            flags = self._other(fd, entry, st)
        if st.st_nlink != 1 + len(links) or not all(
                self._is_same(st, where, line) for where, line in links):
            flags |= LINKS
        return flags

    def _file(self, directory, path, entry):
        try:
            fd = os.open(entry.name, handles.READ, dir_fd=directory)
        except PermissionError:
            return CONTENT
        try:
            if difference.in_content(entry, fd, self._tick):
                return CONTENT
            st = os.fstat(fd)
            xattrs = attributes.read_like(fd, entry)
            layout = self._layout(fd, path, entry, st)
        finally:
            os.close(fd)
        if not difference.in_attributes(entry, st, xattrs):
            return layout if not attributes.gives_privileges(entry) else (
                layout and CONTENT)
        # What gives privileges is given them by the one who wrote it, and
        # not once somebody may have put something else in its place.
        return CONTENT if attributes.gives_privileges(entry) else (
            ATTRIBUTES | layout)

    def _layout(self, fd, path, entry, st):
        """LAYOUT if an open file has its holes elsewhere than the backup's;
        else 0."""
        directory = self._examiner.enter(path)
        try:
            if directory is None or not _may_differ(os.stat(
                    entry.name, dir_fd=directory, follow_symlinks=False),
                    st):
                return 0
            kept = os.open(entry.name, handles.READ, dir_fd=directory)
        except OSError:
            return 0        # damage, which is looked for later
        try:
            return 0 if rewrite.is_laid_out_like(fd, kept, entry.size) else (
                LAYOUT)
        finally:
            os.close(kept)

    def _other(self, directory, entry, st):
        found = difference.in_attributes(entry, st, attributes.read_xattrs(
            attributes.special(directory, entry.name), follow=False))
        if difference.MODE in found:
            return CONTENT      # there is no safe way to change it
        return ATTRIBUTES if found else 0

    def _is_same(self, st, path, line):
        fd = self._enter(path)
        other = None if fd is None else handles.look(
            fd, manifest.link_name(line)[0])
        return other is not None and os.path.samestat(st, other)


def _may_differ(one, other):
    """Tell by the os.stat_result of two files of one size whether their holes
    may differ."""
    return ((content.holed(one) or content.holed(other))
            and (one.st_blocks != other.st_blocks
                 or one.st_size > content.SMALL))


def _damaged(path, damage):
    return exception.DamagedBackup(
        f'The backup is damaged: "{errors.printable(path)}" is {damage}.')
