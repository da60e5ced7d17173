# SPDX-License-Identifier: Apache-2.0
"""Texts from outside, as every database can hold them.

What a driver, a file's name, another service or a configuration says may be
longer than a column, and hold what a database refuses: MariaDB's TEXT ends at
65,535 bytes, its VARCHAR at a number of characters; PostgreSQL has no NUL;
and no encoding has half of a surrogate pair, which is how Python shows a byte
of a file's name that is not UTF-8.

A text that is there to be read is made to fit. One that something is found by
(an id, a path) never is: it would become another's.
"""

import re

import sqlalchemy as sa

#: The most that the least of the databases holds in a TEXT, in bytes of
#: UTF-8.
MAX_BYTES = 65_535

#: The end of a text that was cut.
CUT = '…'

_REFUSED = re.compile('[\0\ud800-\udfff]')


def storable(text):
    """Tell whether each character of a str can be stored."""
    return not _REFUSED.search(text)


def all_storable(document):
    """Tell whether all texts in a JSON document can be stored."""
    todo = [document]
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            todo.extend(value.keys())
            todo.extend(value.values())
        elif isinstance(value, list):
            todo.extend(value)
        elif isinstance(value, str) and not storable(value):
            return False
    return True


def printable(text):
    """A str with its characters that can't be stored spelled out: a byte of
    a file's name as ``\\xff``."""
    return _REFUSED.sub(_spelled_out, text)


def _spelled_out(match):
    code = ord(match[0])
    if 0xdc80 <= code <= 0xdcff:
        code -= 0xdc00
    return f'\\x{code:02x}' if code < 0x100 else f'\\u{code:04x}'


def fit(text, characters=None, size=MAX_BYTES):
    """A text that can be stored, cut at a character where it is too long;
    then it ends with :data:`CUT`.

    :param text: str, or None, which stays that.
    :param characters: int, the most characters; None for any number.
    :param size: int, the most bytes of UTF-8.
    :returns: str or None.
    """
    if text is None:
        return None
    text = printable(text)
    if characters is not None and len(text) > characters:
        text = text[:max(0, characters - len(CUT))] + CUT
    if len(text) * 4 <= size or len(text.encode()) <= size:
        return text
    return text.encode()[:size - len(CUT.encode())].decode(
        errors='ignore') + CUT


def as_stored(column, text):
    """A text as it comes back from a column of the type :class:`Said`."""
    return fit(text, column.type.impl.length)


def fit_list(sentences, count=None, size=MAX_BYTES):
    """Sentences, a line each: as many as fit, and how many more there are.

    :param sentences: iterable of str.
    :param count: int, how many there are in all, if not all are given.
    :param size: int, the most bytes of UTF-8.
    :returns: str.
    """
    sentences = list(sentences)
    count = len(sentences) if count is None else count
    room = size - len(_more(count).encode()) - 1
    lines = []
    for sentence in sentences:
        # One that is longer than all of it is shown in part.
        line = fit(sentence, size=max(room, 0)) if not lines else printable(
            sentence)
        room -= len(line.encode()) + 1
        if room < 0 and lines:
            break
        lines.append(line)
    more = count - len(lines)
    return '\n'.join([*lines, *([_more(more)] if more > 0 else [])])


def _more(count):
    return f'... and {count} more.'


class Said(sa.types.TypeDecorator):
    """A column's type: text that others have said, which is there to be read
    and is made to fit, also where it is compared with.

    :param length: int, the most characters; None for a TEXT.
    """

    impl = sa.String
    cache_ok = True

    def __init__(self, length=None):
        super().__init__(length)

    def load_dialect_impl(self, dialect):
        return dialect.type_descriptor(
            sa.String(self.impl.length) if self.impl.length else sa.Text())

    def process_bind_param(self, value, dialect):
        """Called by SQLAlchemy with what is to be stored."""
        return value if value is None else fit(str(value), self.impl.length)
