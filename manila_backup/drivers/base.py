# SPDX-License-Identifier: Apache-2.0
"""The interface of a backup driver, and what it is given to work with.

A driver copies, and knows nothing else: no database, no RPC, no HTTP. It
gets a directory to read from or write to, a :class:`BackupReference` that
names the backup in its repository, and a
:class:`~manila_backup.drivers.progress.Progress` to count on. Every method
that moves data runs in an operating system process of its own, which the
worker may kill at any instant (SIGKILL: that is how an operation is
cancelled), so each must be safe to kill and safe to run again under a higher
attempt number.
"""

import abc
from collections import abc as collections_abc
import contextlib
import dataclasses
import enum
import os
import typing
import warnings

from manila_backup.contents import database
from manila_backup.contents import item
from manila_backup.contents import reader
from manila_backup.contents import stored_file
from manila_backup.copying import reporting
from manila_backup.copying import warnings as copying_warnings
from manila_backup.drivers import progress as shared_progress
from manila_backup.drivers import upkeep
from manila_backup import exception
from manila_backup.fs import lineages
from manila_backup.path_restore import selection
from manila_backup import states
from manila_backup import status_codes

if typing.TYPE_CHECKING:
    from oslo_config import cfg

#: A context manager that only one process of the service is inside at a time.
Alone = collections_abc.Callable[
    [], contextlib.AbstractContextManager[typing.Any]]

#: The driver could not do it. What the file-system library raises is that too.
DriverError = exception.StorageFailed
UnfitHost = exception.UnfitHost

#: A backup's content in the repository is not what was stored.
DamagedBackup = exception.DamagedBackup


class RepositoryUnavailable(DriverError):
    """The place where backups are kept can't be reached or is not ours."""

    code = status_codes.StatusCode.REPOSITORY_UNAVAILABLE

    def __init__(self, message: str, retryable: bool = True) -> None:
        super().__init__(message, retryable)


@dataclasses.dataclass(frozen=True)
class BackupReference:
    """Names one backup in any repository. The ids are canonical UUIDs or
    project ids: drivers reject what is no :func:`component`."""

    project_id: str
    share_id: str
    backup_id: str


#: What became of an operation.
Result = reporting.Result

#: How many sentences about problems it has at most.
MAX_PROBLEMS = reporting.MAX_PROBLEMS


_LONGEST_ID = 180


def component(text: str) -> str:
    """An id that can be a single component of a path.

    :raises DriverError: it can't.
    """
    if (not text or text.startswith('.') or '/' in text or '\0' in text
            or len(os.fsencode(text)) > _LONGEST_ID):
        raise DriverError(f'"{text}" can\'t be used as a name in the '
                          'repository.')
    return text


class ItemState(enum.Enum):
    """State of an item in a repository."""

    PUBLISHED = 'published'
    PARTIAL = 'partial'     # an attempt's unfinished work
    TRASH = 'trash'         # a deletion's unfinished work


@dataclasses.dataclass(frozen=True)
class RepositoryItem:
    """One thing found in a repository (:meth:`BackupDriver.contents`).

    :ivar attempt: int, of what is partial; None otherwise.
    """

    place: BackupReference
    state: ItemState
    attempt: int | None = None


@dataclasses.dataclass(frozen=True)
class Info:
    """Information about a published backup, as its repository has it.

    :ivar created_at: str, ISO 8601 in UTC: when reading the share began.
    :ivar files: number of directory entries, of every kind.
    :ivar bytes: sum of their apparent sizes, in bytes.
    :ivar record: dict as given to :meth:`BackupDriver.backup`, or None.
    :ivar stored_bytes: int, as in the :class:`Result`; so are
        ``problem_count`` and ``missing``. None where it is not known.
    """

    created_at: str
    files: int
    bytes: int
    record: dict[str, typing.Any] | None = None
    stored_bytes: int | None = None
    problem_count: int | None = None
    missing: int | None = None


