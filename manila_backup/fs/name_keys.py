# SPDX-License-Identifier: Apache-2.0
"""Names that a file system may take for one and the same: where case, Unicode
normalisation or dots at the end don't count.

Each file system has rules of its own for that. So the keys formed here only
tell what *may* be the same, by all rules there are; what is so is found out by
looking a name up that has not been made.
"""

import array
import os
import unicodedata

from manila_backup.fs import handles

#: Of names that are there for a moment: a later restore removes them.
TEMPORARY = b'.manila-backup-'

#: Under one of these, CephFS, GlusterFS and filers have the snapshots of each
#: directory in it, most of them without listing it; and what is made in such a
#: directory is a snapshot.
SNAPSHOTS = frozenset((b'.snap', b'.snaps', b'.snapshot', b'.snapshots'))
_SNAPSHOTS = frozenset(map(os.fsdecode, SNAPSHOTS))

# Keys compared in one go, which bounds the memory for it.
_PART = 1 << 18


def key(name):
    """Fold a name: names that any file system takes for the same have the same
    key.

    :param name: str, undecodable bytes as surrogates.
    :returns: str.
    """
    if name.isascii():
        return name.lower().rstrip('. ')
    text = unicodedata.normalize('NFKD', name).casefold()
    text = unicodedata.normalize('NFKD', text).replace('\u0131', 'i')
    return ''.join(
        char for char in text if unicodedata.category(char) != 'Cf'
        and not '\ufe00' <= char <= '\ufe0f').rstrip('. ')


def _plain(name):
    """Fold a name by the rules that most file systems have."""
    return unicodedata.normalize(
        'NFC', unicodedata.normalize('NFC', os.fsdecode(name)).casefold())


def _repeated(hashes):
    """Return the values that are in an array more than once, as a set."""
    parts = len(hashes) // _PART + 1
    found = set()
    for number in range(parts):
        seen = set()
        for each in hashes:
            if each % parts == number:
                if each in seen:
                    found.add(each)
                seen.add(each)
    return found


class Finder:
    """Finds the directories with names in them that may be the same.

    :param queue: a :class:`~.spools.PathQueue`, which gets their paths.
    """

    def __init__(self, queue):
        self.queue = queue
        self._hashes = array.array('q')
        self._may_be_taken = False

    def name(self, name):
        """Take notice of one more name of the directory at hand."""
        self._hashes.append(hash(key(name)))
        self._may_be_taken |= name in _SNAPSHOTS

    def end(self, path):
        """Finish a directory: queue it if names in it may be the same, or be
        among :data:`SNAPSHOTS`."""
        if self._may_be_taken or (len(self._hashes) > 1
                                  and _repeated(self._hashes)):
            self.queue.put(path)
        self._may_be_taken = False
        del self._hashes[:]


def groups(directory, more=(), ignore=frozenset()):
    """The names in a directory that may be the same.

    :param directory: int, a descriptor.
    :param more: iterable of bytes, names that it should have besides.
    :param ignore: names not to look at.
    :returns: list of lists of bytes, each of two or more.
    """
    more = [os.fsdecode(name) for name in more]

    def names():
        with handles.entries(directory) as entries:
            for entry in entries:
                if os.fsencode(entry.name) not in ignore:
                    yield entry.name
        yield from more

    repeated = _repeated(array.array('q', (hash(key(name))
                                           for name in names())))
    found = {}
    if repeated:
        for name in names():
            shared = key(name)
            if hash(shared) in repeated:
                found.setdefault(shared, set()).add(os.fsencode(name))
    return [sorted(each) for each in found.values() if len(each) > 1]


def of_snapshots(directory, more=(), ignore=frozenset()):
    """Find the names among :data:`SNAPSHOTS` that a directory lists.

    :param more: iterable of bytes, names that it should have besides.
    :param ignore: names not to look at.
    :returns: set of bytes.
    """
    with handles.entries(directory) as entries:
        found = {entry.name for entry in entries
                 if entry.name in _SNAPSHOTS}
    return (set(map(os.fsencode, found)) | SNAPSHOTS.intersection(more)
            ).difference(ignore)


def reserved(directory, names=SNAPSHOTS):
    """Find the names that a file system has in a directory for its snapshots:
    they are found, and no listing shows them.

    :param directory: int, a descriptor.
    :param names: iterable of bytes, of those in :data:`SNAPSHOTS`.
    :returns: set of bytes.
    :raises OSError: the directory can't be read.
    """
    found = {name for name in names
             if handles.look(directory, name) is not None}
    if found:
        with handles.entries(directory) as entries:
            listed = {key(entry.name) for entry in entries}
        # Another spelling of one that is listed is that one.
        found = {name for name in found
                 if key(os.fsdecode(name)) not in listed
                 and handles.look(directory, name) is not None}
    return found


