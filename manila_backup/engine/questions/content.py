# SPDX-License-Identifier: Apache-2.0
"""Questions about the content of single files in a backup.

Whoever wants a file asks for it piece by piece: no answer is large, and none
takes long.
"""

import base64
import contextlib
import typing

from oslo_log import log

from manila_backup.bus import questions
from manila_backup.contents import item
from manila_backup.drivers import base
from manila_backup.engine.questions import files
from manila_backup.fs import handles
from manila_backup import quoting

LOG = log.getLogger(__name__)

# Bytes of a file that is compared with its digest before any of it is told.
_CHECKED_FIRST = 16 << 20


def open_file(driver: base.BackupDriver, place: base.BackupReference,
              folder: str, path: str, most: int) -> dict[str, typing.Any]:
    """Look whether a file's content can be had.

    :param path: str, quoted.
    :param most: int, bytes that it may have: of a larger one only ``size`` is
        told.
    :returns: dict of ``size``, ``digest``, which is None where there is none,
        and ``is_checked``, whether the content is known to have that.
    """
    wanted = quoting.unquote(path)
    with files.opened_index(driver, place, folder,
                            handles.split(wanted)[0]) as index:
        one = _regular(index.entry(wanted))
        if one.size > most:
            return {'size': one.size}
        with (_damage(place),
              driver.open_file(place, folder, index, one) as found):
            if found.size <= _CHECKED_FIRST:
                found.check()
            return {'size': found.size, 'digest': found.digest,
                    'is_checked': found.is_checked}


def read_file(driver: base.BackupDriver, place: base.BackupReference,
              folder: str, path: str, digest: str | None, offset: int,
              length: int) -> dict[str, typing.Any]:
    """Read a piece of a file's content.

    :param digest: str, as :func:`open_file` told it.
    :param offset: int, of the first byte.
    :param length: int, at most :data:`~manila_backup.bus.questions.PIECE`.
    :returns: dict of ``data``, str: in base64.
    """
    wanted = quoting.unquote(path)
    with files.opened_index(driver, place, folder,
                            handles.split(wanted)[0]) as index:
        one = _regular(index.entry(wanted))
        with (_damage(place),
              driver.open_file(place, folder, index, one) as found):
            if found.digest != digest:
                raise questions.Refused(
                    'The file has another digest than it had before.')
            data = found.read(offset, min(length, questions.PIECE))
            return {'data': base64.b64encode(data).decode()}


def _regular(one: item.Item) -> item.Item:
    if not one.is_stored:
        raise questions.Refused(
            'The backup lacks the content of this file: it could not be '
            'stored.')
    if one.type != 'file':
        raise questions.Refused(
            f'The path is of type {one.type}: only regular files can be '
            'downloaded.')
    return one


@contextlib.contextmanager
def _damage(place: base.BackupReference) -> typing.Iterator[None]:
    """Tell that one file is damaged, not all of the backup."""
    try:
        yield
    except base.DamagedBackup as exc:
        LOG.warning('Backup %s: %s', place.backup_id, exc)
        raise questions.Refused(
            'The file is damaged in the backup: its content is not what was '
            'stored.') from exc
