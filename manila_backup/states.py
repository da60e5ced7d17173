# SPDX-License-Identifier: Apache-2.0
"""Every status there is, and every change of one that is legal: as data.

Nothing else in the service compares or assigns a status string of its own,
and :mod:`manila_backup.db.transitions` alone writes one into the database;
what is not in these tables raises :class:`~manila_backup.exception.
IllegalTransition`, which is a bug of the code that asked.
"""

import enum
import typing

from manila_backup import exception


class Status(str, enum.Enum):
    """A status is its name in the database and in the API."""

    def __str__(self) -> str:
        return self.value


class Backup(Status):
    """Of a share backup."""

    CREATING = 'creating'
    AVAILABLE = 'available'
    RESTORING = 'restoring'
    DELETING = 'deleting'
    ERROR = 'error'
    ERROR_DELETING = 'error_deleting'


class Share(Status):
    """Of a share; the first three are about its backups."""

    AVAILABLE = 'available'
    BACKUP_CREATING = 'backup_creating'
    BACKUP_RESTORING = 'backup_restoring'
    BACKUP_RESTORING_ERROR = 'backup_restoring_error'
    CREATING = 'creating'
    CREATING_FROM_SNAPSHOT = 'creating_from_snapshot'
    ERROR = 'error'
    DELETING = 'deleting'
    ERROR_DELETING = 'error_deleting'
    MANAGE_STARTING = 'manage_starting'
    MANAGE_ERROR = 'manage_error'
    UNMANAGE_STARTING = 'unmanage_starting'
    UNMANAGE_ERROR = 'unmanage_error'
    EXTENDING = 'extending'
    EXTENDING_ERROR = 'extending_error'
    SHRINKING = 'shrinking'
    SHRINKING_ERROR = 'shrinking_error'
    REVERTING = 'reverting'
    REVERTING_ERROR = 'reverting_error'
    MIGRATING = 'migrating'
    INACTIVE = 'inactive'
    SNAPSHOTTING = 'snapshotting'


class Snapshot(Status):
    """Of a snapshot of a local share."""

    CREATING = 'creating'
    AVAILABLE = 'available'
    DELETING = 'deleting'
    ERROR = 'error'
    ERROR_DELETING = 'error_deleting'


class Operation(Status):
    """Of an operation's record."""

    QUEUED = 'queued'           # for whoever claims it
    RUNNING = 'running'         # a worker holds its lease
    CANCELLING = 'cancelling'   # called off while a worker held its lease
    DONE = 'done'
    FAILED = 'failed'
    CANCELLED = 'cancelled'


class Run(Status):
    """Of a run of a backup policy: one rule, one share and one due time."""

    DUE = 'due'                 # to be begun, when its share can be had
    QUEUED = 'queued'           # its backup is being made
    DONE = 'done'
    FAILED = 'failed'
    MISSED = 'missed'           # it could not begin in time
    SKIPPED = 'skipped'         # there was nothing to back up any more
    SUPERSEDED = 'superseded'   # a later one was due before it had begun


class Kind(Status):
    """Kinds of operations."""

    BACKUP_CREATE = 'create'
    BACKUP_RESTORE = 'restore'
    BACKUP_DELETE = 'delete'
    SHARE_CREATE = 'share_create'
    SHARE_MANAGE = 'share_manage'
    SHARE_DELETE = 'share_delete'
    SNAPSHOT_CREATE = 'snapshot_create'
    SNAPSHOT_DELETE = 'snapshot_delete'


class Result(Status):
    """Completeness of a backup."""

    COMPLETE = 'complete'
    INCOMPLETE = 'incomplete'   # an entry is missing, or not whole
    DAMAGED = 'damaged'         # its content is not what was stored


class PointInTime(Status):
    """Part of a backup that is of one instant."""

    SNAPSHOT = 'snapshot'       # all of it
    FILE = 'file'               # each file
    LIVE = 'live'               # nothing that changed while it was read

    @classmethod
    def of(cls, record: typing.Any,
           whole_files: bool) -> 'PointInTime | None':
        """Return that of a backup; None if its record does not tell.

        :param record: dict that is kept with it, in which ``copied_from`` is
            ``snapshot`` or ``live``; or whatever was found in its place.
        :param whole_files: as its driver has it.
        """
        said = record.get('copied_from') if isinstance(record, dict) else None
        if said == cls.LIVE and whole_files:
            return cls.FILE
        return cls(said) if said in (cls.SNAPSHOT, cls.LIVE) else None


