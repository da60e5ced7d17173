# SPDX-License-Identifier: Apache-2.0
"""The copy of what has changed in a tree since an earlier copy of it, of which
the file system tells the inodes that were written since: everything else is
taken from there without being looked at.

Whatever the earlier manifest, the directories and the file system do not agree
about, or is not handled here, is a reason to look at everything instead:
:class:`.outline.Unfit`.
"""

import array
import os
import stat

from manila_backup.copying import journal
from manila_backup.copying import outline
from manila_backup.copying import scan
from manila_backup.copying import tree_copy
from manila_backup.fs import attributes
from manila_backup.fs import content
from manila_backup.fs import dirent
from manila_backup.fs import handles
from manila_backup.fs import inode_flags
from manila_backup.fs import removal
from manila_backup.fs import walk

# More names than that in directories that have changed are not compared: they
# are in memory.
_MOST = 300_000

Unfit = outline.Unfit


class Written:
    """Inodes that were written since an earlier copy.

    :param inodes: dict of a number to the inode's
        :class:`~manila_backup.fs.btrfs_search.Inode`.
    :param names: list of (inode of the directory, name, inode) of those that
        are no directories.
    :param root: int, the inode of the tree's root.
    """

    def __init__(self, inodes, names, root):
        self.inodes = inodes
        self.names = names
        self.root = root

    def directories(self):
        """The inodes of the directories that have to be known, as a set."""
        return {self.root}.union(
            (each.number for each in self.inodes.values()
             if each.is_directory),
            (directory for directory, *_ in self.names))


