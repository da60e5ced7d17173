# SPDX-License-Identifier: Apache-2.0
"""Restoring chosen paths of a backup.

restic restores what was chosen beside the share, and no more, so that only the
packs are read that have something of it; from there on, it is as with the
posix driver. The directories that lead there are restored too, as restic does
by itself.
"""

import contextlib
import dataclasses
import os
import tempfile

from manila_backup.contents import reader
from manila_backup.contents import writer
from manila_backup.copying import roots
from manila_backup.drivers import base
from manila_backup.drivers.restic import absent
from manila_backup.drivers.restic import backup
from manila_backup.drivers.restic import index as staged_index
from manila_backup.drivers.restic import mounted
from manila_backup.drivers.restic import restore
from manila_backup.drivers.restic import sidecar_restore
from manila_backup.fs import dirent
from manila_backup.fs import handles
from manila_backup.path_restore import catalogue
from manila_backup.path_restore import manifest_items
from manila_backup.path_restore import restore as path_restore
from manila_backup.path_restore import selection
from manila_backup.path_restore import survey


class PathRestore(restore.Restore):
    """One run.

    :param indexes: the backup's :class:`~.contents_index.Indexes`.
    :param chosen: a
        :class:`~manila_backup.path_restore.selection.Selection`.
    :param folder: str, a directory for an index of what was chosen.
    """

    TAKES_DAMAGE = True

    def __init__(self, driver, project, place, attempt, progress, indexes,
                 chosen, folder):
        super().__init__(driver, project, place, attempt, progress)
        self._indexes = indexes
        self._chosen = chosen
        self._folder = folder
        self._topmost = chosen.topmost()

    def run(self, target):
        """Restore into a directory.

        :param target: str.
        :returns: a :class:`~manila_backup.drivers.base.Result`.
        """
        if self._attempt > 1:
            self._project.restic.unlock()
        with self._indexes.chosen(self._project, self._topmost) as found:
            self._index, self._about, self._snapshot = found
            return self._run(target)

    def _run(self, target):
        self._found = survey.chosen(self._index, self._chosen)
        entries, size = survey.totals(self._index, self._found)
        self._complete()
        self._narrow()
        # What restic writes is not counted: all is written once more.
        self._files, self._bytes = entries, 0
        with (restore.Staging(self._driver.staging,
                              min(size, self._about['read']),
                              'Chosen files have') as staging,
              staged_index.Staged(
                  staging.fd, restore.PROCESSES,
                  _Uncounted(self._progress), absent.Absent(
                      self._about.get('absent', ())),
                  mounted.restored(self._about)[0]) as staged):
            problems = self._staged(staged)
            report = restore.also(self._to(target, staging, staged),
                                  problems)
        return dataclasses.replace(
            report, damages=report.damages + self._damages)

    def _narrow(self):
        """Leave out of the backup's mark what was not chosen."""
        about = self._about = dict(self._about)

        def is_wanted(text):
            return self._is_on_way(dirent.checked_path(text.encode()))

        def joined(pair):
            directory, name = sidecar_restore.place(pair)
            return handles.join(directory, name)

        try:
            for name in 'sparse', 'xattrs', 'times':
                about[name] = [each for each in about.get(name, ())
                               if is_wanted(each[0])]
            about['absent'] = [
                text for text in about.get('absent', ()) if is_wanted(text)]
            about['links'] = [names for names in (
                [pair for pair in names if self._is_chosen(joined(pair))]
                for names in about['links']) if len(names) > 1]
            about['nodes'] = [*self._nodes(about['nodes'], joined)]
        except restore.NONSENSE as exc:
            raise base.DamagedBackup(
                f'The backup\'s mark is damaged: {exc}.') from exc
        # It says of which entries of all the share no one has an attribute.
        about.pop('attribute_names', None)

    def _nodes(self, nodes, joined):
        for path, text, names in nodes:
            name = dirent.quote(dirent.parse(text.encode()).name).decode()
            names = [pair for pair in names if self._is_chosen(joined(pair))]
            if self._is_chosen(joined((path, name))):
                yield path, text, names
            elif names:
                # Another of its names is the first one then.
                (path, name), *names = names
                entry = dirent.parse(text.encode())._replace(
                    name=dirent.unquote(name.encode()))
                yield path, dirent.line(entry).decode().rstrip('\n'), names

    def _is_chosen(self, path):
        return any(selection.is_below(path, top) for top in self._topmost)

    def _is_on_way(self, path):
        """Tell whether a path is chosen, or leads to one that is."""
        return self._is_chosen(path) or any(
            selection.is_below(top, path) for top in self._topmost)

    def _patterns(self):
        # restic takes no pattern of the other kind beside these.
        if self._topmost == [handles.ROOT]:
            return super()._patterns()
        return [argument for path in self._topmost
                for argument in ('--include', backup.pattern('', path))]

    def _is_left(self, path):
        return super()._is_left(path) or not self._is_chosen(path)

    def _content(self):
        return [self._snapshot]

    def _restic(self, root, where):
        try:
            return super()._restic(root, where)
        except base.DamagedBackup as exc:
            if self._project.find(self._place)[1] == self._snapshot:
                raise
            raise base.DriverError(
                'The backup\'s snapshot was rewritten meanwhile.',
                retryable=True) from exc

    def _compare(self, compared):
        for one in survey.every(self._index, self._found):
            compared.take_item(one)
        return self._snapshot

    def _settle(self, written, root):
        found = super()._settle(written, root)
        self._damages = written.damages
        if self._damages:
            # Or the repository was away by then, which is no damage.
            self._project.find(self._place)
        return found

    def _staged(self, staged):
        """Have what was chosen in the staging directory.

        :returns: :class:`.reporting.Problems`.
        """
        problems, missing, late = self._stage(staged.data)
        for path in missing:
            staged.unmade.add(path)
        late.put(staged.data)
        return problems

    def _to(self, target, staging, staged):
        """Restore to the share what is in the staging directory."""
        with contextlib.ExitStack() as stack:
            stored = staged.describe()
            stack.callback(os.close, stored.fd)
            made = stack.enter_context(
                tempfile.TemporaryDirectory(dir=self._folder))
            path = os.path.join(made, 'contents')
            with writer.Writer(path) as new:
                new.add(manifest_items.items(stored.fd))
                new.finish({})
            index = stack.enter_context(reader.Reader(path))
            root = roots.open_root(target, staging.fd, staging.path)
            stack.callback(os.close, root)
            return path_restore.PathRestore(
                catalogue.Catalogue(index, stored.fd), staged.data,
                self._chosen, self._driver.ignore, self._progress,
                self._attempt, self._driver.include_mounts,
                restore.PROCESSES).run(root)


class _Uncounted(restore.Part):
    """An operation's progress for what is done only to get ready."""

    def advance(self, files, size, calls=0):
        super().advance(0, 0, calls)
