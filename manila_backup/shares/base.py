# SPDX-License-Identifier: Apache-2.0
"""The interface of a share source: where shares come from."""

import abc
import dataclasses

from manila_backup import exception


class ShareError(exception.WorkFailed):
    """What was asked of a share can't be done."""


@dataclasses.dataclass(frozen=True)
class ShareRef:
    """What a source needs to know of a share.

    :ivar path: str, the export path that an adopted share was adopted with;
        None for one that the source made.
    """

    id: str
    project_id: str
    path: str | None = None

    @classmethod
    def of(cls, row):
        """Of a row of the table ``shares``."""
        return cls(row.id, row.project_id, row.path)


LIVE, SNAPSHOT = 'live', 'snapshot'


@dataclasses.dataclass(frozen=True)
class View:
    """What a backup is copied from.

    :ivar path: str, an absolute path of a directory.
    :ivar kind: SNAPSHOT, if it holds one instant; LIVE, if it is the share
        itself, which may be changing.
    :ivar reason: str, a sentence: why there is no snapshot where there
        should be one; None if none was to be expected.
    """

    path: str
    kind: str = LIVE
    reason: str | None = None


class ShareSource(abc.ABC):
    """Loaded by stevedore from the entry point group ``manila_backup.
    shares``; the entry point's name is the one in ``[shares] source``.

    An instance must be picklable: it crosses into the processes that work.
    """

    @classmethod
    @abc.abstractmethod
    def from_conf(cls, conf):
        """Make an instance from the service's configuration."""

    @abc.abstractmethod
    def attach(self, share, operation_id, read_only):
        """Make the share's content reachable for an operation.

        :param share: a :class:`ShareRef`.
        :param read_only: True for a backup.
        :returns: str, an absolute path of a directory.
        :raises ShareError: it can't be reached.
        """

    @abc.abstractmethod
    def detach(self, share, operation_id):
        """Undo :meth:`attach`; harmless if there is nothing to undo."""

    def hold(self, share, path, backup_id, attempt, progress):
        """Give what a backup is copied from: the share as it is right now,
        where that can be had. Runs in the process that copies.

        What it makes has the backup's id and the attempt in its name, or has
        them written down before it is made: :meth:`held` must find it after
        a crash at any instant. Removes what earlier attempts left.

        :param path: str, what :meth:`attach` gave.
        :param attempt: int, the fencing token of the operation that makes
            the backup.
        :param progress: a :class:`~manila_backup.drivers.progress.Progress`.
        :returns: a :class:`View`.
        :raises ShareError: there has to be a snapshot, and can't be.
        """
        return View(path)

    def release(self, share, backup_id, attempt, progress=None):
        """Remove what :meth:`hold` made for a backup in attempts up to and
        including ``attempt``; harmless if there is nothing, and beside
        others that do the same. Of the share only the id need be right.

        :param progress: as for :meth:`hold`; None outside of copiers.
        :raises ShareError: something stays.
        """

    def held(self):
        """Iterate over what :meth:`hold` made and is still there; what comes
        or goes meanwhile may be among it or not.

        :returns: iterator of (share id, backup id, int: attempt).
        """
        return iter(())

    def snapshots(self):
        """Iterate over what the source itself keeps of snapshots, finished
        or not; what comes or goes meanwhile may be among it or not.

        :returns: iterator of (share id, snapshot id, bool: whether it is
            only what an unfinished attempt made of it).
        """
        return iter(())
