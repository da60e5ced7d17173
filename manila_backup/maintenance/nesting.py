# SPDX-License-Identifier: Apache-2.0
"""Repositories and shares that lie within one another: a backup would copy
itself, and a restore would remove backups."""

import os

from manila_backup import exception
from manila_backup import plugins


def check(conf):
    """Make sure that they lie apart from each other.

    :raises manila_backup.exception.ConfigurationError: they do not.
    """
    if conf.shares.source != 'local':
        return
    shares = os.path.realpath(conf.local_shares.path)
    for name in conf.backup.enabled_drivers:
        group, option = plugins.location(conf, name) or (None, None)
        path = conf[group][option] if group else None
        if not path or not path.startswith('/'):
            continue
        repository = os.path.realpath(path)
        if os.path.commonpath((shares, repository)) in (shares, repository):
            raise exception.ConfigurationError(
                f'[local_shares] path {conf.local_shares.path} and '
                f'[{group}] {option} {path} lie within one another: backups '
                f'would be part of what is backed up. Choose directories '
                f'that are apart.')
