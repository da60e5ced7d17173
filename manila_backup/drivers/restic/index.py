# SPDX-License-Identifier: Apache-2.0
"""A tree that restic has restored, with a manifest of it: by that a share is
made equal to it."""

import functools
import os
import time

from manila_backup.copying import journal
from manila_backup.copying import manifest
from manila_backup.copying import names
from manila_backup.copying import regular_files
from manila_backup.copying import scan
from manila_backup.copying import store
from manila_backup.copying import tree_copy
from manila_backup.drivers.restic import absent
from manila_backup import exception
from manila_backup.fs import attributes
from manila_backup.fs import content
from manila_backup.fs import dirent
from manila_backup.fs import errors
from manila_backup.fs import handles


class _Digests(regular_files.RegularFiles):
    """Describes files, which are where they should be stored."""

    def store(self, source, name, cloned=None):
        st = os.fstat(source)
        digest = content.digest_like_copy(source, st, self._check)
        return dirent.line(dirent.of_stat(
            b'F', name, st, digest, attributes.read_xattrs(source),
            st.st_size)), 0, st.st_size


class _Reader(store.Storer):
    """Finds things where they should be stored, so only describes them."""

    regular = _Digests

    def _make(self, entry):
        text = dirent.line(entry)
        self._lines.append(text)
        self._done(entry.size)
        return text

    def _join(self, name, st, first, entered):
        if self._at.path != entered:
            self._lines.append(self._heading(b'c'))
        self._lines.append(b'H %b\n' % dirent.quote(name))
        self._done(st.st_size)
        self.bytes -= st.st_size
        return True


class _Scan(scan.Scan):
    """Also notes what the tree lacks of the share: a restore leaves that
    alone.

    :param lacks: dict of why, as in a manifest, to
        :class:`~.absent.Absent`.
    """

    def __init__(self, lacks, *args):
        super().__init__(*args)
        self._lacks = lacks

    def _numbered(self, here, st):
        number, about = super()._numbered(here, st)
        self._is_whole = True
        for why, lacking in self._lacks.items():
            missing, is_all = lacking.of(here.path)
            self._is_whole = self._is_whole and is_all
            for name in missing:
                self._unread.append((number, name, why))
            self.files += len(missing)
            self._count += len(missing)
        return number, about

    def _note(self, entry):
        super()._note(entry if self._is_whole else entry._replace(
            lost=(*entry.lost, b'entries')))


class Staged(tree_copy.TreeCopy):
    """The manifest of a tree that is put there by another.

    :param directory: int, descriptor of an empty directory.
    :param lacks: an :class:`~.absent.Absent` with what was not read.
    :param partial: as for :class:`~manila_backup.copying.scan.Scan`.
    """

    storer = _Reader

    def __init__(self, directory, processes, progress, lacks,
                 partial=frozenset()):
        journal.prepare(directory)
        super().__init__(directory, processes, progress)
        self.data = os.open(journal.DATA, handles.DIRECTORY,
                            dir_fd=directory)
        #: What could not be put there.
        self.unmade = absent.Absent()
        self.scanner = functools.partial(_Scan, {
            manifest.UNREADABLE: lacks, manifest.STAGING: self.unmade})
        self.partial = partial

    def __exit__(self, *exc_info):
        os.close(self.data)
        super().__exit__(*exc_info)

    def describe(self):
        """Describe all that is there by now.

        :returns: a :class:`~manila_backup.copying.manifest.Manifest`, with an
            open file.
        """
        there = os.fstat(self.directory)
        with names.Names(self.directory) as taken:
            # Nobody else can write to it.
            self.run(self.data, self.data, time.time_ns(),
                     (there.st_dev, there.st_ino), taken)
        self.check_read()
        try:
            self.write_manifest(manifest.NAME, {})
        except OSError as exc:
            raise errors.failed('write the', manifest.NAME, exc) from exc
        if self.problems.count:
            raise exception.StorageFailed(
                'What was restored for comparison changed meanwhile: '
                f'{self.problems.sentences[0]}', retryable=True)
        return manifest.Manifest(manifest.open_in(self.directory))
