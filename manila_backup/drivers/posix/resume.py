# SPDX-License-Identifier: Apache-2.0
"""Taking over what a killed attempt of this backup has stored.

A file is the same if its name, inode, size, mtime and ctime in the share are
what they were when it was stored: the ctime changes with every change of
content or attributes and nobody can set it back.
"""

import array
import bisect
import errno
import os
import stat
import zlib

from manila_backup.copying import manifest
from manila_backup.copying import tree
from manila_backup.drivers.posix import layout
from manila_backup.fs import content
from manila_backup.fs import dirent
from manila_backup.fs import handles
from manila_backup.fs import syscalls

# An index entry is one 64 bit number: a hash above, where the line is below.
_PLACE_BITS = 40
_PLACE = (1 << _PLACE_BITS) - 1
_HASH = (1 << (64 - _PLACE_BITS)) - 1

# Lines are mostly asked for in the order in which they stand there.
_WINDOW = 1 << 16
_LINE = 1 << 10

# How a part begins. In those of the first version, directories are called by
# their paths.
_HEADS = [b'part', b'1'], [b'part', b'2']

# What else than files has a name of its own on its line.
_KINDS = frozenset((b'L ', b'P ', b'S ', b'C ', b'B ', b'H '))


class Index:
    """Index of the lines of regular files in a file of entries.

    Eight bytes a file, sorted, and as many for each line with a directory. A
    line that is found has to be looked at: there are only 24 bits of hash,
    of path and name.

    :param every: also index entries that are not regular files.
    :param directories: a :class:`~.tree.Tree` of the directories that are
        mentioned by number, if the file itself doesn't list them.
    """

    def __init__(self, fd, every=False, directories=None):
        self.fd = fd
        own = directories is None
        self._tree = tree.Tree(fd) if own else directories
        found = array.array('Q')
        self._sections = array.array('Q')
        path = 0
        offset = 0
        with open(fd, 'rb', buffering=1 << 20, closefd=False) as source:
            source.seek(0)
            for text in source:
                kind = text[:2]
                if kind == b'D ':
                    key = (zlib.crc32(text.split(b' ', 2)[1])
                           if text[2:3] != b'/' else
                           self._tree.add(text, offset) if own else 0)
                    if every:
                        found.append((key & _HASH) << _PLACE_BITS | offset)
                elif kind == b'F ' and text.endswith(b'\n') or (
                        every and kind in _KINDS):
                    name = text.split(b' ', 2)[1].rstrip()
                    key = zlib.crc32(name, path) & _HASH
                    found.append(key << _PLACE_BITS | offset)
                elif kind in (b'd ', b'c '):
                    path = self._hash(text[2:-1])
                    self._sections.append(offset)
                offset += len(text)
        self._sorted = array.array('Q', sorted(found))
        self._window, self._from = b'', 0
        self._section = None, None      # its number, the path
        self._asked = None, 0           # the path, its hash

    def __len__(self):
        return len(self._sorted)

    def _hash(self, field):
        """Hash the path of a directory."""
        if field[:1] != b'/':
            return zlib.crc32(field)
        try:
            return self._tree.hashed(dirent.number(field))
        except dirent.Malformed:
            return 0    # it was cut short

    def find(self, path, name):
        """The lines of a file of that name, of which there should be one.

        :param path: bytes, of the directory it is in.
        :param name: bytes.
        :returns: iterator of bytes, without newline.
        """
        asked, key = self._asked
        if path != asked:
            key = zlib.crc32(dirent.quote(path))
            self._asked = path, key
        name = dirent.quote(name)
        start = b'F ' + name + b' '
        for offset, text in self._lines(zlib.crc32(name, key) & _HASH):
            if text.startswith(start) and self._path(offset) == path:
                yield text

    def has(self, path, name):
        """Tell whether there is an entry of any kind but a directory. A hash
        collision of two paths may give a wrong answer, almost never.

        :param path: bytes, of the directory it is in, unquoted.
        """
        quoted = dirent.quote(name)
        key = zlib.crc32(quoted, zlib.crc32(dirent.quote(path))) & _HASH
        return any(text[:2] != b'D ' and text.split(b' ', 2)[1] == quoted
                   for _, text in self._lines(key))

    def directory(self, path):
        """A directory.

        :returns: what it is called in ``unstored`` of a
            :class:`~.manifest.Manifest`; None if there is none.
        """
        key = zlib.crc32(dirent.quote(path)) & _HASH
        for _, text in self._lines(key):
            if text[:2] != b'D ':
                continue
            field = text.split(b' ', 2)[1]
            if field[:1] != b'/':
                if dirent.unquote(field) == path:
                    return path
            elif self._tree.path(dirent.number(field)) == path:
                return dirent.number(field)
        return None

    def _path(self, offset):
        """The directory of the entry whose line is there."""
        number = bisect.bisect_right(self._sections, offset) - 1
        if number < 0:
            return None     # of a file that is no list of entries
        if number != self._section[0]:
            text = b''
            at = self._sections[number]
            while b'\n' not in text:
                more = os.pread(self.fd, _LINE, at + len(text))
                if not more:
                    break
                text += more
            self._section = number, self._called(text[2:text.find(b'\n')])
        return self._section[1]

    def _called(self, field):
        """The path of a directory; None of one that can't be told."""
        if field[:1] != b'/':
            return dirent.unquote(field)
        try:
            return self._tree.path(dirent.number(field))
        except dirent.Malformed:
            return None

    def _lines(self, key):
        at = bisect.bisect_left(self._sorted, key << _PLACE_BITS)
        while at < len(self._sorted):
            value = self._sorted[at]
            if value >> _PLACE_BITS != key:
                return
            yield value & _PLACE, self._line(value & _PLACE)
            at += 1

    def _line(self, offset):
        at = offset - self._from
        end = self._window.find(b'\n', at) if at >= 0 else -1
        size = _WINDOW
        while end < 0:
            self._window, self._from = os.pread(self.fd, size, offset), offset
            at, end = 0, self._window.find(b'\n')
            if end < 0 and len(self._window) < size:
                end = len(self._window)     # it was cut short since
            size *= 2
        return self._window[at:end]


