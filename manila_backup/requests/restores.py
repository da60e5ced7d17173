# SPDX-License-Identifier: Apache-2.0
"""Restores of chosen paths of a backup: what may be asked for."""

import dataclasses
import os

from manila_backup import exception
from manila_backup.fs import name_keys
from manila_backup.path_restore import selection
from manila_backup import quoting


@dataclasses.dataclass(frozen=True)
class Paths:
    """Choice of paths, as :mod:`manila_backup.quoting` has them.

    :ivar paths: list of str.
    :ivar target_path: str, or None for where they were.
    :ivar conflict: str, a :class:`.selection.Conflict`.
    """

    paths: list[str]
    target_path: str | None = None
    conflict: str = selection.Conflict.FAIL

    def options(self):
        """Return the options of the operation, as a dict."""
        return {'paths': self.paths, 'target_path': self.target_path,
                'conflict': str(self.conflict)}


def check(conf, paths):
    """Make sure that a share can have what was asked for.

    :param paths: a :class:`Paths`.
    :raises manila_backup.exception.InvalidInput: it can't.
    """
    if paths.target_path is None:
        return
    name = quoting.unquote(paths.target_path).partition(b'/')[0]
    if name == b'.':
        raise exception.InvalidInput(
            'target_path must name a directory below the share\'s root. '
            'Leave it out to restore each path to where it was.')
    if name.startswith(name_keys.TEMPORARY) or name in map(
            os.fsencode, conf.backup.ignore_files):
        raise exception.InvalidInput(
            f'target_path must not begin with "{quoting.quote(name)}": '
            'backups and restores leave this name alone.')


def check_driver(drivers, backup):
    """Make sure that paths of a backup can be restored.

    :param drivers: dict of name to backup driver.
    :raises manila_backup.exception.InvalidInput: its driver can't.
    """
    driver = drivers.get(backup.backup_type)
    # One that is not enabled here may be elsewhere.
    if driver is not None and not driver.RESTORES_PATHS:
        raise exception.InvalidInput(
            f'Backups of the driver {backup.backup_type} can only be '
            'restored as a whole.')
