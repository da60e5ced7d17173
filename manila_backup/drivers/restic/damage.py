# SPDX-License-Identifier: Apache-2.0
"""Repositories in which damage was found.

restic stores nothing that it finds in the index of a repository, whatever has
become of it since. So what is damaged has to go from there for the next backup
to store it anew. That is noted in the repository until it is done.
"""

import re
import tempfile

from manila_backup.drivers import base
from manila_backup import private

# What "check" says of those that are there and not what they were.
_BROKEN = re.compile(r'restic repair packs ((?:[0-9a-f]{64} ?)+)')

# How many are given to restic at once.
_MOST = 100


def mend(project, folder, count=None):
    """Remove what is damaged from the index of a repository, if there is a
    note that something is. What is not damaged in the same files is kept.

    All of it is read for that, without a lock; what is found then takes the
    repository for itself.

    :param project: a :class:`~.repository.Repository`.
    :param folder: str, a directory of this host's for copies that restic
        makes of what it removes.
    :param count: called with the bytes that restic has read and written.
    :returns: bool, whether there was something to be done.
    :raises DriverError: it can't be done now.
    """
    notes = project.damage_notes()
    if not notes:
        return False
    broken = _find_broken(project.restic, count)
    private.make_directories(folder)
    for start in range(0, len(broken), _MOST):
        with tempfile.TemporaryDirectory(dir=folder) as copies:
            project.restic.run('repair', 'packs',
                               *broken[start:start + _MOST], sink=True,
                               cwd=copies)
    # Those that are gone.
    project.restic.run('repair', 'index', sink=True)
    project.restic.run('forget', '--quiet', *notes)
    return True


def _find_broken(restic, count):
    """List the ids of the files with data that are not what they were.

    :raises RepositoryUnavailable: that can't be told now.
    """
    said = []

    def hear(line):
        said.extend(found for each in _BROKEN.findall(line)
                    for found in each.split())

    try:
        restic.run('check', '--read-data', '--no-lock', sink=True,
                   on_error=hear, on_io=count)
    except base.RepositoryUnavailable:
        raise
    except base.DriverError:
        return sorted(set(said))
    return []
