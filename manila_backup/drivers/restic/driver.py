# SPDX-License-Identifier: Apache-2.0
"""Backups in restic's repositories, one for each project."""

import contextlib
import fcntl
import functools
import os

from manila_backup.copying import reporting
from manila_backup.copying import warnings
from manila_backup.drivers import base
from manila_backup.drivers.restic import backup
from manila_backup.drivers.restic import command
from manila_backup.drivers.restic import contents_index
from manila_backup.drivers.restic import damage
from manila_backup.drivers.restic import environment
from manila_backup.drivers.restic import faults
from manila_backup.drivers.restic import keys
from manila_backup.drivers.restic import path_restore
from manila_backup.drivers.restic import prune
from manila_backup.drivers.restic import repository
from manila_backup.drivers.restic import restore
from manila_backup.drivers.restic import rotation
from manila_backup.drivers.restic import verify
from manila_backup import exception
from manila_backup.fs import handles
from manila_backup import private
from manila_backup import states

OLDEST = (0, 17)

# What is behind a backup's id in the host name of locks of an operation on it.
_DOING = {states.Kind.BACKUP_CREATE: '',
          states.Kind.BACKUP_RESTORE: '-restore',
          states.Kind.BACKUP_DELETE: '-delete'}

_RATE = {'type': 'string', 'pattern': '^[1-9][0-9]{0,9}$'}


