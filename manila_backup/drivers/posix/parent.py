# SPDX-License-Identifier: Apache-2.0
"""Taking over what an earlier backup of the same share has stored.

What counts as unchanged, and what is checked: repository-format.rst.
"""

import dataclasses
import datetime
import os
import stat

from manila_backup.copying import manifest
from manila_backup.copying import manifest_index
from manila_backup.drivers import base
from manila_backup.drivers.posix import damage_markers
from manila_backup.drivers.posix import metadata
from manila_backup.drivers.posix import reuse
from manila_backup.fs import attributes
from manila_backup.fs import clones
from manila_backup.fs import difference
from manila_backup.fs import dirent
from manila_backup.fs import handles
from manila_backup.fs import look_ahead

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
    found = candidate(repository, place)
    if found is None:
        return None
    try:
        return found.files()
    except (OSError, dirent.Malformed):
        return None     # it is being deleted
    finally:
        found.close()


def candidate(repository, place, read=manifest.check):
    """The same, of which only the manifest is open.

    :param read: what reads its ``about``, and checks it on the way, if it
        does.
    :returns: a :class:`Candidate`, or None.
    """
    with repository.share(place) as share:
        if share is None:
            return None
        since = damage_markers.latest(share)
        for began, name in sorted(_published(share), reverse=True):
            if since and began <= since:
                return None
            found = _open(share, place, name, read)
            if found:
                return found
    return None


def surely_until(since):
    """Make a test whether a file that has the ctime that it had when it was
    read surely was not changed afterwards.

    :param since: datetime, when reading began.
    :returns: callable of that ctime in nanoseconds.
    """
    start = (since - _EPOCH) // datetime.timedelta(microseconds=1) * 1000
    return lambda ctime: ctime <= start - (
        _MARGIN if ctime % _SECOND else _COARSE_MARGIN)


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
            said = metadata.read(fd)
            yield _time(said['created_at']), name
        except (base.DamagedBackup, KeyError, TypeError, ValueError):
            continue
        finally:
            os.close(fd)


def _time(text):
    return datetime.datetime.fromisoformat(text).astimezone(
        datetime.timezone.utc)


def _open(share, place, name, read):
    directory = text = None
    try:
        directory = os.open(name, handles.DIRECTORY, dir_fd=share)
        text = manifest.open_in(directory)
        about = read(text)
        if (about['project_id'], about['share_id'], about['backup_id']) == (
                place.project_id, place.share_id, name):
            return Candidate(name, directory, text, about, _time(
                about.get('read_since') or about['created_at']))
    except (OSError, base.DriverError, dirent.Malformed, KeyError,
            TypeError, ValueError):
        pass    # it is damaged, or being deleted: there may be another one
    for fd in (directory, text):
        if fd is not None:
            os.close(fd)
    return None


@dataclasses.dataclass(frozen=True)
class Candidate:
    """Backup that another one can begin with.

    :ivar name: str, its id.
    :ivar directory: int, descriptor of it.
    :ivar text: int, of its manifest.
    :ivar about: dict, what that says.
    :ivar since: datetime; nothing in it was read earlier.
    """

    name: str
    directory: int
    text: int
    about: dict
    since: datetime.datetime

    def close(self):
        """Let go of it."""
        for fd in (self.directory, self.text):
            os.close(fd)

    def files(self, lines=None, directories=None):
        """Open its files: a :class:`ParentBackup`.

        :param lines: int, of a file with some lines of the manifest, to be
            used instead of that.
        :param directories: as for :class:`~.manifest_index.Index`.
        """
        opened = [os.dup(self.directory),
                  os.dup(self.text if lines is None else lines)]
        try:
            return ParentBackup(
                self.name, *opened, self.since,
                bool(self.about.get('has_flags')), directories)
        except BaseException:
            for fd in opened:
                os.close(fd)
            raise


class ParentBackup(reuse.StoredFiles):
    """The files of an earlier backup.

    Whatever goes wrong, a file is copied instead; so no method raises an
    OSError, and none leaves anything under the name.

    :param name: str, its id.
    :param directory: int, descriptor of the backup; kept.
    :param text: int, of its manifest; kept.
    :param since: datetime; nothing in it was read earlier.
    :param has_flags: bool, whether it has inode flags and project ids.
    :param directories: as for :class:`~.manifest_index.Index`.
    """

    def __init__(self, name, directory, text, since, has_flags=False,
                 directories=None):
        self._index = manifest_index.Index(text, directories=directories)
        super().__init__(directory)
        self.indexes.append(self._index)
        self.name = name
        self.has_flags = has_flags
        self._looker = look_ahead.Looker()
        self._surely = surely_until(since)
        self._reflinks = clones.is_supported(directory)
        self._most = os.fpathconf(directory, 'PC_LINK_MAX')

    def apart(self):
        found = super().apart()
        found._index, = found.indexes
        found._looker = look_ahead.Looker()
        return found

    def take(self, path, file, *args):
        """Link or clone a file: see :meth:`.StoredFiles.take`."""
        *_, ctime = file
        if not self._surely(ctime):
            return None
        try:
            return super().take(path, file, *args)
        except (OSError, dirent.Malformed):
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

    def lend(self, path, name, target):
        """Make an empty file a clone of what there is of a name, where that
        can be.

        :param target: int, the open file, which stays empty if it can't.
        :returns: bool.
        """
        if not self._reflinks or not any(self._index.find(path, name)):
            return False
        try:
            source = os.open(name, handles.READ,
                             dir_fd=self.descent.enter(path))
        except OSError:
            return False
        try:
            clones.clone(source, target)
            return True
        except OSError:
            return False
        finally:
            os.close(source)

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
            directory = self.descent.enter(path)
            if not _agrees(directory, entry):
                return None
            if self._reflinks:
                return reuse.clone(directory, now, target, setter)
            lost = [each for each in entry.lost
                    if each not in (b'flags', b'x:*room')]
            if self._link(directory, now.name, target, names):
                return dirent.line(now, lost), lost
        except OSError:
            pass
        return None

    def _take(self, index, text, path, file, target, setter, names, tick):
        name, inode, _, _, ctime = file
        directory = self.descent.enter(path)
        st = self._looker.stat(path, directory, name)
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
                return reuse.clone(directory, entry, target, setter)
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


def _agrees(directory, entry):
    """Tell whether a stored file has the attributes of its entry; its content
    is not read.
    """
    st = os.stat(entry.name, dir_fd=directory, follow_symlinks=False)
    if difference.in_shape(entry, directory, entry.name, st):
        return False
    xattrs = entry.xattrs and attributes.read_xattrs(
        attributes.special(directory, entry.name), follow=False)
    return not difference.in_attributes(entry, st, xattrs, entry.lost)
