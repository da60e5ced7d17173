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

    def snapshots(self):
        """Iterate over what the source itself keeps of snapshots, finished
        or not; what comes or goes meanwhile may be among it or not.

        :returns: iterator of (share id, snapshot id, bool: whether it is
            only what an unfinished attempt made of it).
        """
        return iter(())
