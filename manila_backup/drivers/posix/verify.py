# SPDX-License-Identifier: Apache-2.0
"""Comparing what a repository holds with what its manifests say."""

import itertools
import os
import stat

from manila_backup.copying import manifest
from manila_backup.copying import pool
from manila_backup.copying import reporting
from manila_backup.drivers import base
from manila_backup.drivers.posix import layout
from manila_backup.drivers.posix import resume
from manila_backup.fs import attributes
from manila_backup.fs import content
from manila_backup.fs import dirent
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import spools
from manila_backup.fs import walk

_MOST = 1000

DIRECTORIES, BLOCKS = 0, 1


def spans(found):
    """Batches of all of a manifest, for :func:`~.pool.run`."""
    for span in found.directories:
        yield (DIRECTORIES, *span)
    for span in found.blocks:
        yield (BLOCKS, *span)


def count(root, scratch, check, finder=None):
    """Count the entries below a directory.

    :param root: int, a descriptor.
    :param scratch: int, of a scratch file.
    :param check: called now and then.
    :param finder: an :class:`~.name_keys.Finder`, to see all names.
    """
    here = walk.Walk(root, spools.Spool(scratch))
    total, more = 0, True
    while more:
        with os.scandir(here.enter()) as entries:
            for entry in entries:
                total += 1
                if finder is not None:
                    finder.name(entry.name)
                if entry.is_dir(follow_symlinks=False):
                    here.put(os.fsencode(entry.name))
        if finder is not None:
            finder.end(here.path)
        check()
        more = here.next()
    here.close()
    return total


class Examiner:
    """Looks at stored entries.

    Each method returns what is wrong, to go after "is", or None.

    :param data: int, descriptor of the backup's tree.
    :param tick: called with numbers of bytes read.
    """

    def __init__(self, data, tick):
        self._descent = handles.Descent(data)
        self._tick = tick

    def enter(self, path):
        """The stored directory, or None if it is not there."""
        try:
            return self._descent.enter(path)
        except OSError as exc:
            if exc.errno in errors.GONE:
                return None
            raise

    def shape(self, directory, entry):
        """Everything that can be told without reading content."""
        st = handles.look(directory, entry.name)
        if st is None:
            return 'missing'
        if stat.S_IFMT(st.st_mode) != dirent.TYPES[entry.kind]:
            return 'of another type'
        if entry.kind == b'F' and st.st_size != entry.size:
            return 'of another size'
        if entry.kind == b'L' and os.readlink(
                entry.name, dir_fd=directory) != entry.extra:
            return 'a link to something else'
        if entry.kind in b'CB' and st.st_rdev != entry.extra:
            return 'another device'
        return None

    def content(self, directory, entry):
        """A regular file's content."""
        try:
            fd = os.open(entry.name, handles.READ, dir_fd=directory)
        except OSError as exc:
            if exc.errno in errors.GONE:
                return 'missing'
            return errors.unreadable(exc)
        try:
            if content.digest(fd, entry.size, entry.extra,
                              self._tick) != entry.extra:
                return 'damaged: its digest is wrong'
        except content.Changed:
            return 'of another size'
        except OSError as exc:
            return errors.unreadable(exc)
        finally:
            os.close(fd)
        return None

    def attributes(self, directory, entry):
        """Owner, mode, time and extended attributes, but for what could not
        be stored."""
        if entry.kind == b'D':
            target, follow = directory, True
            st = os.fstat(directory)
        else:
            st = os.stat(entry.name, dir_fd=directory, follow_symlinks=False)
            target = attributes.special(directory, entry.name)
            follow = False
        lost = set(entry.lost)
        wrong = []
        if b'owner' not in lost and (st.st_uid, st.st_gid) != (entry.uid,
                                                               entry.gid):
            wrong.append('owner')
        if b'mode' not in lost and entry.kind != b'L' and (
                stat.S_IMODE(st.st_mode) != entry.mode):
            wrong.append('mode')
        if b'time' not in lost and st.st_mtime_ns != entry.mtime:
            wrong.append('modification time')
        kept = tuple(item for item in entry.xattrs
                     if b'x:' + os.fsencode(item[0]) not in lost)
        # On btrfs, the repository's own properties are inherited by all in
        # it.
        if tuple(item for item in attributes.read_xattrs(target, follow)
                 if item in kept or not item[0].startswith('btrfs.')
                 ) != kept:
            wrong.append('extended attributes')
        return f'not as stored: {", ".join(wrong)}' if wrong else None

    def links(self, directory, entry, others):
        """Check that all names of a group are names of one file.

        :param others: :class:`~.manifest.Links`.
        :returns: (path of the name that isn't, what is wrong) or None.
        """
        st = handles.look(directory, entry.name)
        for path, text in others:
            name, stored = manifest.link_name(text)
            if not stored:
                continue
            there = self.enter(path)
            other = None if there is None else handles.look(there, name)
            if other is None:
                return handles.join(path, name), 'missing'
            if st is None or not os.path.samestat(st, other):
                return handles.join(path, name), (
                    'not the hard link that it was')
        return None


