# SPDX-License-Identifier: Apache-2.0
"""Numbers, times and states as a person reads them: the filters of the
templates."""

import datetime
from urllib import parse

from manila_backup.ui import due
from manila_backup import wording

_UNITS = ('B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB')

_SPANS = ((86400, 'day'), (3600, 'hour'), (60, 'minute'))

#: What is said of a value that nobody knows.
UNKNOWN = '–'

#: States that are good, that want a look, and that are bad; all others are
#: under way.
_GOOD = frozenset(('available', 'complete', 'done', 'kept', 'enabled', 'up',
                   'stored', 'ok'))
_DOUBTFUL = frozenset(('incomplete', 'missed', 'skipped', 'superseded',
                       'disabled', 'draining', 'missing', 'cancelled'))
_BAD = frozenset(('error', 'error_deleting', 'damaged', 'failed', 'broken',
                  'backup_restoring_error', 'down'))


def size(number):
    """Convert a number of bytes to a text such as ``1.5 GiB``."""
    if number is None:
        return UNKNOWN
    number = float(number)
    for unit in _UNITS:
        if number < 1024 or unit == _UNITS[-1]:
            digits = 0 if unit == 'B' or number >= 100 else 1
            return f'{number:.{digits}f} {unit}'
        number /= 1024


def count(number):
    """Convert a number to a text with its thousands apart."""
    return UNKNOWN if number is None else f'{number:,}'.replace(',', '\u202f')


def counted(number, one, many=None):
    """Convert a number to a text with what it is of: ``1 entry``.

    :param many: str, the plural; None for one with an ``s``.
    """
    return f'{count(number)} {wording.noun(number, one, many)}'


def entries(number):
    """Convert a number of directory entries to a text."""
    return counted(number, 'entry', 'entries')


def moment(text):
    """Parse a time of the API, which is UTC.

    :returns: datetime without a zone, or None.
    """
    if not text:
        return None
    return datetime.datetime.fromisoformat(text.removesuffix('Z'))


def time(text):
    """Convert a time of the API to one to read, to the minute."""
    found = moment(text)
    return f'{found:%Y-%m-%d %H:%M}' if found else UNKNOWN


def now():
    """Return the time as that of the API is parsed: UTC, without a zone."""
    return datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)


def span(seconds):
    """Convert seconds to a text such as ``2 hours``."""
    if seconds is None:
        return UNKNOWN
    for length, name in _SPANS:
        if seconds >= length:
            return counted(round(seconds / length), name)
    return f'{int(seconds)} s'


def ago(text, since=None):
    """Convert a time of the API to how long ago it was, or until then.

    :param since: datetime to count from; None for now.
    """
    found = moment(text)
    if not found:
        return UNKNOWN
    seconds = ((since or now()) - found).total_seconds()
    return f'{span(seconds)} ago' if seconds >= 0 else f'in {span(-seconds)}'


def mood(state):
    """Return the class of a state: ``good``, ``doubtful``, ``bad`` or
    ``busy``."""
    for found, states in (('good', _GOOD), ('doubtful', _DOUBTFUL),
                          ('bad', _BAD)):
        if state in states:
            return found
    return 'busy'


def state(text):
    """Convert a state to words: ``backup_creating`` to ``backup
    creating``."""
    return UNKNOWN if text is None else str(text).replace('_', ' ')


def quote(text):
    """Quote a text for one part of a path, or a value in a query."""
    return parse.quote(str(text), safe='')


def percent(operation):
    """Return how far an operation is, as int; None if that is not known."""
    done, total = operation['bytes_done'], operation['bytes_total']
    if not total:
        done, total = operation['files_done'], operation['files_total']
    if not total or done is None:
        return None
    return min(100, int(100 * done / total))


FILTERS = {each.__name__: each for each in (
    size, count, counted, entries, time, span, ago, mood, state, quote,
    percent, due.due)}
