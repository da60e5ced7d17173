# SPDX-License-Identifier: Apache-2.0
"""The part of a backup driver's interface that is about its repository, and no
backup: what is done now and then, and what operators have done. All of it has
a default."""

import dataclasses

from manila_backup.drivers import progress as shared_progress
from manila_backup import exception

_NO_KEY = 'The driver\'s backups need no key.'


@dataclasses.dataclass(frozen=True)
class Rotation:
    """Result of a rotation of keys.

    :ivar removed: int, how many keys the repository has no more.
    :ivar others: int, how many it has that are neither the new one nor known
        to this service.
    """

    removed: int
    others: int


class Upkeep:
    """Base class of :class:`manila_backup.drivers.base.BackupDriver`."""

    def maintain(self, progress: shared_progress.Progress) -> list[str]:
        """Do what a repository needs to have done now and then. Called every
        ``maintain_interval`` seconds, by one worker at a time.

        :returns: list of str, a sentence for each thing that went wrong.
        """
        return []

    def can_upgrade(self) -> bool:
        """Tell whether :meth:`upgrade` would change the repository's format.

        :raises DriverError: it can't be told.
        """
        return False

    def upgrade(self) -> bool | None:
        """Bring the repository to the newest format that this release
        writes. Releases that do not know it can't use it any more.

        :returns: bool, whether it was of an older one; None if there is only
            one.
        """
        return None

    def export_key(self, project_id: str) -> tuple[str, str]:
        """Return what is needed to read a project's backups without this
        service.

        :returns: (place of the repository, its password).
        :raises DriverError: nothing is needed, or there is no repository.
        """
        raise exception.StorageFailed(_NO_KEY)

    def key_owners(self) -> list[str | None]:
        """List the projects that have keys, as ids; None stands for what is
        the service's own.

        :raises DriverError: it can't be told.
        """
        return []

    def rotate_key(self, project_id: str | None) -> Rotation:
        """Replace the key by which the backups of a project are read: there is
        a new one, which is tried and recorded before the old one is revoked.
        What an interrupted call has begun, the next one completes. Others go
        on working meanwhile, and one process at a time does this.

        :param project_id: one of :meth:`key_owners`.
        :raises DriverError: it could not be completed.
        """
        raise exception.StorageFailed(_NO_KEY)
