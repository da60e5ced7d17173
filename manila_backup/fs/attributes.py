# SPDX-License-Identifier: Apache-2.0
"""Owners, modes, times and extended attributes, read and set."""

import errno
import os
import stat

from manila_backup.fs import dirent
from manila_backup.fs import durable
from manila_backup.fs import errnos
from manila_backup.fs import errors
from manila_backup.fs import inode_flags

# ext4 has room for one block of attributes beside the inode.
_NO_ROOM = frozenset((errno.ENOSPC, errno.EDQUOT))

_NONE = ()


def is_of_one(exc):
    """Tell whether the error concerns one attribute only."""
    return exc.errno not in errors.GONE and (
        errnos.is_of_entry(exc) or exc.errno in _NO_ROOM)


DEFAULT_ACL = 'system.posix_acl_default'

#: In place of attributes that can't be listed, being too many, or that are
#: listed and can't be read. No attribute has such a name, so whoever is to
#: have it lacks it, and says so.
UNREADABLE = '*'

# What any filesystem with nanoseconds can hold; beyond, some can't: CephFS has
# none before 1970.
_EXACT_FROM, _EXACT_TO = 0, (1 << 31) * 10 ** 9


def special(directory, name):
    """A path for the calls that take no directory descriptor; only its last
    component is looked up, and callers never have that one followed."""
    return b'/proc/self/fd/%d/%b' % (directory, name)


def read_xattrs(target, follow=True):
    """All extended attributes of an open file, or of what :func:`special`
    names.

    :returns: tuple of (name as str, value as bytes), sorted.
    """
    try:
        names = os.listxattr(target, follow_symlinks=follow)
    except OSError as exc:
        if exc.errno in (errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM):
            return _NONE
        if is_of_one(exc):
            return ((UNREADABLE, b''),)
        raise
    if not names:
        return _NONE
    found = []
    unreadable = False
    for name in sorted(names):
        try:
            found.append((name, os.getxattr(target, name,
                                            follow_symlinks=follow)))
        except OSError as exc:
            if not is_of_one(exc):
                raise
            # ENODATA: removed since. Others: listed, but not for us.
            unreadable |= exc.errno != errno.ENODATA
    if unreadable:
        found.insert(0, (UNREADABLE, b''))
    return tuple(found)


def read_like(fd, entry):
    """Read the extended attributes of an open file or directory, and its inode
    attributes that an entry has too: see :mod:`.inode_flags`."""
    found = read_xattrs(fd)
    more = entry.xattrs and inode_flags.current(fd, entry.xattrs)
    return tuple(sorted(found + more)) if more else found


def gives_privileges(entry):
    """Tell whether a file runs with more rights than the user who starts it
    has.
    """
    return bool(entry.mode & (stat.S_ISUID | stat.S_ISGID)) or any(
        name == 'security.capability' for name, _ in entry.xattrs)


def inherited(directory):
    """Tell whether entries created in an open directory may inherit
    attributes.
    """
    return any(not name.startswith(('user.', 'trusted.'))
               for name, _ in read_xattrs(directory))


def is_fixed(fd):
    """Tell whether an open file or directory is immutable or append only."""
    return inode_flags.read(fd, None)[0]


def check_free(fd):
    """Make sure that the attributes of something can be changed.

    :raises OSError: it is immutable or append only.
    """
    if is_fixed(fd):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def is_any(mtime):
    """Tell whether any file system can hold a time, except for fractions of
    seconds.

    :param mtime: int, nanoseconds since 1970.
    """
    return _EXACT_FROM <= mtime < _EXACT_TO


