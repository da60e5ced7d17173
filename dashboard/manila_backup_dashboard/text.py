# SPDX-License-Identifier: Apache-2.0
"""Values as people read them.

What a share's user has named anything is shown as it is, but for characters
that would not be seen or would move others: they are written by their numbers.
Markup is for Django to escape, which it does in all templates and cells.
"""

import unicodedata

from django.utils import dateparse
from django.utils.translation import gettext as _

#: Of those that format text, what scripts and pictures need inside words.
_JOINERS = '\u200c\u200d'

_HIDDEN = frozenset(('Cc', 'Cf', 'Cs', 'Co', 'Cn', 'Zl', 'Zp'))

_UNITS = ('B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB')

#: What is said of a value that nobody knows.
UNKNOWN = '-'


def plain(value, kept=''):
    """Return a text with what can't be seen in it written as ``\\u202e``.

    :param value: any value; None is no text.
    :param kept: str, characters that stay as they are.
    """
    return ''.join(_visible(each, kept)
                   for each in ('' if value is None else str(value)))


def lines(value):
    """Return a text of several lines as :func:`plain` does, with the ends of
    the lines."""
    return plain(value, kept='\n')


def _visible(character, kept):
    if character in kept or character in _JOINERS or (
            unicodedata.category(character) not in _HIDDEN):
        return character
    number = ord(character)
    return f'\\U{number:08x}' if number > 0xffff else f'\\u{number:04x}'


def name_of(resource):
    """Return the name of something, or the beginning of its id in brackets,
    as Horizon has it for what has no name."""
    return plain(resource.name) or f'({resource.id[:13]})'


def size(number):
    """Return a number of bytes as ``1.5 GiB``."""
    if number is None:
        return UNKNOWN
    number = float(number)
    for unit in _UNITS:
        if number < 1024 or unit == _UNITS[-1]:
            return f'{number:.0f} {unit}' if unit == 'B' else (
                f'{number:.1f} {unit}')
        number /= 1024


def gigabytes(number):
    """Return the size of a share as ``5 GiB``."""
    return UNKNOWN if number is None else _('%s GiB') % number


def moment(value):
    """Return an instant as the API writes it, as a datetime; None if there is
    none or it is no instant."""
    try:
        return dateparse.parse_datetime(value) if value else None
    except ValueError:
        return None


def time(value):
    """Return an instant as the API writes it to the second, in UTC."""
    found = moment(value)
    return f'{found:%Y-%m-%d %H:%M:%S}' if found else UNKNOWN


def words(value):
    """Return a word of the API as words: ``keep_both`` as ``keep both``."""
    return UNKNOWN if value is None else plain(value).replace('_', ' ')


def percent(done, total):
    """Return a part of a whole as ``42%``."""
    return f'{min(100, 100 * done // total)}%' if done and total else UNKNOWN


def progress(backup):
    """Return the progress of what is being done with a backup."""
    value = {'creating': 'progress', 'restoring': 'restore_progress'}.get(
        backup.status)
    found = getattr(backup, value, None) if value else None
    return UNKNOWN if found is None else f'{plain(found)}%'
