# SPDX-License-Identifier: Apache-2.0
"""A backup that continues an earlier one: it begins as a snapshot of its data,
and only what has changed since is looked at.

What tells that, and what is trusted: repository-format.rst.
"""

import contextlib
import os
import time

from manila_backup.copying import changes
from manila_backup.copying import manifest
from manila_backup.copying import outline
from manila_backup.drivers import base
from manila_backup.drivers.posix import layout
from manila_backup.drivers.posix import parent
from manila_backup.fs import btrfs
from manila_backup.fs import btrfs_search
from manila_backup.fs import dirent
from manila_backup.fs import handles

#: In a manifest's ``about``.
LINEAGE = 'lineage'

# An extended attribute of a backup's directory: what its data was when it was
# finished.
_SEAL = 'user.manila_backup.data'

# Where more was written, all of it is looked at instead.
_MOST = 100_000

Unfit = outline.Unfit


def describe(lineage, ignore, before=None):
    """Describe what a backup is copied from, for those that follow.

    :param lineage: a :class:`~manila_backup.fs.lineages.Lineage`, or None.
    :param ignore: names in the share's root that are passed over, as bytes.
    :param before: dict, of the backup that is continued.
    :returns: dict, for ``about``; None if it is of no use to them.
    """
    if lineage is None:
        return None
    return {'subvolume': lineage.subvolume, 'generation': lineage.generation,
            'mark': lineage.mark, 'ignored': _shown(ignore),
            'since_scan': before['since_scan'] + 1 if before else 0}


def _shown(ignore):
    return sorted(dirent.quote(name).decode() for name in ignore)


def seal(directory):
    """Note the state of a backup's data, which is finished and on the disk.
    Without, it can't be continued.

    :param directory: int, descriptor of the backup's directory.
    """
    with contextlib.suppress(OSError, base.DriverError):
        data = layout.open_data(directory)
        try:
            if os.fstat(data).st_ino != btrfs.TOP:
                return
            found = btrfs.subvolume_of(data)
        finally:
            os.close(data)
        os.setxattr(directory, _SEAL, b'%b %d %d' % (
            found.uuid.encode(), found.changed, time.time_ns()))


def find(repository, place, lineage, ignore, every):
    """Find the backup that a new one can continue.

    :param repository: an open :class:`~.layout.Repository`.
    :param place: of the new one.
    :param lineage: a :class:`~manila_backup.fs.lineages.Lineage`.
    :param ignore: as for :func:`describe`.
    :param every: int, of how many backups one looks at everything.
    :returns: (a :class:`~.parent.Candidate`, dict of what it was copied
        from).
    :raises Unfit: there is none.
    """
    if repository.format != manifest.SECOND:
        raise Unfit('the repository has an older format')
    found = parent.candidate(repository, place, outline.peek)
    if found is None:
        raise Unfit('there is no earlier backup')
    try:
        return found, _continued(found, lineage, ignore, every)
    except BaseException:
        found.close()
        raise


def _continued(found, lineage, ignore, every):
    before = found.about.get(LINEAGE)
    try:
        if not before or not found.about['has_flags']:
            raise Unfit('the earlier backup does not tell what it was copied '
                        'from')
        if not lineage.continues(before['subvolume'], before['mark']):
            raise Unfit('the share is not the continuation of what the '
                        'earlier backup was copied from')
        if before['ignored'] != _shown(ignore):
            raise Unfit('other names were to be ignored')
        if before['since_scan'] + 1 >= every:
            raise Unfit('everything is looked at now and then')
        if (found.about.get('record') or {}).get('warnings'):
            raise Unfit('the earlier backup is not complete')
        if not 0 < before['generation'] <= lineage.generation:
            raise Unfit('generations went backwards')
    except (KeyError, TypeError) as exc:
        raise Unfit(f'the earlier backup does not tell {exc}') from exc
    return before