class Setter:
    """Sets attributes, and tells which could not be set.

    :param readable: what they are set on is stored: without privileges, add
        the bits that its owner needs to read it back.
    :param noted: inode flags and project ids are kept in a manifest, and not
        set.
    """

    def __init__(self, readable=False, noted=False):
        self.privileged = os.geteuid() == 0
        self._noted = noted
        self.readable = readable and not self.privileged
        self._exact = False
        self._keeps_each = None     # not known yet

    def apply(self, target, entry, now, follow=True, had=_NONE):
        """Make attributes what an entry says. Nothing is to be changed after
        that: an open file or directory is kept, see :mod:`.durable`.

        :param target: int, an open file or directory; or bytes from
            :func:`special` with ``follow=False`` for anything else, whose
            mode can't be changed.
        :param entry: a :class:`~.dirent.Entry`.
        :param now: os.stat_result of it as it is.
        :param had: the extended attributes it has.
        :returns: list of bytes, for the manifest's ``lost=``.
        """
        lost = []
        # Needs the file to be writable, so before the mode is final.
        self._xattrs(target, entry.xattrs, had, follow, lost, early=True,
                     mode=now.st_mode)
        owned = True
        if (now.st_uid, now.st_gid) != (entry.uid, entry.gid):
            owned = _own(target, entry, follow)
            if not owned:
                lost.append(b'owner')
        mode = self.mode(entry, owned)
        if mode != entry.mode and entry.kind != b'L':
            lost.append(b'mode')
        if follow and (stat.S_IMODE(now.st_mode) != mode or entry.xattrs
                       or (now.st_uid, now.st_gid) != (entry.uid, entry.gid)):
            # A chown takes bits off, setting an attribute may add some.
            if not _chmod(target, mode) and b'mode' not in lost:
                lost.append(b'mode')
        self._xattrs(target, entry.xattrs, had, follow, lost, early=False)
        if not self.set_time(target, entry.mtime, follow):
            lost.append(b'time')
        return lost

    def mode(self, entry, owned):
        """The mode that can be given to an entry."""
        mode = entry.mode
        if not owned:
            mode &= ~(stat.S_ISUID | stat.S_ISGID)
        if self.readable:
            mode |= 0o700 if entry.kind == b'D' else 0o400
        return mode

    def set_mode(self, directory, name, entry, owned):
        """Set the mode of what is neither a file nor a directory.

        :returns: False if it isn't as it should be.
        """
        mode = self.mode(entry, owned)
        fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC,
                     dir_fd=directory)
        try:
            now = os.fstat(fd).st_mode
            # Whoever put something else in its place gets nothing for it.
            if (stat.S_IFMT(now) == dirent.TYPES[entry.kind]
                    and stat.S_IMODE(now) != mode):
                _chmod(f'/proc/self/fd/{fd}', mode)
            return stat.S_IMODE(os.fstat(fd).st_mode) == entry.mode
        finally:
            os.close(fd)

    def set_time(self, target, mtime, follow=True):
        """Set the modification time, in ns, as the last of all that is done
        to something.

        :returns: False if the filesystem rounded it, or refused to.
        """
        try:
            os.utime(target, ns=(mtime, mtime), follow_symlinks=follow)
        except OSError as exc:
            if not is_of_one(exc):
                raise
            return False
        finally:
            if follow:
                self._keep(target)
        if self._exact and is_any(mtime):
            return True
        kept = os.stat(target, follow_symlinks=follow).st_mtime_ns == mtime
        if kept and mtime % 1000:
            # It holds nanoseconds: no need to look at every file.
            self._exact = True
        return kept

    def _keep(self, fd):
        if self._keeps_each is None:
            self._keeps_each = durable.needs_each(fd)
        if self._keeps_each:
            os.fsync(fd)

    def _xattrs(self, target, wanted, had, follow, lost, early, mode=0):
        if not wanted and not had:
            return
        have = dict(had)
        for name, value in wanted:
            if name.startswith('user.') != early:
                continue
            if have.pop(name, None) == value:
                continue
            if name in inode_flags.NAMES:
                if self._noted:
                    lost.append(b'x:' + os.fsencode(name))
                elif not inode_flags.put(target, name, value):
                    lost.append(os.fsencode(name))
            elif not _set_xattr(target, name, value, follow, mode):
                lost.append(b'x:' + os.fsencode(name))
        for name in have:
            if name.startswith('user.') != early or name in dict(wanted):
                continue
            try:
                os.removexattr(target, name, follow_symlinks=follow)
            except OSError as exc:
                if not is_of_one(exc):
                    raise
                if exc.errno != errno.ENODATA:
                    lost.append(b'x:' + os.fsencode(name))


def _set_xattr(target, name, value, follow, mode):
    try:
        os.setxattr(target, name, value, follow_symlinks=follow)
        return True
    except OSError as exc:
        if not is_of_one(exc):
            raise
        if exc.errno != errno.EACCES or not follow:
            return False
    # An owner without the write permission has to give it to itself.
    try:
        os.chmod(target, stat.S_IMODE(mode) | 0o600)
        os.setxattr(target, name, value, follow_symlinks=follow)
        return True
    except OSError as exc:
        if not is_of_one(exc):
            raise
        return False


def _chmod(target, mode):
    """Change a mode; returns whether it is that now."""
    try:
        os.chmod(target, mode)
        # Some take it and do nothing, or take bits off.
        return stat.S_IMODE(os.stat(target).st_mode) == mode
    except OSError as exc:
        if not is_of_one(exc):
            raise
        return False


def _own(target, entry, follow):
    try:
        os.chown(target, entry.uid, entry.gid, follow_symlinks=follow)
        # Some take it and do nothing.
        now = os.stat(target, follow_symlinks=follow)
        return (now.st_uid, now.st_gid) == (entry.uid, entry.gid)
    except OSError as exc:
        if not is_of_one(exc):
            raise
    try:
        # One of our own groups may be all that was asked for.
        os.chown(target, -1, entry.gid, follow_symlinks=follow)
    except OSError as exc:
        if not is_of_one(exc):
            raise
        return False
    return entry.uid == os.geteuid()