class Changes(scan.Scan):
    """Finds what has to be copied, as a scan does: makes batches of it.

    :param found: the :class:`~.outline.Outline` of the earlier manifest.
    :param written: a :class:`Written`.
    :param is_same: called with a :class:`~.outline.Line` and an
        os.stat_result; tells whether that is surely unchanged.
    :ivar removed: list of (start, end) of what the earlier manifest says, and
        the new one does not.
    :ivar gone: list of (path, name, bool: whether it is a directory) of what
        the copy that it begins with has, and should not.
    :ivar numbers: as for :meth:`.Outline.copy`.
    :ivar live: int, how many directories stay.
    :ivar kept: (int, int), entries that stay, and the sum of their sizes.
    :ivar earlier: int, of a scratch file with the lines of what was removed,
        or is copied again; as in a manifest without directories.
    """

    def __init__(self, found, written, is_same, *args):
        super().__init__(*args)
        self.found = found
        self.written = written
        self.is_same = is_same
        self.removed, self.gone = [], []
        self.earlier = handles.scratch()
        self._dead = bytearray(len(found.parents))
        self._old = {}
        self._todo = []
        self._descent = handles.Descent(self.root)
        try:
            self._compare_all()
            self._number_all()
            self._batches = list(self._find())
        except BaseException:
            os.close(self.earlier)
            raise
        finally:
            self._descent.close()

    def batches(self):
        yield from self._batches

    # -- what differs

    def _compare_all(self):
        known = self.found.known
        if known.get(self.written.root) != 0:
            raise Unfit('the root of the share is another directory')
        again = {}
        for directory, name, inode in self.written.names:
            number = known.get(directory)
            if number is not None and (number or name not in self.ignore):
                again.setdefault(number, {})[name] = inode
        changed = {known[inode] for inode, each in self.written.inodes.items()
                   if each.is_directory and inode in known}
        numbers = changed | again.keys()
        count = 0
        for number, _, _, lines in self.found.blocks(numbers):
            if number not in changed:
                wanted = set(map(dirent.quote, again[number]))
                lines = [line for line in lines if line.quoted in wanted]
            count += len(lines)
            if count > _MOST:
                raise Unfit('directories that have changed have too many '
                            'entries')
            self._old.setdefault(number, {}).update(
                (dirent.checked_name(line.quoted), line) for line in lines)
        inodes = {number: inode for inode, number in known.items()}
        for number in sorted(numbers):
            if not self._is_dead(number):
                self._compare(number, inodes[number], number in changed,
                              again.get(number, {}))
        self._bury()

    def _is_dead(self, number):
        """Tell whether a directory, or one that it is in, is gone."""
        while number:
            if self._dead[number]:
                return True
            number = self.found.parents[number]
        return False

    def _compare(self, number, inode, is_changed, again):
        """Compare a directory with what it had.

        :param again: dict of the names in it of which the inode was written to
            that.
        """
        path = self.found.tree.path(number)
        fd = self._descent.enter(path)
        if os.fstat(fd).st_ino != inode:
            raise Unfit('a directory is not where it was')
        old = self._old.get(number, {})
        new = []
        if is_changed:
            again, gone, new = self._list(number, path, fd, old, again)
        else:
            gone = {name: old[name] for name in again if name in old}
            if len(gone) < len(again):
                raise Unfit('a name is new in a directory that has not '
                            'changed')
        store = []
        for name, file in again.items():
            st = os.stat(name, dir_fd=fd, follow_symlinks=False)
            if st.st_ino != file or stat.S_ISDIR(st.st_mode):
                raise Unfit('a name is not of the inode that it was of')
            if name in gone and self.is_same(gone[name], st):
                del gone[name]      # it was only read
            elif st.st_nlink > 1:
                raise Unfit('hard links have changed')
            else:
                store.append((name, st))
        self._remove(number, path, gone)
        if is_changed or store:
            self._todo.append((number, path, store, new))

    def _list(self, number, path, fd, old, again):
        """Compare the names in a directory.

        :returns: (as ``again``, with all of them; dict of the names of which
            the line does not hold any more; list of new directories).
        """
        children = dict(self.found.children[number])
        there, gone, new = {}, dict(old), []
        with handles.entries(fd) as listing:
            for entry in listing:
                name, inode = os.fsencode(entry.name), entry.inode()
                if not number and name in self.ignore:
                    continue
                was_written = inode in self.written.inodes
                if entry.is_dir(follow_symlinks=False):
                    if name in children and children[name][0] == inode:
                        del children[name]
                    elif was_written:
                        new.append(name)
                    else:
                        raise Unfit('a directory is new, and was not written')
                elif was_written:
                    there[name] = inode
                elif gone.pop(name, None) is None:
                    raise Unfit('a file is new, and was not written')
        if any(there.get(name) != inode for name, inode in again.items()):
            raise Unfit('a name is missing that an inode has')
        for name, (_, child) in children.items():
            self._dead[child] = True
            self.gone.append((path, name, True))
        return there, gone, new

    def _remove(self, number, path, lines):
        """Have files left out, or copied again.

        :param lines: dict of a name to its line.
        """
        if not lines:
            return
        text = [b'd /%d\n' % number]
        for name, line in lines.items():
            if line.is_grouped:
                raise Unfit('hard links have changed')
            self.removed.append((line.start, line.end))
            self.gone.append((path, name, False))
            text.append(line.text)
            self._count_out(line)
        content.write_all(self.earlier, b''.join(text))

    def _count_out(self, line):
        if line.text[:2] == b'U ':
            raise Unfit('the earlier backup is not complete')
        self.files -= 1
        self.bytes -= line.size

    def _bury(self):
        """Leave out what is in directories that are gone."""
        self.files += self.found.totals['files']
        self.bytes += self.found.totals['bytes']
        if any(self._dead):
            for number, parent in enumerate(self.found.parents):
                self._dead[number] |= self._dead[parent]
            self.files -= sum(self._dead)
            for number, start, end, lines in self.found.blocks(
                    {number for number, dead in enumerate(self._dead)
                     if dead}):
                for line in lines:
                    if line.is_grouped:
                        raise Unfit('hard links have changed')
                    self._count_out(line)
                content.write_all(self.earlier, b'd /%d\n%b' % (
                    number, b''.join(line.text for line in lines)))
                self.removed.append((start, end))
        self.removed.sort()

    # -- what is to be copied

    def _number_all(self):
        """Give the directories that stay their numbers."""
        self.numbers = None
        if any(self._dead):
            self.numbers, new = array.array('I'), 0
            for dead in self._dead:
                self.numbers.append(outline.GONE if dead else new)
                new += not dead
        for number, name in enumerate(self.found.names()):
            if not self._dead[number]:
                self.journal.add(self._new(self.found.parents[number]), name)
        self.journal.flush()
        self.live = self.journal.count

    def _new(self, number):
        return number if self.numbers is None else self.numbers[number]

    def _find(self):
        """Yields the batches."""
        again = sum(number > 0 for number, *_ in self._todo)
        self.kept = self.files - again, self.bytes
        for number, path, store, _ in self._todo:
            yield from self._describe_again(number, path, store)
        here = walk.Walk(self.root, self.spool)
        for number, path, _, new in self._todo:
            for name in new:
                if self.names and (
                        self.names.refusal(name)
                        or self.names.too_long(handles.join(path, name))):
                    raise Unfit('the repository can\'t have a name')
            self._chain = self._way(number)
            self.files += len(new)
            for _ in here.below(path, new):
                yield from self._directory(here)
        here.close()
        yield from self._flush()
        self._flush_directories()

    def _way(self, number):
        """The new numbers on the way to a directory, with its own."""
        way = [number]
        while number:
            number = self.found.parents[number]
            way.append(number)
        return [self._new(each) for each in reversed(way)]

    def _describe_again(self, number, path, store):
        """Put a directory that stays, and some of what is in it, into
        batches."""
        if self._is_full():
            yield from self._flush()
        fd = self._descent.enter(path)
        fixed, more = inode_flags.read(fd, self._project)
        xattrs = tuple(sorted(more + attributes.read_xattrs(fd)))
        entry = dirent.of_stat(
            b'D', handles.split(path)[1], os.fstat(fd),
            (self._new(number), self._new(self.found.parents[number])),
            xattrs)
        self._note(entry._replace(lost=(b'flags',) if fixed else ()))
        self._groups.append((self._new(number), [], []))
        self._count += 1
        for name, st in store:
            self._put_file(name, st)
            if self._is_full():
                yield from self._flush()
                self._groups.append((self._new(number), [], []))

    def _link(self, *args):
        raise Unfit('hard links have changed')