def folds(directory):
    """Tell whether a directory takes some different names for the same. If
    that can't be determined, it is assumed.

    :param directory: int, descriptor of one that can be written to.
    """
    prefix = b'%b%b-' % (TEMPORARY, os.urandom(8).hex().encode())
    for end, others in ((b'a\xc3\xa9', (b'A\xc3\xa9', b'a\xc3\x89',
                                        b'ae\xcc\x81')),
                        (b'a', (b'A',))):
        try:
            os.close(os.open(prefix + end, handles.CREATE, 0o600,
                             dir_fd=directory))
        except OSError:
            continue        # not every file system takes any name
        try:
            return any(handles.look(directory, prefix + other) is not None
                       for other in others)
        finally:
            handles.unlink(prefix + end, directory)
    return True


def fallen(directory, found):
    """List the names that clash with another name in a directory, the first of
    each group excepted.

    :param directory: int, descriptor of one that can be written to.
    :param found: what :func:`groups` returned.
    :returns: list of (name, the one that is kept), as bytes.
    """
    if not found or not folds(directory):
        return []
    wanted = {name for names in found for name in names}
    with handles.entries(directory) as entries:
        there = {os.fsencode(entry.name) for entry in entries
                 if os.fsencode(entry.name) in wanted}
    lost = []
    for names in found:
        made = []
        try:
            lost.extend(_fallen(directory, names, there, made))
        finally:
            for name in made:
                handles.unlink(name, directory)
    return lost


def _fallen(directory, names, there, made):
    """List the clashing names of one group.

    :param there: set of bytes, the names that listings show.
    :param made: list, gets the names that were made to find out.
    """
    kept = {}       # by what it is, and by how it is spelt
    for name in names:
        st = handles.look(directory, name)
        if st is None and _make(directory, name):
            made.append(name)
            st = handles.look(directory, name)
        keys = [_plain(name)]
        if st is not None:
            keys.insert(0, (st.st_dev, st.st_ino))
        real = name in there or name in made
        had = None
        for each in keys:
            other = kept.get(each)
            # Two that are listed are two, whatever they have in common.
            if other and not (real and (other in there or other in made)):
                had = other
                break
        if had:
            yield name, had
            continue
        for each in keys:
            kept.setdefault(each, name)


def _make(directory, name):
    """Tell whether a file with that name could be created."""
    try:
        os.close(os.open(name, handles.CREATE, 0o600, dir_fd=directory))
        return True
    except OSError:
        return False


class Aliases:
    """Names that are found in a directory although no listing shows them.

    :param directory: int, a descriptor.
    :param missing: iterable of bytes, the names that aren't listed.
    """

    def __init__(self, directory, missing):
        self._directory = directory
        self._found = {}
        for name in missing:
            st = handles.look(directory, name)
            if st is not None:
                for each in (st.st_dev, st.st_ino), key(os.fsdecode(name)):
                    self._found.setdefault(each, []).append(name)

    def of(self, name):
        """The names that may be those of a listed one; list of bytes."""
        if not self._found:
            return []
        st = handles.look(self._directory, name)
        if st is None:
            return []
        both = (self._found.get(key(os.fsdecode(name)), [])
                + self._found.get((st.st_dev, st.st_ino), []))
        return list(dict.fromkeys(both))

    def forget(self, name):
        """One has got its entry."""
        for names in self._found.values():
            if name in names:
                names.remove(name)


class Fallen:
    """The paths that a restore passes over; false if there are none."""

    def __init__(self):
        self._paths = set()
        self._asked = None, False

    def __bool__(self):
        return bool(self._paths)

    def add(self, path):
        self._paths.add(path)
        self._asked = None, False

    def covers(self, path):
        """Tell whether a directory is one of them, or below one."""
        if not self._paths or path == handles.ROOT:
            return False
        asked, covered = self._asked
        if asked != path:
            at = len(path)
            while at > 0 and path[:at] not in self._paths:
                at = path.rfind(b'/', 0, at)
            covered = at > 0
            # In one step, for all threads that ask.
            self._asked = path, covered
        return covered

    def has(self, path, name):
        """Tell whether a name in a directory is one of them, or below one."""
        return bool(self._paths) and (
            handles.join(path, name) in self._paths or self.covers(path))
