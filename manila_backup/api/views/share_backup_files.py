# SPDX-License-Identifier: Apache-2.0
"""Files in a share backup as callers see them."""

import datetime
import functools

from manila_backup.api.views import common

_EPOCH = datetime.datetime(1970, 1, 1)


def details(found):
    """Entries as workers tell them.

    :param found: list of dict, as of
        :mod:`manila_backup.engine.questions.files`.
    """
    return [_one(**each) for each in found]


def _one(path, name, type, size, mtime, mode, uid, gid, target, is_stored,
         is_known, digest=None):
    if is_known:
        mtime, mode = _moment(mtime), f'{mode:04o}'
    else:
        # Of what could not be read nothing else is known.
        size = mtime = mode = uid = gid = None
    return {'path': f'/{path}', 'name': name, 'type': type,
            'state': 'stored' if is_stored else 'missing',
            'link_target': target, 'digest': digest, 'size': size,
            'mtime': mtime, 'mode': mode, 'uid': uid, 'gid': gid}


def version(found):
    """A version of a file.

    :param found: a :class:`manila_backup.requests.file_versions.Version`.
    """
    return {**_one(**found.file),
            'first_backup_id': found.first.id,
            'first_backup_at': common.timestamp(found.first.created_at),
            'last_backup_id': found.last.id,
            'last_backup_at': common.timestamp(found.last.created_at),
            'backup_count': found.count}


def change(number, kind, path, previous, words, before, after):
    """A change, as workers tell it."""
    shown = {'change': kind, 'path': f'/{path}', 'differences': words,
             'previous_path': None if previous is None else f'/{previous}',
             'type': (after or before)['type']}
    for prefix, side in (('', after), ('previous_', before)):
        shown[f'{prefix}size'] = side and side['size']
        shown[f'{prefix}mtime'] = side and _moment(side['mtime'])
    return shown


def _moment(nanoseconds):
    """A time as OpenStack writes it; None of one that no calendar has."""
    seconds, rest = divmod(nanoseconds, 10 ** 9)
    second = _second(seconds)
    return second and f'{second}.{rest // 1000:06}'


@functools.lru_cache(4096)
def _second(seconds):
    """Text of a time without fraction: files are often written together."""
    try:
        return (_EPOCH + datetime.timedelta(seconds=seconds)).isoformat()
    except OverflowError:
        return None