class ChangesCopy(tree_copy.TreeCopy):
    """Copies what has changed to where the earlier copy is already.

    :param found: as for :class:`Changes`; so are ``written`` and ``is_same``.
    """

    def __init__(self, found, written, is_same, *args):
        super().__init__(*args)
        self.found = found
        self.written = written
        self.is_same = is_same
        self.changes = None

    def scanner(self, *args):
        """Find out what there is to do, and remove what is not to stay."""
        self.changes = Changes(self.found, self.written, self.is_same, *args)
        data = os.open(journal.DATA, handles.DIRECTORY,
                       dir_fd=self.directory)
        descent = handles.Descent(data)
        try:
            for path, name, is_directory in self.changes.gone:
                self._remove(descent.enter(path), name, is_directory)
        finally:
            descent.close()
            os.close(data)
        self.progress.expect(self.changes.files, self.changes.bytes)
        self.progress.advance(*self.changes.kept)
        return self.changes

    def __exit__(self, *exc_info):
        super().__exit__(*exc_info)
        if self.changes:
            os.close(self.changes.earlier)

    def _remove(self, fd, name, is_directory):
        try:
            if is_directory:
                os.stat(name, dir_fd=fd, follow_symlinks=False)
                removal.remove(name, fd, self.progress.check)
            else:
                os.unlink(name, dir_fd=fd)
        except FileNotFoundError as exc:
            raise Unfit('the earlier backup lacks a file') from exc

    def add_up(self):
        super().add_up()
        for key, more in zip(('files', 'bytes'), self.changes.kept):
            self.totals[key] += more

    def gather(self, writer):
        changed = {}
        for number, text in self._lines():
            if number < self.changes.live:
                changed[number] = text

        def more():
            for number, text in self._lines():
                if number >= self.changes.live:
                    writer.add(text)

        numbers = self.changes.numbers
        if numbers is not None:
            changed = {old: changed[new] for old, new in enumerate(numbers)
                       if new in changed}
        self.found.copy(writer, numbers, changed, more, self.changes.removed)
        self.append(writer, self._copied)

    def _lines(self):
        """Iterate over the lines of the directories that were described.

        :returns: iterator of (number, line), in order.
        """
        for fd, offset, size in self.spans(self._described):
            for text in os.pread(fd, size, offset).splitlines(keepends=True):
                yield dirent.number(text.split(b' ', 2)[1]), text
