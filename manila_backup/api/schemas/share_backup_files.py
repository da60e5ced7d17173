# SPDX-License-Identifier: Apache-2.0
"""Schemas of requests about the files in a share backup."""

from manila_backup.api.schemas import types
from manila_backup.contents import item
from manila_backup import quoting

_LONGEST = 32768


@types.converter({'type': 'string', 'minLength': 1, 'maxLength': _LONGEST})
def path(value):
    """A path below the share's root, with or without a slash at its
    beginning and end, as :mod:`manila_backup.quoting` has it.

    :raises ValueError: it is none.
    """
    if len(value) > _LONGEST:
        raise ValueError(f'it must have at most {_LONGEST} characters')
    value = value.strip('/') or item.ROOT.decode()
    found = quoting.unquote(value)
    if found != item.ROOT and any(
            name in (b'', b'.', b'..') or b'\0' in name
            for name in found.split(b'/')):
        raise ValueError('it must be a path from the share\'s root, without '
                         '"." and ".." in it')
    return value


@types.converter({'type': 'string', 'minLength': 1, 'maxLength': 255})
def pattern(value):
    """A pattern of names as shells have them.

    :raises ValueError: it is too long, or could match no name.
    """
    if not 0 < len(value) <= 255:
        raise ValueError('it must have 1 to 255 characters')
    if '/' in value:
        raise ValueError('it must be a pattern of names, such as "*.sql", '
                         'without a slash; "under" says in which directory '
                         'to search')
    return value


@types.converter({'type': 'integer', 'minimum': 0, 'maximum': 2 ** 63 - 1})
def size(value):
    """A number of bytes.

    :raises ValueError: it is none.
    """
    if not value.isascii() or not value.isdigit() or len(value) > 19 or (
            int(value) >= 2 ** 63):
        raise ValueError('it must be a whole number of bytes')
    return int(value)


#: Conditions of a search, which only finds what meets all of them.
SEARCH = {
    'search': pattern,
    'under': path,
    'min_size': size,
    'max_size': size,
    'modified_since': types.moment,
    'modified_before': types.moment,
}

LIST = {
    'path': path,
    **SEARCH,
    'limit': types.count,
    'marker': path,
}

CONTENT = {'path': path}

VERSIONS = {
    'share_id': types.uuid,
    'path': path,
    'limit': types.count,
    'marker': types.uuid,
}

CHANGES = {
    'since': types.uuid,
    'limit': types.count,
    'marker': types.count,
}
