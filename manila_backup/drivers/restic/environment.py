# SPDX-License-Identifier: Apache-2.0
"""The environment that restic needs to reach its repositories."""

from manila_backup.drivers import base
from manila_backup import exception


def checked(found, where):
    """An environment that may be set.

    :param found: dict.
    :param where: str, the option that it comes from.
    :raises manila_backup.exception.ConfigurationError: it may not.
    """
    for name in found:
        if not name.isidentifier() or name.startswith('RESTIC_'):
            raise exception.ConfigurationError(
                f'[restic] {where} can\'t set "{name}".')
    return found


def read(path):
    """Parse a file of NAME=VALUE lines to a dict. It is read for each run of
    restic, so that credentials can be renewed.

    :raises RepositoryUnavailable: it can't be read, or is not like that.
    """
    try:
        with open(path, encoding='utf-8') as source:
            lines = source.read().splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise base.RepositoryUnavailable(
            f'The file of [restic] environment_file, "{path}", can\'t be '
            f'read: {exc}.') from exc
    found = {}
    for number, line in enumerate(lines, 1):
        line = line.strip()
        if not line or line.startswith('#'):
            continue
        name, is_value, value = line.partition('=')
        if not is_value:
            raise base.RepositoryUnavailable(
                f'Line {number} of "{path}" is not NAME=VALUE.',
                retryable=False)
        found[name.strip()] = value.strip()
    try:
        return checked(found, 'environment_file')
    except exception.ConfigurationError as exc:
        raise base.RepositoryUnavailable(str(exc), retryable=False) from exc
