# SPDX-License-Identifier: Apache-2.0
"""Removing from the repositories what no backup needs any more."""

import dataclasses

from manila_backup.drivers import base
from manila_backup.drivers.restic import repository


# What restic says where it would have to guess what else is needed.
_REFUSED = 'Data seems to be missing'

_LACKING = (
    'its repository is not pruned as long as damaged backups lack data in it: '
    'delete those, or make another backup of the same shares.')


@dataclasses.dataclass(frozen=True)
class PruneSettings:
    """Settings of the pruning of repositories.

    :ivar interval: float, seconds; 0 for never.
    :ivar max_repack_size: str, as restic has it.
    :ivar max_unused: str, as restic has it.
    """

    interval: float = 0
    max_repack_size: str = '10G'
    max_unused: str = '5%'


class Maintenance:
    """One pass over all repositories.

    :param driver: the driver.
    """

    def __init__(self, driver, progress):
        self._driver = driver
        self._progress = progress

    def run(self):
        """Do it.

        :returns: list of str, a sentence for each repository that could not
            be dealt with.
        """
        said = []
        for project_id in self._driver.projects():
            try:
                self._prune(project_id)
            except base.DriverError as exc:
                said.append(f'Project {project_id}: ' + (
                    _LACKING if _REFUSED in exc.message else str(exc)))
        return said

    def _prune(self, project_id):
        project = self._driver.project(project_id,
                                       tick=self._progress.check)
        # What its host's dead processes left, by restic's own judgement.
        project.restic.run('unlock', sink=True)
        self._driver.mend_project(project)
        self._forget(project)
        project.restic.run(
            'prune', '--max-repack-size', self._driver.pruning.
            max_repack_size, '--max-unused', self._driver.pruning.max_unused,
            sink=True, limits=self._driver.limits)

    def _forget(self, project):
        """Forget the snapshots that interrupted deletions left."""
        found = project.snapshots()
        gone = {each.place for each in found
                if each.kind == repository.DELETED}
        project.forget(sorted(
            (each for each in found if each.place in gone),
            key=repository.marks_last))