class Former:
    """The files of one earlier attempt, for the taking.

    Made before the fork, used after it.

    :param directory: int, descriptor of the attempt's directory; kept.
    :ivar began: float, when it did, in seconds since the epoch; 0 if that
        can't be told.
    """

    def __init__(self, directory, folds=False):
        self.directory = directory
        self._folds = folds
        self._data = os.open(layout.DATA, handles.DIRECTORY,
                             dir_fd=directory)
        self._descent = handles.Descent(self._data)
        self._listed, self._tree = _directories(directory)
        boot = syscalls.boot_id().encode()
        self._parts = []        # (index, whether its files must be reread)
        times = []
        for name, booted, began in _parts(directory):
            times.append(began)
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC,
                         dir_fd=directory)
            index = Index(fd, directories=self._tree if booted else None)
            self._parts.append((index, booted and booted != boot))
        self.began = min(times, default=0)

    @classmethod
    def open(cls, share, name, folds=False):
        """Open the work of an earlier attempt.

        :param share: int, descriptor of the share's directory.
        :param name: str, of the attempt's directory there.
        :param folds: bool, whether the repository takes some names for one
            another.
        :returns: None if there is nothing to be taken.
        """
        try:
            directory = os.open(name, handles.DIRECTORY, dir_fd=share)
        except OSError:
            return None
        try:
            found = cls(directory, folds)
        except (OSError, dirent.Malformed):
            os.close(directory)
            return None
        if found.files:
            return found
        found.close()
        return None

    @property
    def files(self):
        """int, how many it has."""
        return sum(len(index) for index, _ in self._parts)

    def close(self):
        self._descent.close()
        for index, _ in self._parts:
            os.close(index.fd)
        if self._listed is not None:
            os.close(self._listed)
        os.close(self._data)
        os.close(self.directory)

    def take(self, path, file, target, tick):
        """Move a file into the new attempt's directory.

        :param path: bytes, of the directory it is in.
        :param file: (name, inode, size, mtime, ctime), as it is now.
        :param target: int, descriptor of the new directory.
        :param tick: called with numbers of bytes as work goes on.
        :returns: bytes, its line in the manifest; or None if it has to be
            copied.
        """
        name, inode, size, mtime, ctime = file
        same = b' %d %d %d %d ' % (mtime, ctime, inode, size)
        for index, reread in self._parts:
            for text in index.find(path, name):
                if same in text and self._move(path, name, target):
                    if self._sound(text, name, target, reread, tick):
                        return text + b'\n'
                    os.unlink(name, dir_fd=target)
        return None

    def _move(self, path, name, target):
        if self._folds:
            # Nothing else may be lost by that.
            try:
                os.close(os.open(name, handles.CREATE, 0o600, dir_fd=target))
            except FileExistsError:
                return False
        try:
            os.rename(name, name, src_dir_fd=self._descent.enter(path),
                      dst_dir_fd=target)
            return True
        except OSError as exc:
            if self._folds:
                handles.unlink(name, target)
            # Moved on already by an attempt in between; or a directory.
            if exc.errno in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR,
                             errno.EEXIST, errno.ENOTEMPTY):
                return False
            raise

    def _sound(self, text, name, target, reread, tick):
        entry = dirent.parse(text)
        st = os.stat(name, dir_fd=target, follow_symlinks=False)
        if (not stat.S_ISREG(st.st_mode) or st.st_size != entry.size
                or st.st_mtime_ns != entry.mtime and not entry.lost):
            return False
        if not reread:
            return True
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC,
                     dir_fd=target)
        try:
            return content.digest(fd, entry.size, entry.extra,
                                  lambda count: tick(0)) == entry.extra
        except content.Changed:
            return False
        finally:
            os.close(fd)


def _directories(directory):
    """The list of the directories of an attempt: (its descriptor or None, a
    :class:`~.tree.Tree`)."""
    try:
        fd = os.open(f'{layout.PARTS}/{layout.DIRECTORIES}',
                     os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC,
                     dir_fd=directory)
    except OSError:
        return None, tree.Tree(-1)
    return fd, tree.Tree.load(fd)


def _parts(directory):
    """(path, boot id or None, when it was begun) of what lists an attempt's
    finished files."""
    found = []
    try:
        os.stat(manifest.NAME, dir_fd=directory, follow_symlinks=False)
        found.append((os.fsencode(manifest.NAME), None, 0))
    except FileNotFoundError:
        pass
    try:
        fd = os.open(layout.PARTS, handles.DIRECTORY, dir_fd=directory)
    except OSError:
        return found
    try:
        for name in sorted(os.listdir(fd)):
            part = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=fd)
            with open(part, 'rb') as source:
                head = source.readline().split()
            if head[:2] in _HEADS and len(head) in (3, 4):
                found.append((os.fsencode(f'{layout.PARTS}/{name}'),
                              head[2], _number((*head, b'0')[3])))
    finally:
        os.close(fd)
    return found


def _number(text):
    try:
        return float(text)
    except ValueError:
        return 0