class ResticDriver(base.BackupDriver):
    """Has restic keep backups.

    :param url: str, what the repositories are below.
    :param settings: a :class:`~.command.ResticSettings`.
    :param passwords: a :class:`~.keys.DerivedKeys`.
    :param state: str, directory for what this host keeps.
    :param staging: str, directory to restore to first.
    :param ignore: list of str, names in a share's root that are neither
        backed up nor touched by a restore.
    :param on_unreadable: ``error`` or ``warn``.
    :param hole_limit: int, bytes.
    :param limits: (upload, download) in KiB/s, 0 for none.
    :param pruning: a :class:`~.prune.PruneSettings`.
    :param verify_subset: str, as restic's --read-data-subset has it.
    """

    OPTIONS = {
        'limit_upload': dict(
            _RATE, description='Maximum upload rate in KiB per second.'),
        'limit_download': dict(
            _RATE, description='Maximum download rate in KiB per second.'),
    }

    LOCATION = 'restic', 'repository'

    TELLS_CHANGES = True
    RESTORES_PATHS = True
    LEAVES_LOCKS = True

    def __init__(self, url, settings, passwords, state, staging, ignore=(),
                 on_unreadable='warn', hole_limit=16 << 30, limits=(0, 0),
                 pruning=None, verify_subset='100%'):
        self.url = url
        self.settings = settings
        self.staging = staging
        self.ignore = tuple(ignore)
        self.on_unreadable = on_unreadable
        self.hole_limit = hole_limit
        self.pruning = pruning or prune.PruneSettings()
        self.verify_subset = verify_subset
        self.maintain_interval = self.pruning.interval
        self.passwords = passwords
        self._state = state
        self.limits = limits
        self._version = None
        self._is_checked = False
        # Projects whose repositories are known to be there.
        self._there = set()
        self._checks = {}

    @classmethod
    def from_conf(cls, conf):
        own = conf.restic
        if not own.repository or own.repository.startswith('-'):
            raise exception.ConfigurationError(
                '[restic] repository is not set: it must name the location of '
                'the repositories.')
        path = command.local_path(own.repository)
        if path is None and ':' not in own.repository or (
                path is not None and not os.path.isabs(path)):
            raise exception.ConfigurationError(
                f'[restic] repository must be an absolute path or a location '
                f'in restic\'s notation, not "{own.repository}".')
        state = os.path.join(os.path.abspath(conf.state_path), 'restic')
        secret = keys.Secret(own.password_file)
        others = [keys.Secret(path) for path in own.other_password_files]
        return cls(
            own.repository,
            command.ResticSettings(
                own.command,
                environment.checked(own.environment, 'environment'),
                own.cache_directory, os.path.join(state, 'share'),
                own.stall_timeout, own.lock_timeout, own.compression,
                own.environment_file),
            (keys.CastellanKeys(secret, conf, others)
             if own.key_manager == 'castellan'
             else keys.DerivedKeys(secret, others)),
            state, own.staging_path, conf.backup.ignore_files,
            own.on_unreadable, own.hole_limit << 30,
            (own.limit_upload, own.limit_download),
            prune.PruneSettings(own.prune_interval,
                                own.prune_max_repack_size,
                                own.prune_max_unused),
            own.verify_subset)

    @property
    def version(self):
        """restic's, as a tuple of ints."""
        if self._version is None:
            self._version = self.settings.version()
        return self._version

    # -- repositories

    def restic(self, name, password, *args, **kwargs):
        """restic on a repository, by its name; see :class:`.command.Restic`.
        """
        return command.Restic(self.settings, command.appended(
            self.url, name), password, *args, **kwargs)

    def catalogue(self):
        """The :class:`~.repository.Catalogue`."""
        return repository.Catalogue(self.restic(
            repository.CATALOGUE, self.passwords.catalogue(),
            others=self.passwords.all_of_catalogue,
            learn=functools.partial(self.passwords.learn, None)))

    def project(self, project_id, host=None, tick=None):
        """A project's :class:`~.repository.Repository`."""
        return repository.Repository(
            self._restic_of(project_id, self.password(project_id), host,
                            tick),
            project_id, lambda: project_id in self.catalogue().projects())

    def _restic_of(self, project_id, password, host=None, tick=None):
        # The password may have been replaced since it was looked up.
        return self.restic(
            project_id, password, host, tick,
            others=lambda: self.passwords.all_of(project_id,
                                                 self._keys_of(project_id)),
            learn=functools.partial(self.passwords.learn, project_id))

    def password(self, project_id):
        """The password of a project's repository."""
        return self.passwords.find(
            project_id, lambda: self._keys_of(project_id))

    def _keys_of(self, project_id):
        """The references that the catalogue has of a project's keys, the
        newest first. If several workers entered one each, the repository knows
        which is its."""
        return self.catalogue().projects().get(project_id, [])[::-1]

    def _at(self, place, kind, progress=None):
        """Open the repository of a backup's project.

        :param kind: :class:`~manila_backup.states.Kind`, which of the
            operations on one backup it is for: each removes its own locks
            only.
        """
        repository.checked(place)
        return self.project(place.project_id,
                            place.backup_id + _DOING[kind],
                            progress and progress.check)

    def _beside(self, place, progress=None):
        """Open it for somebody who works beside operations, or reads: what
        locks that takes are no operation's to remove."""
        repository.checked(place)
        return self.project(place.project_id,
                            tick=progress and progress.check)

    def check(self, create=False):
        if self.version < OLDEST:
            raise base.UnfitHost(
                'The program of [restic] command, "{}", is restic {}.{}: the '
                'driver needs {}.{} or newer.'.format(
                    self.settings.command, *self.version, *OLDEST))
        try:
            for path in (self._state, self.settings.view,
                         self.settings.cache):
                private.make_directories(path)
        except OSError as exc:
            raise base.RepositoryUnavailable(
                f'"{path}" can\'t be made: {exc.strerror}.') from exc
        path = command.local_path(self.url)
        if self._is_checked and (path is None or os.path.isdir(
                os.path.join(path, repository.CATALOGUE))):
            return
        self._check_catalogue(create)
        self._is_checked = True

    def _check_catalogue(self, create):
        secret = self.passwords.secret
        fresh = create and not secret.exists()
        if fresh:
            secret.make()
        try:
            restic = self.catalogue().restic
            if repository.exists(restic):
                return
            if not create:
                raise faults.Absent(
                    f'There is no catalogue of repositories at '
                    f'"{restic.shown}": is it not mounted?')
            if fresh and not secret.write():
                restic = self.catalogue().restic
            repository.initialise(restic)
        except BaseException:
            if fresh:
                secret.forget()
            raise

    def prepare(self, place, alone, make=False):
        repository.checked(place)
        self.check()
        project_id = place.project_id
        if not make:
            self.password(project_id)
        elif project_id not in self._there:
            if project_id in self.catalogue().projects():
                self.password(project_id)
            else:
                with alone():
                    self._make(project_id)
            self._there.add(project_id)

    @contextlib.contextmanager
    def _alone_here(self):
        """Of the processes of this host."""
        path = os.path.join(self._state, 'making')
        try:
            file = open(path, 'wb')
        except OSError as exc:
            raise base.RepositoryUnavailable(
                f'"{path}" can\'t be made: {exc.strerror}.') from exc
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _make(self, project_id):
        """Make a project's repository, if there is none yet.

        Two at once would leave keys in it of which not all are its: so
        nobody does it who is not alone.
        """
        with self._alone_here():
            self._make_alone(project_id)

    def _make_alone(self, project_id):
        catalogue = self.catalogue()
        if project_id in catalogue.projects():
            self.password(project_id)
            return
        # Whoever was killed between the two has left a repository with it.
        ref = catalogue.kept(project_id)
        if ref:
            password = self.passwords.of(project_id, ref)
        else:
            password, ref = self.passwords.make(project_id)
            if ref:
                catalogue.keep(project_id, ref)
        restic = self._restic_of(project_id, password)
        if not repository.exists(restic):
            repository.initialise(restic)
        catalogue.add(project_id, ref)

    # -- backups

    def backup(self, place, attempt, source, options, record, progress):
        repository.checked(place)
        if place.project_id not in self._there:
            self._make(place.project_id)
        return backup.ResticBackup(
            self, self._at(place, states.Kind.BACKUP_CREATE, progress), place,
            attempt, options, record, progress).run(source)

    def limited(self, options):
        """(upload, download): what is asked for, if that is less.

        :param options: dict, those of the request for the backup.
        """
        asked = [int(options.get(name, 0))
                 for name in ('limit_upload', 'limit_download')]
        return tuple(min(filter(None, pair), default=0)
                     for pair in zip(self.limits, asked))

    def prepared(self, place, attempt):
        """Return the file with the mark of a backup that is about to be
        published.
        """
        return backup.Prepared(os.path.join(self._state, 'prepared'), place,
                               attempt)

    def publish(self, place, attempt):
        project = self._at(place, states.Kind.BACKUP_CREATE)
        prepared = self.prepared(place, attempt)
        # Not so by a mark alone: that of a worker that was frozen comes after
        # its content was removed.
        if repository.published(project.snapshots(place.backup_id)):
            prepared.remove()
            return
        text = prepared.read()
        if text is None:
            raise base.DriverError(
                f'There is no finished copy of backup {place.backup_id} by '
                f'attempt {attempt}.')
        project.mark(place, attempt, repository.PUBLISHED, text)
        prepared.remove()

    def restore(self, place, attempt, target, progress):
        project = self._at(place, states.Kind.BACKUP_RESTORE, progress)
        try:
            return restore.Restore(self, project, place, attempt,
                                   progress).run(target)
        except base.DamagedBackup:
            verify.note(project, place)
            raise

    def restore_paths(self, place, attempt, target, chosen, folder,
                      progress):
        with self.making_index_anew(place, folder):
            project = self._at(place, states.Kind.BACKUP_RESTORE, progress)
            return path_restore.PathRestore(
                self, project, place, attempt, progress,
                self._indexes(place, folder), chosen, folder).run(target)

    def delete(self, place, progress):
        contents_index.forget(place)
        project = (self._beside(place, progress) if self.sweeps else
                   self._at(place, states.Kind.BACKUP_DELETE, progress))
        found = project.snapshots(place.backup_id)
        if not found:
            return
        try:
            # The marks first.
            project.forget(sorted(found, key=lambda each: (
                each.kind == repository.CONTENT)), wait=False)
        except faults.Locked as exc:
            if exc.exclusive:
                project.forget(found)
                return
            # By a backup, which may take hours: this does not disturb it.
            project.mark(place, max(each.attempt for each in found),
                         repository.DELETED, repository.deleted(place))

    def discard(self, place, attempt):
        project = self._at(place, states.Kind.BACKUP_CREATE)
        self.prepared(place, attempt).remove()
        if attempt:
            with contextlib.suppress(faults.Absent):
                project.restic.unlock()
        if self.sweeps:
            project = self._beside(place)
        found = project.snapshots(place.backup_id)
        project.forget(repository.leftovers(found, attempt))

    def unlock(self, place, kind, progress):
        projects = [self._at(place, states.Kind(kind), progress)]
        if kind == states.Kind.BACKUP_RESTORE:
            # A dry run only reads.
            projects.append(self._beside(place, progress))
        with contextlib.suppress(faults.Absent):
            for each in projects:
                each.restic.unlock()

    def verify(self, place, progress):
        return self._verify(place, progress, self._checks)

    def verify_alone(self, place, progress):
        return self._verify(place, progress, None)

    def _verify(self, place, progress, checks):
        return verify.verify(self, self._beside(place, progress), place,
                             progress, checks)

    def mend(self, place, progress):
        self.mend_project(self.project(place.project_id, tick=progress.check),
                          verify.Count(progress))
        return []

    def mend_project(self, project, count=None):
        """Do that for all backups of a project: see :func:`.damage.mend`."""
        return damage.mend(project, os.path.join(self._state, 'mending'),
                           count)

    def contents(self):
        failed = None
        for project_id in sorted(self.catalogue().projects()):
            try:
                yield from self.project(project_id).contents()
            except base.DriverError as exc:
                failed = failed or exc
        if failed:
            raise failed

    def describe(self, place):
        about = self._beside(place).about(place)
        return base.Info(
            about['created_at'], about['files'], about['bytes'],
            about.get('record'), about['stored_bytes'],
            about['problem_count'], reporting.missing_of(about))

    def space(self, progress):
        path = command.local_path(self.url)
        if path is None:
            # No store in a network says how much it has left.
            return None
        try:
            fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as exc:
            raise base.RepositoryUnavailable(
                f'"{path}" can\'t be opened: {exc.strerror}.') from exc
        try:
            return handles.space(fd)
        finally:
            os.close(fd)

    def open_index(self, place, folder):
        self.check()
        return self._indexes(place, folder).open()

    def open_directory(self, place, folder, directory):
        self.check()
        return self._indexes(place, folder).open_directory(directory)

    def open_file(self, place, folder, index, one):
        return self._indexes(place, folder).open_file(index, one)

    def drop_index(self, place, folder):
        self._indexes(place, folder).drop()

    def _indexes(self, place, folder):
        return contents_index.Indexes(
            functools.partial(self.project, place.project_id),
            repository.checked(place), folder, self.limits)

    def warnings(self, place, skip, limit):
        about = self._beside(place).about(place)
        notes = about.get(warnings.NOTES)
        cut = warnings.Cut(skip, limit)
        try:
            cut.add_recorded(about.get('record'))
            cut.add_notes(notes or ())
        except (TypeError, ValueError, AttributeError) as exc:
            raise base.DamagedBackup(
                f'The backup\'s mark is damaged: {exc}.') from exc
        # Earlier releases had none.
        told = notes is not None or not about['problem_count']
        return warnings.Page(
            cut.kept, told and not about.get(warnings.CUT, False), cut.more)

    def maintain(self, progress):
        return prune.Maintenance(self, progress).run()

    def projects(self):
        """The ids of the projects that have repositories, sorted."""
        return sorted(self.catalogue().projects())

    def export_key(self, project_id):
        if project_id not in self.catalogue().projects():
            raise base.DriverError(
                f'Project {project_id} has no repository.')
        # To be told by it which it is.
        repository.exists(self.project(project_id).restic)
        return (command.appended(self.url, project_id),
                self.password(project_id))

    def key_owners(self):
        return [None, *self.projects()]

    def rotate_key(self, project_id):
        return rotation.rotate(self, project_id)
