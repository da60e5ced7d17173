# SPDX-License-Identifier: Apache-2.0
"""The extension: all that this service has beyond Manila.

Manila's version numbers are Manila's to give a meaning. What it does not have
is asked for by a second entry in the header that names the version:
``OpenStack-API-Version: shared-file-system 2.91, shared-file-system-backup
1.0``. Without that entry every answer is as if there were no extension. Each
addition raises the second number:

* 1.0 ``/v2/share-backup-operations``, and the action ``cancel`` of operations
  and of share backups; what is in a share backup, among its details; metadata
  of share backups, and filters by it and by the time of their creation;
  ``/v2/share-backup-usage``; ``/v2/share-backup-quotas``;
  ``/v2/share-backup-services``; ``/v2/share-backups/{id}/warnings``
* 1.1 ``/v2/share-backup-policies``, ``/v2/share-backup-coverage``, in share
  backups ``policy_id``, ``rule_id`` and ``due_at``, and the quota
  ``backup_policies``
* 1.2 ``/v2/share-backups/{id}/files`` and ``/files/content`` below it,
  ``/v2/share-backups/{id}/changes``, ``/v2/share-backup-file-versions``, the
  action ``restore_files`` of share backups, and dry runs of ``restore``; in
  the creation of shares ``source_backup_id``
* 1.3 ``/v2/share-backup-repositories``
* 1.4 of ``/v2/share-backup-policies/{id}/runs``, pages, and filters by
  ``status``, ``share_id`` and ``since``
* 1.5 of ``/v2/share-backup-usage``, sums for each day; of
  ``/v2/share-backup-coverage``, numbers of shares
"""

from manila_backup.api import faults
from manila_backup.api import microversions

SERVICE_TYPE = 'shared-file-system-backup'

MIN = (1, 0)
MAX = (1, 5)

#: The version that brought the extension.
FIRST = (1, 0)

#: The version that brought backup policies.
POLICIES = (1, 1)

#: The version that brought the files in a backup.
FILES = (1, 2)

#: The version that brought the repositories.
REPOSITORIES = (1, 3)

#: The version that brought pages and filters of the runs of backup policies.
RUNS = (1, 4)

#: The version that brought sums for days and numbers of shares.
SUMS = (1, 5)


def entry(version):
    """Return the entry of the header that asks for a version.

    :param version: (major, minor).
    """
    return f'{SERVICE_TYPE} {microversions.to_string(version)}'


def is_asked_for(environ):
    """Tell whether a request has the entry, in whatever form."""
    return bool(_entries(environ))


def from_environ(environ):
    """The version of the extension that a request asks for.

    :param environ: the WSGI environment.
    :returns: (major, minor), or None if it asks for none.
    :raises manila_backup.api.faults.Fault: 400 where the entry makes no
        sense or is there twice, 406 where there is no such version.
    """
    entries = _entries(environ)
    if not entries:
        return None
    if len(entries) > 1:
        raise faults.bad_request(
            f'The header {microversions.HEADER} names {SERVICE_TYPE} more '
            f'than once.')
    version = microversions.parse(entries[0], MAX,
                                  f'The version of {SERVICE_TYPE}')
    if not MIN <= version <= MAX:
        raise microversions.unsupported(
            f'{microversions.to_string(version)} of {SERVICE_TYPE}', MIN, MAX)
    return version


def includes(version, needed):
    """Tell whether a version of the extension has what came with another
    one; either may be None."""
    return needed is None or (version is not None and needed <= version)


def not_found(first):
    """The :class:`~manila_backup.api.faults.Fault` of a path that only the
    extension has.

    :param first: (major, minor), the first version that has it.
    """
    return faults.not_found(
        f'The resource could not be found. It exists only for requests with '
        f'"{entry(first)}" in the header {microversions.HEADER}.')


def _entries(environ):
    """The words after the service type in each entry for it, as list of
    str."""
    header = environ.get('HTTP_OPENSTACK_API_VERSION') or ''
    entries = [part.split() for part in header.split(',')]
    return [' '.join(words[1:]) for words in entries
            if words and words[0].lower() == SERVICE_TYPE]