class _Verifier:
    """Work of each process of a verification."""

    def __init__(self, data, found, progress):
        self._found = found
        self._progress = progress
        self._examiner = Examiner(data, lambda count: progress.advance(
            0, count))
        self._damages = []

    def __call__(self, inbox, _):
        for kind, offset, size in inbox:
            if kind == DIRECTORIES:
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
            self._progress.advance(int(path != handles.ROOT), 0)

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
                entry.kind == b'L') else 0)

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
            found = layout.open_manifest(directory, place)
        except base.DamagedBackup as exc:
            return [str(exc)]
        try:
            return _verify(repository, directory, found, processes, progress)
        finally:
            os.close(found.fd)
    finally:
        os.close(directory)


def _verify(repository, directory, found, processes, progress):
    damages = _metadata(directory, found)
    with os.scandir(directory) as entries:
        damages.extend(
            f'"{errors.printable(os.fsencode(entry.name))}" does not belong '
            f'beside the backup\'s {layout.DATA}.' for entry in entries
            if entry.name not in (layout.DATA, layout.METADATA,
                                  manifest.NAME))
    progress.expect(found.entries, found.bytes)
    try:
        data = os.open(layout.DATA, handles.DIRECTORY, dir_fd=directory)
    except OSError as exc:
        said = errors.failed('open the backup\'s', layout.DATA, exc,
                             reporting.kind(exc))
        if not isinstance(said, base.DamagedBackup):
            raise said from exc
        return damages + [str(said)]
    try:
        # In an order that doesn't depend on which process was quicker.
        damages.extend(sorted(itertools.chain.from_iterable(
            pool.run(processes, _Verifier(data, found, progress),
                     spans(found), progress))))
        scratch = handles.scratch()
        try:
            number = count(data, scratch, progress.check)
            if damages or number != found.stored_entries:
                damages.extend(_extras(data, found, progress, scratch))
        finally:
            os.close(scratch)
    except dirent.Malformed as exc:
        damages.append(f'The manifest has an invalid line: {exc}.')
    finally:
        os.close(data)
    if len(damages) > _MOST:
        more = len(damages) - _MOST
        damages[_MOST:] = [f'There are {more} more damages.']
    return damages


def _metadata(directory, found):
    """Damages of the short form: it must say what the manifest says."""
    try:
        said = layout.read_metadata_text(directory)
    except OSError as exc:
        found = errors.failed('read the backup\'s', layout.METADATA, exc,
                              reporting.kind(exc))
        if not isinstance(found, base.DamagedBackup):
            raise found from exc
        return [str(found)]
    if said != layout.metadata(found.about, found.totals, found.digest):
        return [f'The backup\'s {layout.METADATA} contradicts its manifest.']
    return []


def _extras(data, found, progress, scratch):
    """Name what is stored without being in the manifest."""
    known = resume.Index(found.fd, every=True)
    here = walk.Walk(data, spools.Spool(scratch))
    more = True
    while more:
        unstored = found.unstored.get(known.directory(here.path), ())
        with os.scandir(here.enter()) as entries:
            for entry in entries:
                name = os.fsencode(entry.name)
                below = handles.join(here.path, name)
                if entry.is_dir(follow_symlinks=False):
                    here.put(name)
                    there = known.directory(below) is not None
                else:
                    there = known.has(here.path, name)
                if not there or name in unstored:
                    yield (f'"{errors.printable(below)}" is not in the '
                           'manifest.')
        progress.check()
        more = here.next()
    here.close()
