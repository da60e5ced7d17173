# SPDX-License-Identifier: Apache-2.0
"""Text from outside in a log: what looks like a line of it is one.

A name with a newline in it could make up a line of its own, one with a
carriage return or an escape sequence rewrite, on a terminal, what stands
before it.
"""

import logging
import re

#: Control characters, what else ends a line, what turns the direction of
#: writing around, and halves of surrogate pairs, which can't be written.
CONTROL = ('\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e'
           '\u2066-\u2069\ud800-\udfff')
_ANY = re.compile(f'[{CONTROL}]')
#: A traceback has several lines.
_NOT_LAYOUT = re.compile(rf'(?![\n\t])[{CONTROL}]')


def is_plain(text):
    """Tell whether a str is free of control characters."""
    return not _ANY.search(text)


def one_line(text):
    """A str with what is not for being read written as Python writes it:
    ``\\n``, ``\\x1b``, ``\\u2028``."""
    return _ANY.sub(_escape, text)


def _escape(match):
    return repr(match[0])[1:-1]


class Printable(logging.Formatter):
    """Another formatter's records: one line each, and those of a traceback,
    none of them with control characters.

    :param formatter: a ``logging.Formatter``.
    """

    def __init__(self, formatter):
        super().__init__()
        self._formatter = formatter

    def format(self, record):
        text = self._formatter.format(record)
        tail = ''
        for part in (record.stack_info, record.exc_text):
            if part and text.endswith('\n' + part):
                cut = len(text) - len(part) - 1
                text, tail = text[:cut], text[cut:] + tail
        return one_line(text) + _NOT_LAYOUT.sub(_escape, tail)


def apply(logger):
    """Have all handlers of a logger write plain text only.

    :param logger: a ``logging.Logger``.
    """
    for handler in logger.handlers:
        if handler.formatter:
            handler.setFormatter(Printable(handler.formatter))
