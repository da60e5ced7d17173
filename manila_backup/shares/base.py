# SPDX-License-Identifier: Apache-2.0
"""The interface of a share source: where shares come from."""

import abc
from collections import abc as collections_abc
import contextlib
import dataclasses
import typing

from manila_backup import exception
from manila_backup.fs import lineages
from manila_backup.plans import assignments
from manila_backup import status_codes

if typing.TYPE_CHECKING:
    from oslo_config import cfg


class Progress(typing.Protocol):
    """The part of a :class:`manila_backup.drivers.progress.Progress` that
    sources use."""

    def check(self) -> None:
        """End the process if the lease has run out."""


class ShareError(exception.WorkFailed):
    """An operation on a share can't be done."""

    code = status_codes.StatusCode.SHARE_UNAVAILABLE


class Refused(ShareError):
    """The other service understood a request, and won't do it.

    :ivar status: int, the HTTP status that it answered with.
    :ivar said: str, its own words, without a full stop.
    """

    status = 400
    said = ''


@dataclasses.dataclass(frozen=True)
class ShareRef:
    """Reference to a share, for a share source.

    :ivar path: str, the export path that an adopted share was adopted with;
        None for one that the source made.
    :ivar identity: dict, what its directory was when it became a share, as
        :func:`manila_backup.fs.identity.of` has it; None if that is not
        known.
    :ivar root: dict, the same of the directory that holds the shares that
        the source made.
    :ivar include_mounts: bool, whether file systems that are mounted inside
        the share are part of it.
    """

    id: str
    project_id: str
    path: str | None = None
    identity: dict[str, typing.Any] | None = None
    root: dict[str, typing.Any] | None = None
    include_mounts: bool = False

    @classmethod
    def of(cls, row: typing.Any,
           root: dict[str, typing.Any] | None = None) -> 'ShareRef':
        """Of a row of the table ``shares``."""
        return cls(row.id, row.project_id, row.path, row.identity, root,
                   bool(row.include_mounts))


LIVE, SNAPSHOT = 'live', 'snapshot'


@dataclasses.dataclass(frozen=True)
class View:
    """View of a share: the directory that a backup is copied from, or restored
    to.

    :ivar path: str, an absolute path of a directory. It may be one below
        ``/proc`` that leads to an open descriptor, so that it is that
        directory whatever has its name by now: it is to be opened once, as
        it is, and with following it.
    :ivar kind: SNAPSHOT, if it holds one instant; LIVE, if it is the share
        itself, which may be changing.
    :ivar reason: str, a sentence: why there is no snapshot where there
        should be one; None if none was to be expected.
    :ivar left_out: tuple of paths of directories, as bytes: what is mounted
        in the share, and no part of it, that can't be found by looking at the
        view.
    :ivar lineage: a snapshot's place in the history of what it is one of; None
        if that is not known.
    """

    path: str
    kind: str = LIVE
    reason: str | None = None
    left_out: tuple[bytes, ...] = ()
    lineage: lineages.Lineage | None = None


@dataclasses.dataclass(frozen=True)
class Description:
    """Information about an external share.

    :ivar status: str, what the other service calls its state.
    :ivar changing: bool, whether that is one that it only passes through.
    :ivar size: int, GiB.
    :ivar share: the share as :meth:`ShareSource.find` finds it; None where
        that has to be asked.
    """

    id: str
    project_id: str
    status: str
    changing: bool
    size: int
    share_proto: str
    name: str | None = None
    availability_zone: str | None = None
    share: assignments.Share | None = dataclasses.field(
        default=None, compare=False)


@dataclasses.dataclass(frozen=True)
class Job:
    """The attempt at an operation that a share is used by.

    :ivar attempt: int, the operation's fencing token.
    :ivar read_only: True for making a backup, False for restoring one.
    :ivar looks_only: bool, whether the share is only looked at, as it is right
        now, for somebody who is told what he would do to it.
    """

    operation_id: str
    backup_id: str
    attempt: int
    read_only: bool = True
    looks_only: bool = False


