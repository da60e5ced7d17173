# SPDX-License-Identifier: Apache-2.0
"""Backups as plain trees in a directory."""

import contextlib
import os

from manila_backup.copying import reporting
from manila_backup.copying import restore
from manila_backup.copying import roots
from manila_backup.drivers import base
from manila_backup.drivers.posix import backup
from manila_backup.drivers.posix import contents_index
from manila_backup.drivers.posix import damage_markers
from manila_backup.drivers.posix import exclusive_size
from manila_backup.drivers.posix import layout
from manila_backup.drivers.posix import marker
from manila_backup.drivers.posix import metadata
from manila_backup.drivers.posix import verify
from manila_backup import exception
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.path_restore import catalogue
from manila_backup.path_restore import restore as paths


class PosixDriver(base.BackupDriver):
    """Keeps each backup as a browsable tree below one directory.

    :param path: str, absolute, the repository.
    :param processes: int, how many may copy within one operation.
    :param ignore: list of str, names in a share's root that are neither
        backed up nor touched by a restore.
    :param incremental: bool, whether a backup takes over what did not
        change since an earlier one of its share.
    :param bytes_per_entry: int, how much a manifest may take for each entry;
        0 for no limit.
    :param verified: a :class:`~manila_backup.copying.restore.Verify`.
    :param full_scan_every: int, of how many backups of a share one looks at
        all of it, where others need not.
    """

    LOCATION = 'posix', 'repository_path'

    TELLS_CHANGES = True
    RESTORES_PATHS = True
    WHOLE_FILES = True

    def __init__(self, path, processes=32, ignore=(), incremental=True,
                 bytes_per_entry=0,
                 verified=restore.Verify.WHEN_OVERWRITING,
                 full_scan_every=10):
        self.path = path
        self.verified = verified
        self.full_scan_every = full_scan_every
        self.bytes_per_entry = bytes_per_entry
        self.processes = processes
        self.ignore = tuple(ignore)
        self.incremental = incremental

    @classmethod
    def from_conf(cls, conf):
        path = conf.posix.repository_path
        if not path or not os.path.isabs(path):
            raise exception.ConfigurationError(
                '[posix] repository_path must be an absolute path, not '
                f'"{path}".')
        return cls(path, *cls.settings_of(conf))

    @staticmethod
    def settings_of(conf):
        """Return the configuration of everything but the path, as arguments.
        """
        return (conf.posix.processes, conf.backup.ignore_files,
                conf.posix.incremental, conf.posix.bytes_per_entry,
                restore.Verify(conf.posix.verify_before_restore),
                conf.posix.full_scan_every)

    @contextlib.contextmanager
    def _open(self):
        """The repository; for subclasses to say where that is."""
        with self._repository() as repository:
            yield repository

    @contextlib.contextmanager
    def _repository(self, at=None):
        """Open the repository. Any OSError in it becomes a DriverError, unless
        one with more detail was raised nearer to the cause."""
        try:
            with layout.Repository(self.path, at) as repository:
                yield repository
        except OSError as exc:
            raise errors.failed('use the repository', self.path,
                                exc) from exc

    def check(self, create=False):
        if create:
            marker.initialise(self.path)
        with self._open() as repository:
            repository.check_writable()

    def backup(self, place, attempt, source, options, record, progress):
        with self._open() as repository:
            return backup.PosixBackup(
                repository, place, attempt, options, record, self.processes,
                self.ignore, progress, self.incremental,
                self.bytes_per_entry, self.include_mounts, self.lineage,
                self.full_scan_every).run(source)

    def can_upgrade(self):
        with self._open() as repository:
            return repository.format != marker.FORMAT

    def upgrade(self):
        with self._open() as repository:
            return marker.upgrade(repository)

    def publish(self, place, attempt):
        with (self._open() as repository,
              repository.share(place) as share):
            layout.publish(share, place, attempt)

    def restore(self, place, attempt, target, progress):
        with self._open() as repository:
            try:
                return self._restore(repository, place, target, progress)
            except base.DamagedBackup:
                _note(repository, place, damaged=True)
                raise

    def _restore(self, repository, place, target, progress):
        with contextlib.ExitStack() as stack:
            with repository.share(place) as share:
                directory = layout.open_published(share, place)
            stack.callback(os.close, directory)
            stored = metadata.open_manifest(directory, place)
            stack.callback(os.close, stored.fd)
            data = layout.open_data(directory)
            stack.callback(os.close, data)
            root = roots.open_root(target, repository.fd, repository.path)
            stack.callback(os.close, root)
            return restore.Restore(
                stored, data, self.processes, self.ignore, progress,
                self.include_mounts, self.verified).run(root)

    def restore_paths(self, place, attempt, target, chosen, folder,
                      progress):
        with self._open() as repository:
            with repository.share(place) as share:
                directory = layout.open_published(share, place)
            try:
                return self._restore_paths(repository, place, directory,
                                           attempt, target, chosen, folder,
                                           progress)
            finally:
                os.close(directory)

    def _restore_paths(self, repository, place, directory, attempt, target,
                       chosen, folder, progress):
        indexes = contents_index.Indexes(repository, self._reachable(),
                                         folder)
        with contextlib.ExitStack() as stack:
            manifest = metadata.check_manifest(directory, place)
            stack.callback(os.close, manifest)
            data = layout.open_data(directory)
            stack.callback(os.close, data)
            root = roots.open_root(target, repository.fd, repository.path)
            stack.callback(os.close, root)
            index = stack.enter_context(indexes.open(place))
            stack.enter_context(self.making_index_anew(place, folder))
            result = paths.PathRestore(
                catalogue.Catalogue(index, manifest), data, chosen,
                self.ignore, progress, attempt, self.include_mounts,
                self.processes).run(root)
        if result.damages:
            _note(repository, place, damaged=True)
        return result

    def delete(self, place, progress):
        with self._open() as repository:
            with repository.share(place) as share:
                if share is None:
                    return
                self._delete(share, place, progress)
            damage_markers.tidy(repository, place)

    def _delete(self, share, place, progress):
        name = layout.component(place.backup_id)
        files = _entries(share, place)
        progress.expect(files, 0)
        try:
            away = layout.trash(share, name, place)
        except OSError as exc:
            raise errors.failed('delete the backup', name, exc) from exc

        def tick():
            progress.advance(1, 0, reporting.LINKED)

        try:
            if away:
                layout.remove(away, share, tick)
            layout.sweep(share, place, None, tick)
            contents_index.remove(share, place)
        except OSError as exc:
            raise errors.failed('remove from the repository',
                                exc.filename or name, exc) from exc

    def discard(self, place, attempt):
        with self._open() as repository:
            with repository.share(place) as share:
                if share is None:
                    return
                try:
                    layout.sweep(share, place, attempt)
                    if not layout.is_published(share, place):
                        contents_index.remove(share, place)
                except OSError as exc:
                    raise errors.failed(
                        'remove from the repository',
                        exc.filename or place.backup_id, exc) from exc
            damage_markers.tidy(repository, place)

    def verify(self, place, progress):
        with self._open() as repository:
            damages = verify.verify(repository, place, self.processes,
                                    progress)
            _note(repository, place, bool(damages))
            return damages

    def contents(self):
        with self._open() as repository:
            yield from repository.contents()

    def describe(self, place):
        with self._open() as repository:
            with repository.share(place) as share:
                directory = layout.open_published(share, place)
            try:
                found = metadata.open_manifest(directory, place)
                os.close(found.fd)
            finally:
                os.close(directory)
            return base.Info(
                found.about['created_at'], found.entries, found.bytes,
                found.about.get('record'), found.totals['stored_bytes'],
                found.totals['problem_count'],
                reporting.missing_of(found.totals))

    def space(self, progress):
        with self._open() as repository:
            return handles.space(repository.fd)

    def open_index(self, place, folder):
        with self._open() as repository:
            return contents_index.Indexes(
                repository, self._reachable(), folder).open(place)

    def drop_index(self, place, folder):
        with self._open() as repository:
            contents_index.Indexes(
                repository, self._reachable(), folder).drop(place)

    def open_file(self, place, folder, index, one):
        with self._open() as repository:
            with repository.share(place) as share:
                directory = layout.open_published(share, place)
            try:
                return contents_index.open_file(directory, one,
                                                index.digest(one))
            finally:
                os.close(directory)

    def _reachable(self):
        """The path by which SQLite can open what is in the repository; None
        if there is none."""
        return self.path

    def warnings(self, place, skip, limit):
        with self._open() as repository:
            with repository.share(place) as share:
                directory = layout.open_published(share, place)
            try:
                return metadata.read_warnings(directory, place, skip, limit)
            finally:
                os.close(directory)

    def unique_bytes(self, place, progress):
        with self._open() as repository:
            with repository.share(place) as share:
                directory = layout.open_published(share, place)
            try:
                return exclusive_size.unique_bytes(repository, directory,
                                                   progress.check)
            finally:
                os.close(directory)


def _note(repository, place, damaged):
    """Note for later backups whether this one is damaged."""
    with repository.share(place) as share:
        if not layout.is_published(share, place):
            return
        try:
            if damaged:
                damage_markers.note(share, place)
            else:
                damage_markers.clear(share, place)
        except OSError:
            # Of a repository that is full or only to be read; the damage
            # itself is what has to be told.
            pass


def _entries(share, place):
    """Return the number of entries of a backup; 0 if it is unknown."""
    try:
        fd = os.open(place.backup_id, handles.DIRECTORY, dir_fd=share)
    except OSError:
        return 0
    try:
        return int(metadata.read(fd).get('files', 0))
    except (base.DriverError, ValueError, TypeError):
        return 0
    finally:
        os.close(fd)
