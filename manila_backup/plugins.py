# SPDX-License-Identifier: Apache-2.0
"""Loading drivers and share sources by stevedore."""

import stevedore

from manila_backup import exception


def drivers(conf):
    """The enabled backup drivers.

    :returns: dict of name to instance, in the configured order: the first
        is the default.
    :raises manila_backup.exception.ConfigurationError: one is not
        installed, or can't work as configured.
    """
    if not conf.backup.enabled_drivers:
        raise exception.ConfigurationError(
            '[backup] enabled_drivers names no driver.')
    return {name: _load('manila_backup.drivers', name,
                        '[backup] enabled_drivers').from_conf(conf)
            for name in conf.backup.enabled_drivers}


def location(conf, name):
    """The option that says where a backup driver's repository is.

    :returns: (group, option), or None if it has no single one.
    """
    return _load('manila_backup.drivers', name,
                 '[backup] enabled_drivers').LOCATION


def share_source(conf):
    """The share source.

    :raises manila_backup.exception.ConfigurationError: as for drivers.
    """
    return _load('manila_backup.shares', conf.shares.source,
                 '[shares] source').from_conf(conf)


def _load(group, name, option):
    try:
        return stevedore.DriverManager(group, name,
                                       warn_on_missing_entrypoint=False).driver
    except stevedore.exception.NoMatches:
        known = stevedore.ExtensionManager(group).names()
        raise exception.ConfigurationError(
            f'{option} names {name!r}, which is not installed; there is: '
            f'{", ".join(sorted(known)) or "none"}.') from None
    except ImportError as exc:
        raise exception.ConfigurationError(
            f'{option} names {name!r}, and something that it needs is not '
            f'installed: {exc}.') from exc