class ShareSource(abc.ABC):
    """Loaded by stevedore from the entry point group ``manila_backup.
    shares``; the entry point's name is the one in ``[shares] source``.

    An instance must be picklable: it crosses into the processes that work.

    :cvar EXTERNAL: bool, whether the shares are another service's. Then it
        is asked about each (:meth:`describe`) when a request about it comes
        in; and what an attempt may have left there is not found by
        :meth:`held`, but by :meth:`release` of each operation that used a
        share, which the database remembers.
    """

    EXTERNAL = False

    @classmethod
    @abc.abstractmethod
    def from_conf(cls, conf: 'cfg.ConfigOpts') -> 'ShareSource':
        """Make an instance from the service's configuration."""

    def describe(self, share_id: str) -> Description | None:
        """Read the current state of an external share.

        :returns: a :class:`Description`, or None if there is no such share.
        :raises ShareError: it can't be told.
        """
        raise NotImplementedError

    def find(self, project_id: str | None = None,
             share_id: str | None = None, share_type: str | None = None,
             metadata: dict[str, str] | None = None
             ) -> collections_abc.Iterator[assignments.Share]:
        """Search for external shares.

        :param project_id: to find only those of that project; else those of
            all.
        :param share_id: to find only that one.
        :param share_type: to find only those of a type, by its id or name.
        :param metadata: to find only those that have these pairs in their
            metadata.
        :returns: iterator of :class:`manila_backup.plans.assignments.Share`.
        :raises ShareError: they can't be told.
        """
        raise NotImplementedError

    def make(self, token: str, project_id: str, **values: typing.Any
             ) -> Description:
        """Begin to make an external share for a caller, as him.

        :param token: str, his token, which may not hold for long.
        :param project_id: str, the project that it is for.
        :param values: ``share_proto`` and ``size`` (int, GiB), and what else
            is not None: ``name``, ``description``, ``share_type``,
            ``share_network_id``, ``availability_zone``, ``is_public`` (bool)
            and ``metadata`` (dict of str to str).
        :returns: a :class:`Description`. The share may be there only in a
            while, which :meth:`use` waits for.
        :raises Refused: the other service won't.
        :raises ShareError: it can't be asked.
        """
        raise NotImplementedError

    @abc.abstractmethod
    def use(self, share: ShareRef, job: Job, progress: Progress
            ) -> contextlib.AbstractContextManager[View]:
        """Make the share's content reachable for an operation: a context
        manager. Runs in the process that copies.

        For a backup it gives the share as it is right now, where that can be
        had. What it makes for that has the job in its name, or has it
        written down before it is made: it must be found after a crash at any
        instant. Removes what earlier attempts left.

        :param share: a :class:`ShareRef`.
        :param job: a :class:`Job`.
        :param progress: a :class:`~manila_backup.drivers.progress.Progress`.
        :returns: context manager of a :class:`View`. What can't be removed
            when it is left stays for :meth:`release`.
        :raises ShareError: it can't be reached, or there has to be a
            snapshot, and can't be.
        """

    def release(self, share: ShareRef, job: Job,
                progress: Progress | None = None) -> None:
        """Remove what :meth:`use` made in attempts up to and including the
        job's; harmless if there is nothing, and beside others that do the
        same. Of the share only the id need be right.

        :param progress: as for :meth:`use`; None outside of children.
        :raises ShareError: something stays.
        """

    def held(self) -> collections_abc.Iterator[tuple[str, str, int]]:
        """Iterate over what :meth:`use` made and is still there; what comes
        or goes meanwhile may be among it or not.

        :returns: iterator of (share id, backup id, int: attempt).
        """
        return iter(())

    def snapshots(self) -> collections_abc.Iterator[tuple[str, str, bool]]:
        """Iterate over what the source itself keeps of snapshots, finished
        or not; what comes or goes meanwhile may be among it or not.

        :returns: iterator of (share id, snapshot id, bool: whether it is
            only what an unfinished attempt made of it).
        """
        return iter(())
