# SPDX-License-Identifier: Apache-2.0
"""Taking over what an earlier backup of the same share has stored.

What counts as unchanged, and what is checked: repository-format.rst.
"""

import datetime
import os
import stat

from manila_backup.copying import manifest
from manila_backup.copying import manifest_index
from manila_backup.drivers import base
from manila_backup.drivers.posix import damage_markers
from manila_backup.drivers.posix import layout
from manila_backup.fs import attributes
from manila_backup.fs import clones
from manila_backup.fs import dirent
from manila_backup.fs import handles

_SECOND = 10 ** 9
_MARGIN = 5 * _SECOND
_COARSE_MARGIN = 60 * _SECOND

_EPOCH = datetime.datetime.fromtimestamp(0, datetime.timezone.utc)


def find(repository, place):
    """The backup that a new one can take files over from.

    :param repository: an open :class:`~.layout.Repository`.
    :param place: of the new one.
    :returns: a :class:`ParentBackup`, or None.
    """
    with repository.share(place) as share:
        if share is None:
            return None
        since = damage_markers.latest(share)
        for began, name in sorted(_published(share), reverse=True):
            if since and began <= since:
                return None
            found = _open(share, place, name)
            if found:
                return found
    return None


def _published(share):
    """Yields (when it was begun, id)."""
    with os.scandir(share) as entries:
        names = [entry.name for entry in entries
                 if not entry.name.startswith('.')]
    for name in names:
        try:
            fd = os.open(name, handles.DIRECTORY, dir_fd=share)
        except OSError:
            continue
        try:
            said = layout.read_metadata(fd)
            yield _time(said['created_at']), name
        except (base.DamagedBackup, KeyError, TypeError, ValueError):
            continue
        finally:
            os.close(fd)


def _time(text):
    return datetime.datetime.fromisoformat(text).astimezone(
        datetime.timezone.utc)


def _open(share, place, name):
    directory = text = None
    try:
        directory = os.open(name, handles.DIRECTORY, dir_fd=share)
        text = manifest.open_in(directory)
        about = manifest.check(text)
        if (about['project_id'], about['share_id'], about['backup_id']) == (
                place.project_id, place.share_id, name):
            return ParentBackup(name, directory, text, _time(
                about.get('read_since') or about['created_at']),
                bool(about.get('has_flags')))
    except (OSError, base.DriverError, dirent.Malformed, KeyError,
            TypeError, ValueError):
        pass    # it is damaged, or being deleted: there may be another one
    for fd in (directory, text):
        if fd is not None:
            os.close(fd)
    return None


