# SPDX-License-Identifier: Apache-2.0
"""Comparing what a repository holds with what its manifests say."""

import itertools
import os

from manila_backup.copying import examine
from manila_backup.copying import manifest
from manila_backup.copying import manifest_index
from manila_backup.copying import pool
from manila_backup.copying import reporting
from manila_backup.drivers import base
from manila_backup.drivers.posix import layout
from manila_backup.drivers.posix import metadata
from manila_backup.fs import dirent
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import walk
from manila_backup import wording

_MOST = 1000


class _Verifier:
    """Work of each lane of a verification."""

    def __init__(self, data, found, progress):
        self._found = found
        self._progress = progress
        self._examiner = examine.Examiner(data, lambda count: progress.advance(
            0, count, 1))
        self._damages = []

    def __call__(self, inbox):
        for kind, offset, size in inbox:
            if kind == examine.DIRECTORIES:
                self._directories((offset, size))
            else:
                self._block((offset, size))
        return self._damages

    def _say(self, path, damage):
        if damage and len(self._damages) < _MOST:
            self._damages.append(f'"{errors.printable(path)}" is {damage}.')

    def _guard(self, shown, function, *args):
        """Examine one entry; that its disk lost it is a damage too."""
        try:
            function(*args)
        except OSError as exc:
            try:
                self._say(shown, errors.unreadable(exc))
            except OSError:
                raise errors.failed('read in the repository', shown,
                                    exc) from exc

    def _directories(self, span):
        for path, entry in self._found.described(span):
            self._guard(path, self._directory, path, entry)
            self._progress.advance(int(path != handles.ROOT), 0,
                                   reporting.COMPARED)

    def _directory(self, path, entry):
        fd = self._examiner.enter(path)
        self._say(path, 'missing' if fd is None else
                  self._examiner.attributes(fd, entry))

    def _block(self, span):
        for path, text, links in self._found.groups(span):
            if text.startswith(b'U '):
                continue
            entry = dirent.parse(text)
            if b'node' not in entry.lost:
                self._guard(handles.join(path, entry.name), self._entry,
                            path, entry, links)
            self._progress.advance(1 + len(links), entry.size if (
                entry.kind == b'L') else 0, reporting.COMPARED)

    def _entry(self, path, entry, links):
        fd = self._examiner.enter(path)
        shown = handles.join(path, entry.name)
        damage = ('missing' if fd is None else
                  self._examiner.shape(fd, entry))
        if damage:
            self._say(shown, damage)
            return
        if entry.kind == b'F':
            self._say(shown, self._examiner.content(fd, entry))
        self._say(shown, self._examiner.attributes(fd, entry))
        if links:
            apart = self._examiner.links(fd, entry, links)
            if apart:
                self._say(*apart)


def verify(repository, place, processes, progress):
    """Compare all of a finished backup with its manifest.

    :returns: list of str, a sentence for each damage.
    """
    with repository.share(place) as share:
        if not layout.is_published(share, place):
            return ['The backup is not in the repository.']
        try:
            directory = layout.open_published(share, place)
        except base.DamagedBackup as exc:
            return [str(exc)]
    try:
        try:
            found = metadata.open_manifest(directory, place)
        except base.DamagedBackup as exc:
            return [str(exc)]
        try:
            return _verify(directory, found, processes, progress)
        finally:
            os.close(found.fd)
    finally:
        os.close(directory)


def _verify(directory, found, processes, progress):
    damages = _metadata(directory, found)
    with os.scandir(directory) as entries:
        damages.extend(
            f'"{errors.printable(os.fsencode(entry.name))}" does not belong '
            f'beside the backup\'s {layout.DATA}.' for entry in entries
            if entry.name not in (layout.DATA, metadata.NAME,
                                  manifest.NAME))
    progress.expect(found.entries, found.bytes)
    try:
        data = layout.open_data(directory)
    except base.DamagedBackup as exc:
        return [*damages, str(exc)]

    def work(inbox, _):
        return _Verifier(data, found.apart(), progress)(inbox)

    try:
        # In an order that doesn't depend on which lane was quicker.
        damages.extend(sorted(itertools.chain.from_iterable(pool.run(
            processes, work, examine.spans(found), progress))))
        number = examine.count(data, progress.check)
        if damages or number != found.stored_entries:
            damages.extend(_extras(data, found, progress))
    except dirent.Malformed as exc:
        damages.append(f'The manifest has an invalid line: {exc}.')
    finally:
        os.close(data)
    if len(damages) > _MOST:
        more = len(damages) - _MOST
        damages[_MOST:] = [
            'Beside these there is more: '
            f'{wording.counted(more, "damage")}.']
    return damages


def _metadata(directory, found):
    """Damages of the short form: it must say what the manifest says."""
    try:
        said = metadata.read_text(directory)
    except OSError as exc:
        found = errors.failed('read the backup\'s', metadata.NAME, exc,
                              reporting.kind(exc))
        if not isinstance(found, base.DamagedBackup):
            raise found from exc
        return [str(found)]
    if said != metadata.text(found.about, found.totals, found.digest):
        return [f'The backup\'s {metadata.NAME} contradicts its manifest.']
    return []


def _extras(data, found, progress):
    """Name what is stored without being in the manifest."""
    known = manifest_index.Index(found.fd, every=True)
    here = walk.Walk(data)
    for path in here:
        unstored = found.unstored.get(known.directory(path), ())
        for entry in here.entries():
            name = os.fsencode(entry.name)
            below = handles.join(path, name)
            if entry.is_dir(follow_symlinks=False):
                there = known.directory(below) is not None
            else:
                there = known.has(path, name)
            if not there or name in unstored:
                yield f'"{errors.printable(below)}" is not in the manifest.'
        progress.check()