def written(root, generation, check):
    """Find what was written in a share since an earlier snapshot.

    :param root: int, descriptor of the share's directory in a snapshot.
    :param generation: int, that of the earlier one.
    :returns: a :class:`~.changes.Written`.
    :raises Unfit: that can't be told, or is too much.
    """
    try:
        inodes, names = {}, []
        for inode in btrfs_search.written_since(root, generation):
            inodes[inode.number] = inode
            if len(inodes) > _MOST:
                raise Unfit('too much was written')
        for inode in inodes.values():
            if not inode.is_directory:
                check()
                names.extend((directory, name, inode.number)
                             for directory, name in btrfs_search.names(
                                 root, inode.number))
                if len(names) > 2 * _MOST:
                    raise Unfit('too much was written')
    except OSError as exc:
        raise Unfit(f'the share\'s file system can\'t be searched: '
                    f'{exc.strerror}') from exc
    return changes.Written(inodes, names, os.fstat(root).st_ino)


def begin(found, directory):
    """Make the data of a new backup a snapshot of an earlier one's.

    :param found: the :class:`~.parent.Candidate`.
    :param directory: int, descriptor of the new backup's directory.
    :raises Unfit: that can't be, or it is not what it was when it was
        finished.
    """
    try:
        number, generation, moment = os.getxattr(
            found.directory, _SEAL).split()
        data = layout.open_data(found.directory)
        try:
            if (os.fstat(data).st_ino != btrfs.TOP
                    or btrfs.subvolume_of(data).uuid != number.decode()):
                raise Unfit('the data of the earlier backup is another '
                            'directory')
            os.rmdir(layout.DATA, dir_fd=directory)
            btrfs.snapshot(data, layout.DATA, directory, writable=True)
        finally:
            os.close(data)
        _check(directory, int(generation), int(moment))
    except (ValueError, base.DriverError) as exc:
        raise Unfit(f'the earlier backup can\'t be used: {exc}') from exc
    except OSError as exc:
        raise Unfit(f'there can be no snapshot of the earlier backup: '
                    f'{exc.strerror}') from exc


def _check(directory, generation, moment):
    """Make sure that nothing was changed in an earlier backup. To read it may
    write the time of that into its inodes, but not the time of their change.

    :param directory: int, of the new one.
    :param generation: int, in which it was finished.
    :param moment: int, nanoseconds; when that was.
    """
    data = os.open(layout.DATA, handles.DIRECTORY, dir_fd=directory)
    try:
        for inode in btrfs_search.written_since(data, generation + 1):
            if inode.ctime > moment:
                raise Unfit('the earlier backup was changed')
    finally:
        os.close(data)


def outlined(found, what, check):
    """Read the manifest of an earlier backup.

    :param what: the :class:`~.changes.Written`.
    :returns: an :class:`~.outline.Outline`.
    :raises Unfit: it is damaged, or tells of any problem.
    """
    try:
        read = outline.Outline(found.text, what.directories(), check)
        totals = read.totals
        if (totals['problem_count'] or totals['missing'] or totals['notes']
                or totals['notes_are_cut']):
            raise Unfit('the earlier backup is not complete')
    except (dirent.Malformed, KeyError, IndexError, ValueError,
            OverflowError) as exc:
        raise Unfit(f'the earlier manifest is damaged: {exc}') from exc
    return read


class Copy(changes.ChangesCopy):
    """The copy of what has changed since a backup.

    :param earlier: the :class:`~.parent.Candidate`.
    """

    def __init__(self, earlier, found, what, *args):
        super().__init__(found, what, self._is_same, *args)
        self._earlier = earlier
        self._surely = parent.surely_until(earlier.since)
        self._files = None

    def __exit__(self, *exc_info):
        super().__exit__(*exc_info)
        if self._files:
            self._files.close()

    def parent(self, given):
        self._files = self._earlier.files(self.changes.earlier,
                                          self.found.tree)
        return self._files

    def _is_same(self, line, st):
        """Tell whether a file was written to, but not changed, as when it was
        read: what a scan takes for unchanged."""
        if not line.text.startswith(b'F ') or manifest.has_unread(line.text):
            return False
        entry = dirent.parse(line.text.rstrip(b'\n'))
        return ((entry.mtime, entry.ctime, entry.inode, entry.size)
                == (st.st_mtime_ns, st.st_ctime_ns, st.st_ino, st.st_size)
                and self._surely(st.st_ctime_ns))
