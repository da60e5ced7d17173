# SPDX-License-Identifier: Apache-2.0
"""Values as people read them; as JSON and the like they stay what they are."""

from cliff import columns


def counted(number, one, many=None):
    """Return a number with what it is of: ``1 entry``, ``2 entries``.

    :param many: str, the plural; None for one with an ``s``.
    """
    return f'{number} {one if number == 1 else many or one + "s"}'


def readable_size(size):
    """Return a number of bytes in units, to one digit: ``1.5 GiB``."""
    unit = 'B'
    for unit in ('B', 'KiB', 'MiB', 'GiB', 'TiB'):
        if size < 1024 or unit == 'TiB':
            break
        size /= 1024
    return f'{size} B' if unit == 'B' else f'{size:.1f} {unit}'


class Size(columns.FormattableColumn):
    """A number of bytes, or None."""

    def human_readable(self):
        return '' if self._value is None else readable_size(self._value)


class Rate(columns.FormattableColumn):
    """Bytes a second, or None."""

    def human_readable(self):
        return ('' if self._value is None
                else f'{readable_size(self._value)}/s')


class Time(columns.FormattableColumn):
    """An instant in UTC as the service writes it, or None."""

    def human_readable(self):
        return (self._value or '').partition('.')[0].replace('T', ' ')


class Plain(columns.FormattableColumn):
    """A value that may be None."""

    def human_readable(self):
        return '' if self._value is None else str(self._value)


class Words(columns.FormattableColumn):
    """A list of words."""

    def human_readable(self):
        return ', '.join(self._value or ())


#: What the values of a key are made of.
KINDS = {
    'lost': Words, 'differences': Words,
    'bytes_done': Size, 'bytes_total': Size, 'content_bytes': Size,
    'stored_bytes': Size, 'used_bytes': Size, 'free_bytes': Size,
    'bytes_per_second': Rate,
    **dict.fromkeys(('created_at', 'updated_at', 'completed_at', 'queued_at',
                     'started_at', 'finished_at', 'estimated_end_at',
                     'verified_at', 'taken_at', 'lease_until', 'mtime',
                     'first_backup_at', 'last_backup_at', 'measured_at',
                     'oldest_verified_at', 'newest_verified_at', 'due_at',
                     'ended_at'),
                    Time)}


def row(resource, keys):
    """Return the values of some keys, as a tuple.

    :param resource: dict.
    """
    return tuple(KINDS.get(key, Plain)(resource.get(key)) for key in keys)


def of_one(resource):
    """Return what there is of a resource as (keys, values).

    :param resource: dict.
    """
    keys = sorted(resource.keys() - {'links'})
    return keys, row(resource, keys)


def heading(key):
    """Return a key as the heading of a column."""
    return ' '.join({'id': 'ID'}.get(word, word.capitalize())
                    for word in key.split('_'))