class ServiceMode(Status):
    """Permission of the workers of a host to take operations."""

    ENABLED = 'enabled'
    #: They take none, and finish what they have.
    DISABLED = 'disabled'
    #: They take none, and hand over what they have.
    DRAINING = 'draining'


class Requester(Status):
    """Origin of a backup's row."""

    USER = 'user'
    POLICY = 'policy'
    IMPORT = 'import'


class Verified(Status):
    """Finding of a verification that came to an end."""

    SOUND = 'sound'
    DAMAGED = 'damaged'


#: The kinds of operations on backups, which their owners can see.
BACKUP_KINDS = Kind.BACKUP_CREATE, Kind.BACKUP_RESTORE, Kind.BACKUP_DELETE

#: The backup's status once an operation on it was cancelled by its owner, by
#: the kinds of operations that can be: from which, and to which. A deletion
#: can't be: nobody could tell how much of the backup is left.
CANCELLED: dict[Kind, tuple[Backup, Backup]] = {
    Kind.BACKUP_CREATE: (Backup.CREATING, Backup.ERROR),
    Kind.BACKUP_RESTORE: (Backup.RESTORING, Backup.AVAILABLE),
}

#: From each status to those that may follow it. ``None``: the row's life
#: begins or ends.
TRANSITIONS: dict[type[Status], dict[typing.Any, set[typing.Any]]] = {
    Backup: {
        # Available at once: found in a repository.
        None: {Backup.CREATING, Backup.AVAILABLE},
        Backup.CREATING: {Backup.AVAILABLE, Backup.ERROR},
        # Error: found damaged.
        Backup.AVAILABLE: {Backup.RESTORING, Backup.DELETING, Backup.ERROR},
        Backup.RESTORING: {Backup.AVAILABLE},
        Backup.ERROR: {Backup.DELETING},
        Backup.DELETING: {None, Backup.ERROR_DELETING},
        Backup.ERROR_DELETING: {Backup.DELETING},
    },
    Share: {
        # Available or error at once: that of a backup that was found in a
        # repository.
        None: {Share.CREATING, Share.MANAGE_STARTING, Share.AVAILABLE,
               Share.ERROR},
        Share.CREATING: {Share.AVAILABLE, Share.ERROR},
        Share.MANAGE_STARTING: {Share.AVAILABLE, Share.MANAGE_ERROR},
        Share.AVAILABLE: {Share.BACKUP_CREATING, Share.BACKUP_RESTORING,
                          Share.DELETING, None},
        Share.BACKUP_CREATING: {Share.AVAILABLE},
        Share.BACKUP_RESTORING: {Share.AVAILABLE,
                                 Share.BACKUP_RESTORING_ERROR},
        Share.BACKUP_RESTORING_ERROR: {Share.BACKUP_RESTORING,
                                       Share.DELETING},
        Share.ERROR: {Share.DELETING},
        Share.MANAGE_ERROR: {Share.DELETING, None},
        Share.DELETING: {None, Share.ERROR_DELETING},
        Share.ERROR_DELETING: {Share.DELETING},
        Share.UNMANAGE_ERROR: {Share.DELETING, None},
        Share.INACTIVE: {Share.DELETING},
    },
    Snapshot: {
        None: {Snapshot.CREATING},
        Snapshot.CREATING: {Snapshot.AVAILABLE, Snapshot.ERROR},
        Snapshot.AVAILABLE: {Snapshot.DELETING},
        Snapshot.ERROR: {Snapshot.DELETING},
        Snapshot.DELETING: {None, Snapshot.ERROR_DELETING},
        Snapshot.ERROR_DELETING: {Snapshot.DELETING},
    },
    Operation: {
        None: {Operation.QUEUED},
        # Cancelling: its earlier attempts may have left something.
        Operation.QUEUED: {Operation.RUNNING, Operation.CANCELLING,
                           Operation.CANCELLED},
        Operation.RUNNING: {Operation.DONE, Operation.FAILED,
                            Operation.QUEUED, Operation.RUNNING,
                            Operation.CANCELLING},
        Operation.CANCELLING: {Operation.CANCELLED},
    },
    Run: {
        # Superseded at once: of several that an outage has left.
        None: {Run.DUE, Run.SUPERSEDED},
        Run.DUE: {Run.QUEUED, Run.FAILED, Run.MISSED, Run.SKIPPED,
                  Run.SUPERSEDED},
        Run.QUEUED: {Run.DONE, Run.FAILED},
    },
}