class ParentBackup:
    """The files of an earlier backup. Made before the fork, used after it.

    Whatever goes wrong, a file is copied instead; so no method raises an
    OSError, and none leaves anything under the name.

    :param name: str, its id.
    :param directory: int, descriptor of the backup; kept.
    :param text: int, of its manifest; kept.
    :param since: datetime; nothing in it was read earlier.
    :param has_flags: bool, whether it has inode flags and project ids.
    """

    def __init__(self, name, directory, text, since, has_flags=False):
        self.name = name
        self.has_flags = has_flags
        self._index = manifest_index.Index(text)
        self._data = os.open(layout.DATA, handles.DIRECTORY,
                             dir_fd=directory)
        self._directory = directory
        self._descent = handles.Descent(self._data)
        self._since = (since - _EPOCH) // datetime.timedelta(
            microseconds=1) * 1000
        self._reflinks = clones.is_supported(directory)
        self._most = os.fpathconf(directory, 'PC_LINK_MAX')

    def close(self):
        self._descent.close()
        for fd in (self._index.fd, self._data, self._directory):
            os.close(fd)

    def take(self, path, file, target, setter, names):
        """Store an unchanged file without its data.

        :param path: bytes, of the directory it is in.
        :param file: (name, inode, size, mtime, ctime), as it is now.
        :param target: int, descriptor of the new directory.
        :param setter: an :class:`~.attributes.Setter`.
        :param names: int, how many names it is going to have.
        :returns: (line for the manifest, what was lost), or None if it has
            to be copied.
        """
        name, inode, size, mtime, ctime = file
        if ctime > self._since - (_MARGIN if ctime % _SECOND
                                  else _COARSE_MARGIN):
            return None
        same = b' %d %d %d %d ' % (mtime, ctime, inode, size)
        for text in self._index.find(path, name):
            if same not in text:
                continue
            try:
                return self._take(path, file, text, target, setter, names)
            except (OSError, dirent.Malformed):
                return None
        return None

    def like(self, path, name, st):
        """The entry of a file that has the same size and mtime.

        :param st: os.stat_result of the file.
        :returns: a :class:`~.dirent.Entry`, or None.
        """
        for text in self._index.find(path, name):
            try:
                entry = dirent.parse(text)
            except dirent.Malformed:
                continue
            if (entry.size, entry.mtime) == (st.st_size, st.st_mtime_ns):
                return entry
        return None

    def share(self, path, entry, now, target, setter, names):
        """Store a file of which only the content is known to be the same,
        and that is not immutable.

        :param entry: what :meth:`like` returned.
        :param now: the Entry for the new manifest.
        :returns: as :meth:`take`.
        """
        try:
            if not self._reflinks and (
                    now.mode, now.uid, now.gid, now.mtime, now.xattrs) != (
                    entry.mode, entry.uid, entry.gid, entry.mtime,
                    entry.xattrs):
                return None
            directory = self._descent.enter(path)
            if not _agrees(directory, entry):
                return None
            if self._reflinks:
                return self._clone(directory, now, target, setter)
            lost = [each for each in entry.lost
                    if each not in (b'flags', b'x:*room')]
            if self._link(directory, now.name, target, names):
                return dirent.line(now, lost), lost
        except OSError:
            pass
        return None

    def _take(self, path, file, text, target, setter, names):
        name, inode, _, _, ctime = file
        directory = self._descent.enter(path)
        st = os.stat(name, dir_fd=directory, follow_symlinks=False)
        # What its line would begin with if it was made from what is stored.
        start = b'F %b %o %d %d %d %d %d %d ' % (
            dirent.quote(name), stat.S_IMODE(st.st_mode), st.st_uid,
            st.st_gid, st.st_mtime_ns, ctime, inode, st.st_size)
        lost = ()
        if (self._reflinks or not text.startswith(start)
                or b' ' in text[len(start):]
                or not stat.S_ISREG(st.st_mode)):
            entry = dirent.parse(text)
            if not _agrees(directory, entry):
                return None
            if self._reflinks:
                return self._clone(directory, entry, target, setter)
            lost = entry.lost
        if self._link(directory, name, target, names, st.st_nlink):
            return text + b'\n', lost
        return None

    def _link(self, directory, name, target, names, links=None):
        """Another name for a stored file. False if it has too many."""
        if names > 1:
            # Else the group would have to be parted in its middle.
            if links is None:
                links = os.stat(name, dir_fd=directory,
                                follow_symlinks=False).st_nlink
            if links + names > self._most:
                return False
        os.link(name, name, src_dir_fd=directory, dst_dir_fd=target,
                follow_symlinks=False)
        return True

    def _clone(self, directory, entry, target, setter):
        """A new file with the same blocks and an entry's attributes."""
        source = os.open(entry.name, handles.READ, dir_fd=directory)
        try:
            if os.fstat(source).st_size != entry.size:
                return None
            out = os.open(entry.name, handles.CREATE, entry.mode & 0o777,
                          dir_fd=target)
            try:
                clones.clone(source, out)
                lost = setter.apply(out, entry, os.fstat(out))
            except OSError:
                os.unlink(entry.name, dir_fd=target)
                raise
            finally:
                os.close(out)
        finally:
            os.close(source)
        if b'flags' in entry.lost:
            lost.append(b'flags')
        return dirent.line(entry._replace(lost=()), lost), lost


def _agrees(directory, entry):
    """Tell whether a stored file has the attributes of its entry; its content
    is not read.
    """
    st = os.stat(entry.name, dir_fd=directory, follow_symlinks=False)
    lost = entry.lost
    if (not stat.S_ISREG(st.st_mode) or st.st_size != entry.size
            or b'time' not in lost and st.st_mtime_ns != entry.mtime
            or b'mode' not in lost
            and stat.S_IMODE(st.st_mode) != entry.mode
            or b'owner' not in lost
            and (st.st_uid, st.st_gid) != (entry.uid, entry.gid)):
        return False
    if not entry.xattrs:
        return True
    kept = tuple(item for item in entry.xattrs
                 if b'x:' + os.fsencode(item[0]) not in lost)
    return kept == attributes.read_xattrs(
        attributes.special(directory, entry.name), follow=False)
