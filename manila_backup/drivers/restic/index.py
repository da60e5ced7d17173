# SPDX-License-Identifier: Apache-2.0
"""A tree that restic has restored, made a backup of the posix driver's: what
that knows of making a share equal to one then serves here too."""

import functools
import os
import time

from manila_backup.copying import manifest
from manila_backup.copying import scan
from manila_backup.copying import store
from manila_backup.drivers import base
from manila_backup.drivers.posix import backup
from manila_backup.drivers.posix import layout
from manila_backup.fs import attributes
from manila_backup.fs import content
from manila_backup.fs import dirent
from manila_backup.fs import handles

_ATTEMPT = 1


class _Reader(store.Storer):
    """Finds things where they should be stored, so only describes them."""

    def _copy_once(self, source, name, cloned=None):
        st = os.fstat(source)
        digest = content.digest_like_copy(
            source, st, lambda count: self.progress.check())
        return dirent.line(dirent.of_stat(
            b'F', name, st, digest, attributes.read_xattrs(source),
            st.st_size)), 0, st.st_size

    def _make(self, entry):
        text = dirent.line(entry)
        self._lines.append(text)
        self._done(entry.size)
        return text

    def _join(self, name, st, first, entered):
        if self._path != entered:
            self._lines.append(self._here(b'c'))
        self._lines.append(b'H %b\n' % dirent.quote(name))
        self._done(st.st_size)
        self.bytes -= st.st_size
        return True


class _Scan(scan.Scan):
    """Also notes what a backup lacks of its directories, not having been
    read: a restore leaves that alone.

    :param lacks: an :class:`~.absent.Absent`.
    """

    def __init__(self, lacks, *args):
        super().__init__(*args)
        self._lacks = lacks

    def _numbered(self, here, st):
        number, about = super()._numbered(here, st)
        names, self._is_whole = self._lacks.of(here.path)
        for name in names:
            self._unread.append((number, name, manifest.UNREADABLE))
        self.files += len(names)
        self._count += len(names)
        return number, about

    def _note(self, entry):
        super()._note(entry if self._is_whole else entry._replace(
            lost=(*entry.lost, b'entries')))


class Staged(backup.Backup):
    """A backup whose data is put there by another.

    :param repository: an open repository of the posix driver, that is only
        for this.
    :param lacks: an :class:`~.absent.Absent`.
    :param partial: as for :class:`~manila_backup.copying.scan.Scan`.
    """

    storer = _Reader

    def __init__(self, repository, place, processes, progress, lacks,
                 partial=frozenset()):
        super().__init__(repository, place, _ATTEMPT, {}, None, processes,
                         (), progress, incremental=False)
        self.scanner = functools.partial(_Scan, lacks)
        self.partial = partial

    def prepare(self):
        """Make its directory.

        :returns: int, a descriptor of where the data has to go.
        """
        self._directory = layout.prepare(self.repository, self.place,
                                         _ATTEMPT)
        return os.open(layout.DATA, handles.DIRECTORY,
                       dir_fd=self._directory)

    def publish(self, data):
        """Describe all that is there and have it be a backup.

        :param data: int, what :meth:`prepare` returned.
        """
        about = {
            'project_id': self.place.project_id,
            'share_id': self.place.share_id,
            'backup_id': self.place.backup_id,
            'attempt': _ATTEMPT,
            'created_at': '',
        }
        try:
            # Nobody else can write to it.
            self._copy(data, data, self._directory, about, time.time_ns())
            report = self._finish(self._directory, about)
        finally:
            os.close(self._directory)
        if report.problem_count:
            raise base.DriverError(
                'What was restored for comparison changed meanwhile: '
                f'{report.problems[0]}', retryable=True)
        with self.repository.share(self.place) as share:
            layout.publish(share, self.place, _ATTEMPT)
