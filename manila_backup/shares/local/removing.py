# SPDX-License-Identifier: Apache-2.0
"""Removing what is in open directories."""

import os

from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import removal
from manila_backup.shares import base


def remove(name, directory, progress=None):
    """Remove an entry with all that is in it; not being there is no error.

    :param name: str.
    :param directory: has ``fd``, a descriptor of what it is in, and
        ``path``, what that is called.
    :param progress: a :class:`~manila_backup.drivers.progress.Progress`, or
        None.
    :raises ShareError: something stays.
    """
    try:
        removal.remove(name, directory.fd,
                       progress and (lambda: progress.advance(1, 0)))
    except OSError as exc:
        where = os.path.join(os.fsencode(directory.path),
                             os.fsencode(exc.filename or name))
        raise base.ShareError(
            f'{errors.printable(where)} could not be removed: '
            f'{errors.reason(exc)}.') from exc


def empty(directory, progress=None):
    """Remove all that is in a directory, of which everything that can be:
    what comes meanwhile, too, unless it comes all the time.

    :param directory: as for :func:`remove`.
    :raises ShareError: something stays; the first that did.
    """
    failed = None
    with handles.entries(directory.fd) as entries:
        names = [entry.name for entry in entries]
    for name in names:
        try:
            remove(name, directory, progress)
        except base.ShareError as exc:
            failed = failed or exc
    if failed:
        raise failed