class BackupDriver(upkeep.Upkeep, abc.ABC):
    """A way to keep backups. Loaded by stevedore from the entry point group
    ``manila_backup.drivers``; the entry point's name is the driver's name
    and the ``backup_type`` that callers ask for.

    An instance must be picklable and cheap to make: it crosses into the
    process that copies. It holds settings, never open files.
    """

    #: JSON schema ``properties`` of the driver's own ``backup_options``
    #: (every value is a string); ``backup_type`` is not among them.
    OPTIONS: dict[str, typing.Any] = {}

    #: The option, as (group, name), that says where the driver's repository
    #: is; None if there is no single one. For the operator's commands, which
    #: can be told to look at another repository.
    LOCATION: tuple[str, str] | None = None

    #: Whether :meth:`restore` calls ``progress.changes()`` before it first
    #: changes the target. A restore that failed before that leaves a share
    #: as it was; one by a driver that does not say so counts as having
    #: changed it.
    TELLS_CHANGES: bool = False

    #: Whether there is :meth:`restore_paths`.
    RESTORES_PATHS: bool = False

    #: Whether an operation's processes may leave locks in the repository
    #: when they are killed, which :meth:`unlock` removes.
    LEAVES_LOCKS: bool = False

    #: Whether each file in a backup is as it was at one instant, also where
    #: the share itself was read: one that changes meanwhile is read again, or
    #: is missing in the backup.
    WHOLE_FILES: bool = False

    #: Whether file systems that are mounted inside the share at hand are
    #: part of it. Set in the instance before :meth:`backup` and
    #: :meth:`restore`; without, a backup does not enter them, and a restore
    #: leaves them as they are.
    include_mounts: bool = False

    #: The :class:`manila_backup.fs.lineages.Lineage` of the snapshot that a
    #: backup is copied from, where that is known: it tells what has changed
    #: since an earlier one. Set in the instance before :meth:`backup`.
    lineage: lineages.Lineage | None = None

    #: Whether it is no operation on a backup that removes something of it,
    #: but a sweep, beside which one may begin. Set in the instance before
    #: :meth:`delete` and :meth:`discard`.
    sweeps: bool = False

    #: Seconds between two calls of :meth:`maintain`; 0 for none.
    maintain_interval: float = 0

    @classmethod
    @abc.abstractmethod
    def from_conf(cls, conf: 'cfg.ConfigOpts') -> 'BackupDriver':
        """Make an instance from the service's configuration.

        :param conf: an ``oslo_config.cfg.ConfigOpts``.
        :raises manila_backup.exception.ConfigurationError: an option is
            missing or makes no sense.
        """

    @abc.abstractmethod
    def check(self, create: bool = False) -> None:
        """Make sure that the repository can be used.

        :param create: bool, whether to make one where there is none yet:
            never once there are backups, whose repository is then somewhere
            else, such as on a disk that is not mounted.
        :raises RepositoryUnavailable: it can't.
        :raises UnfitHost: not from this host as it is: a worker does not
            start then.
        """

    def prepare(self, place: BackupReference, alone: Alone,
                make: bool = False) -> None:
        """Get ready for an operation on a backup. Runs in the worker itself,
        before the process that copies is started, which is given what this
        leaves in the instance.

        :param place: the :class:`BackupReference`.
        :param alone: callable; a context manager comes of it that only one
            process of the service can be inside at a time, for what must not
            be made twice.
        :param make: bool, whether the operation is to make the backup.
        :raises DriverError: the operation can't be done.
        """
        if make:
            self.check()

    @abc.abstractmethod
    def backup(self, place: BackupReference, attempt: int, source: str,
               options: dict[str, str],
               record: dict[str, typing.Any] | None,
               progress: shared_progress.Progress) -> Result:
        """Copy a directory into the repository, unpublished.

        One operation makes a backup, in one or several attempts; this,
        :meth:`publish` and :meth:`discard` are given that operation's
        attempt numbers, and no other method is given any of those.

        Returns only when all of it is on stable storage and complete; what
        it made stays invisible until :meth:`publish`. It may take over what
        a lower attempt of the same place left, and must cope with that
        attempt's processes still running.

        :param place: the :class:`BackupReference` to store to.
        :param attempt: int, the fencing token: higher than any before.
        :param source: str, the directory to read.
        :param options: dict of str to str, valid by :attr:`OPTIONS`.
        :param record: dict that JSON can hold, or None: to be kept with the
            backup and given back by :meth:`describe`, unread.
        :param progress: a :class:`Progress`; the driver sets the totals as
            soon as it can and counts as it goes.
        :returns: a :class:`Result`.
        :raises DriverError: nothing that was written is visible.
        """

    @abc.abstractmethod
    def publish(self, place: BackupReference, attempt: int) -> None:
        """Make what :meth:`backup` prepared visible, atomically.

        Quick; runs in the worker itself while it holds the lease. Publishing
        what is already published by the same attempt is no error.

        :raises DriverError: there is nothing of that attempt to publish.
        """

    @abc.abstractmethod
    def restore(self, place: BackupReference, attempt: int, target: str,
                progress: shared_progress.Progress) -> Result:
        """Make a directory's content equal to a published backup.

        What the backup lacks is removed, what is equal is not rewritten.
        Running it again after a kill at any point completes it. See
        :attr:`TELLS_CHANGES`.

        :param attempt: int, the restoring operation's fencing token.
        :param target: str, the directory to write to. It is the share's
            root: its own attributes are restored too.
        :returns: a :class:`Result`.
        :raises DamagedBackup: before the target is touched wherever that
            can be known.
        """

    def restore_paths(self, place: BackupReference, attempt: int, target: str,
                      chosen: selection.Selection, folder: str,
                      progress: shared_progress.Progress) -> Result:
        """Restore chosen entries of a published backup into a directory.

        Nothing else in it is touched, nor are its own attributes. Each file
        that is there in the end is either what it was or what the backup has,
        whenever this is killed; running it again completes it. What is there
        of one that was killed, or was cancelled, :func:`manila_backup.
        path_restore.workplace.clean` removes. Drivers call
        ``progress.changes()`` before anything is changed.

        :param attempt: int, as of :meth:`restore`.
        :param target: str, the share's root.
        :param chosen: a
            :class:`~manila_backup.path_restore.selection.Selection`.
        :param folder: str, as of :meth:`open_index`.
        :returns: a :class:`Result`, with ``restored``.
        :raises DriverError: nothing was changed, as the backup has no such
            entry, or there are conflicts; or it could not go on.
        :raises NotImplementedError: this driver can only restore all; see
            :attr:`RESTORES_PATHS`.
        """
        raise NotImplementedError

    @abc.abstractmethod
    def delete(self, place: BackupReference,
               progress: shared_progress.Progress) -> None:
        """Remove a backup: what is published, and whatever attempts at it
        and interrupted deletions of it have left. Removing one that isn't
        there is no error.

        :raises DriverError: something was left; it is not visible any more
            unless the message says so.
        """

    @abc.abstractmethod
    def discard(self, place: BackupReference, attempt: int) -> None:
        """Remove what attempts up to and including ``attempt`` left
        unpublished, and what interrupted deletions of the backup left
        (with 0: nothing else). What is published stays. Removing nothing
        is no error.

        Safe beside anything else that removes the same."""

    def unlock(self, place: BackupReference, kind: states.Kind,
               progress: shared_progress.Progress) -> None:
        """Remove the locks that an operation's processes have left in the
        repository, none of which there are any more. Locks of anybody else
        stay. Called in the end of an operation, while no other on the same
        backup has begun, if :attr:`LEAVES_LOCKS` and processes of it may have
        been killed.

        :param kind: what the operation does.
        :raises DriverError: they could not be removed.
        """

    @abc.abstractmethod
    def verify(self, place: BackupReference,
               progress: shared_progress.Progress) -> list[str]:
        """Re-read a published backup and compare it with what was recorded.

        A backup that is not there is damaged. That something can't be read
        for a reason that may pass, or for want of privileges, is no damage.

        :returns: list of str, a sentence for each damage; empty if sound.
            Names of files in them are printable, whatever bytes they have.
        :raises DriverError: it could not be told.
        """

    def verify_alone(self, place: BackupReference,
                     progress: shared_progress.Progress) -> list[str]:
        """Do what :meth:`verify` does, and read nothing that is not the
        backup's: for those who verify one now and then, and count on
        ``progress`` what that reads.

        :returns: as :meth:`verify` does.
        """
        return self.verify(place, progress)

    def mend(self, place: BackupReference,
             progress: shared_progress.Progress) -> list[str]:
        """Have later backups take over nothing that is damaged, where that
        takes more than to note it. Called once damage was found in a backup,
        and told.

        :returns: list of str, a sentence for each thing that went wrong.
        :raises DriverError: it could not be done; :meth:`maintain` does it.
        """
        return []

    @abc.abstractmethod
    def contents(self) -> collections_abc.Iterator[RepositoryItem]:
        """Iterate over everything in the repository. What comes or goes
        meanwhile may be among it or not.

        :returns: iterator of :class:`RepositoryItem`.
        """

    @abc.abstractmethod
    def describe(self, place: BackupReference) -> Info:
        """Read the information about a published backup from its repository.

        :returns: an :class:`Info`.
        :raises DamagedBackup: that can't be relied on, or it is another
            backup's.
        :raises DriverError: it isn't there, or can't be read now.
        """

    def open_index(self, place: BackupReference, folder: str) -> reader.Reader:
        """Open the index of what a published backup has, for one to look
        into it without restoring it. Runs in the worker itself, beside its
        operations.

        :param folder: str, a directory of this worker's for what has to be
            made for that, under names that begin with the backup's id; later
            calls find it there, or not. What is not finished has a name of
            ``tempfile``'s.
        :returns: a :class:`~manila_backup.contents.reader.Reader`.
        :raises DamagedBackup: what it is made of can't be relied on.
        :raises DriverError: the backup isn't there, or can't be read now.
        :raises NotImplementedError: this driver has none.
        """
        raise NotImplementedError

    def open_directory(self, place: BackupReference, folder: str,
                       directory: bytes) -> reader.Reader:
        """Open an index, as :meth:`open_index`, for one directory's entries.
        """
        return self.open_index(place, folder)

    @contextlib.contextmanager
    def making_index_anew(self, place: BackupReference, folder: str
                          ) -> collections_abc.Iterator[None]:
        """Have an index that is found to be damaged removed, and the
        operation tried again with a new one: a retryable DriverError."""
        try:
            yield
        except database.DamagedIndex as exc:
            self.drop_index(place, folder)
            raise DriverError(
                'The index of the backup was damaged, and is made anew: '
                f'{exc}', retryable=True) from exc

    def drop_index(self, place: BackupReference, folder: str) -> None:
        """Remove what :meth:`open_index` opened: it was found to be damaged,
        and is to be made anew. What can't be removed stays."""

    def open_file(self, place: BackupReference, folder: str,
                  index: reader.Reader, one: item.Item
                  ) -> stored_file.StoredFile:
        """Open the content of a regular file of a published backup, for one
        to read it without restoring it. Runs in the worker itself, as
        :meth:`open_index` does.

        :param folder: str, as of :meth:`open_index`.
        :param index: what that returned, still open.
        :param one: an item of it, of a regular file that is stored.
        :returns: a :class:`~manila_backup.contents.stored_file.StoredFile`.
        :raises DamagedBackup: it is not there, or not what was stored.
        :raises DriverError: it can't be read now.
        :raises NotImplementedError: this driver can only restore.
        """
        raise NotImplementedError

    def warnings(self, place: BackupReference, skip: int,
                 limit: int) -> copying_warnings.Page | None:
        """Read what a published backup lacks, entry by entry: all of what
        :meth:`backup` counted as problems, in an order that never changes.

        :param skip: int, how many to leave out.
        :param limit: int, the most to return after those.
        :returns: a :class:`~manila_backup.copying.warnings.Page`; None if the
            repository has no such list.
        :raises DamagedBackup: it is not as it was written.
        :raises DriverError: there is no such backup, or it can't be read now.
        """
        return None

    def unique_bytes(self, place: BackupReference,
                     progress: shared_progress.Progress) -> int | None:
        """Compute the space that the removal of a published backup would free.

        :returns: int, bytes; or None if this driver can't tell.
        """
        return None

    def space(self, progress: shared_progress.Progress
              ) -> tuple[int, int] | None:
        """Measure the file system, or whatever else, that the repository is
        in.

        :returns: (bytes used, by whatever uses them, and bytes that more
            backups can take); None if this driver can't tell.
        :raises DriverError: it can't be reached now.
        """
        return None


#: What the classes were called before. Drivers that others have written may
#: use these names for one more release.
_RENAMED = {'Place': BackupReference, 'Stored': RepositoryItem,
            'StoredState': ItemState, 'Report': Result, 'Description': Info}


def __getattr__(name: str) -> type:
    try:
        renamed = _RENAMED[name]
    except KeyError:
        raise AttributeError(
            f'module {__name__} has no attribute {name}') from None
    warnings.warn(f'{__name__}.{name} is called {renamed.__name__} now; the '
                  f'old name goes with the next release.',
                  DeprecationWarning, stacklevel=2)
    return renamed