#: The statuses of an operation that stay: nothing follows them.
OVER = frozenset(each for each in Operation
                 if each not in TRANSITIONS[Operation])

#: The statuses of a backup whose content is in a repository.
STORED = (Backup.AVAILABLE, Backup.RESTORING)

#: What the options of a deletion that is done have the backup as, by
#: :func:`manila_backup.telemetry.usage.facts`: its row is gone.
DELETED = 'deleted_backup'

#: What the options of a restore have that only tells what it would do, and
#: what they have that in once it is known.
DRY_RUN, FOUND = 'dry_run', 'found'

#: What an administrator may set a backup's status to.
BACKUP_RESET = (Backup.AVAILABLE, Backup.ERROR, Backup.CREATING,
                Backup.DELETING, Backup.RESTORING)

#: A share that is in the middle of a change which has nothing to do with its
#: backups: asking for one is a conflict (409), not a wrong state (400).
SHARE_CHANGING = frozenset({
    Share.CREATING, Share.CREATING_FROM_SNAPSHOT, Share.DELETING,
    Share.MANAGE_STARTING, Share.UNMANAGE_STARTING, Share.EXTENDING,
    Share.SHRINKING, Share.REVERTING, Share.MIGRATING, Share.SNAPSHOTTING})

#: A share that nothing else may be done to right now.
SHARE_BUSY = SHARE_CHANGING | {Share.BACKUP_CREATING, Share.BACKUP_RESTORING}


class Override(Status):
    """Requests by which an administrator may set a status, whatever the
    transitions say."""

    RESET_STATUS = 'reset_status'
    FORCE_DELETE = 'force_delete'
    SHARE_RESET = 'share reset'


#: What each of them may make of which status. ``None``: of a status that is
#: none of this release's.
OVERRIDES: dict[Override, dict[type[Status],
                               dict[typing.Any, set[typing.Any]]]] = {
    Override.RESET_STATUS: {
        Backup: {old: set(BACKUP_RESET) for old in (None, *Backup)},
        Share: {old: set(Share) for old in (None, *Share)},
        Snapshot: {old: set(Snapshot) for old in (None, *Snapshot)},
    },
    # To delete it the usual way from there.
    Override.FORCE_DELETE: {
        Share: {old: {Share.ERROR} for old in Share
                if old not in SHARE_BUSY},
        Snapshot: {old: {Snapshot.ERROR} for old in Snapshot},
    },
    Override.SHARE_RESET: {
        Share: {Share.BACKUP_RESTORING_ERROR: {Share.AVAILABLE}},
    },
}


def before_restore(status: str | None) -> Share:
    """Return the status of a share once a restore to it has changed nothing.

    :param status: str, what it was before; None if nobody remembers, which
        is so where it was available.
    :returns: a :class:`Share`.
    """
    return Share(status or Share.AVAILABLE)


def sources(target: Status) -> list[str]:
    """The statuses from which ``target`` may follow, as a list of str:
    what an UPDATE's compare-and-swap asks for.

    :param target: a member of one of the enumerations above.
    """
    table = TRANSITIONS[type(target)]
    found = [str(old) for old, new in table.items()
             if old is not None and target in new]
    if not found:
        raise exception.IllegalTransition(f'Nothing becomes {target!r}.')
    return found


def removable(kind: type[Status]) -> list[str]:
    """The statuses from which a row of ``kind`` may be removed, as a list
    of str."""
    return [str(old) for old, new in TRANSITIONS[kind].items() if None in new]


def check(old: Status | None, new: Status) -> None:
    """Make sure that one status may follow another.

    :param old: a member of an enumeration above, or None.
    :param new: a member of the same one.
    :raises manila_backup.exception.IllegalTransition: it may not.
    """
    if new not in TRANSITIONS[type(new)].get(old, ()):
        raise exception.IllegalTransition(
            f'{type(new).__name__} can\'t go from {old} to {new}.')


def check_override(override: Override, kind: type[Status], old: str,
                   new: str) -> None:
    """Make sure that an administrator may have one status follow another.

    :param override: an :class:`Override`.
    :param kind: one of the enumerations of statuses.
    :param old: str, whatever the row has.
    :param new: str.
    :raises manila_backup.exception.IllegalTransition: not even that may be.
    """
    known = next((each for each in kind if each == old), None)
    if new not in OVERRIDES[override][kind].get(known, ()):
        raise exception.IllegalTransition(
            f'By {override}, {kind.__name__} can\'t go from {old} to {new}.')
