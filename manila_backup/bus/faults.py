# SPDX-License-Identifier: Apache-2.0
"""Telling why the bus can't be used: in one line, and once."""

import logging
import re
import threading


def reason(exc):
    """Return the reason for a failure of the bus in one line, without the
    preamble of oslo.messaging.

    :param exc: what oslo.messaging raised.
    """
    said = ' '.join(str(exc).split()) or type(exc).__name__
    said = re.sub('^Unable to connect to AMQP server on .*? tries: ', '',
                  said)
    if 'PRECONDITION_FAILED' in said:
        said += (' (it exists with other properties than '
                 '[oslo_messaging_rabbit] sets now: see "Upgrades" in the '
                 'administrator\'s guide for how to replace it)')
    return said


class Silence(logging.Filter):
    """Drops what oslo.messaging logs in this thread while the context lasts:
    several lines an attempt, of what is told by whoever uses this, when it
    changes."""

    # oslo.log takes the underscore out, or did.
    _LOGGERS = tuple(map(logging.getLogger, (
        'oslo.messaging._drivers.impl_rabbit',
        'oslo_messaging._drivers.impl_rabbit')))

    def __enter__(self):
        self._thread = threading.get_ident()
        for each in self._LOGGERS:
            each.addFilter(self)

    def __exit__(self, *exc_info):
        for each in self._LOGGERS:
            each.removeFilter(self)

    def filter(self, record):
        return threading.get_ident() != self._thread


class OneLine(logging.Filter):
    """Has a bus that refuses a connection which broke told in one line:
    oslo.messaging's listener tries again by itself, and logs a traceback
    about once a minute meanwhile."""

    #: What it logs that through.
    LOGGER = logging.getLogger('oslo_utils.excutils')

    @classmethod
    def install(cls):
        """Have it done in this process."""
        if not any(isinstance(each, cls) for each in cls.LOGGER.filters):
            cls.LOGGER.addFilter(cls())

    def filter(self, record):
        exc = record.exc_info and record.exc_info[1]
        if exc is not None and type(exc).__module__.startswith(
                ('oslo_messaging.', 'amqp.', 'kombu.')):
            record.msg = 'The message bus can\'t be used; trying again: %s'
            record.args = (reason(exc),)
            record.exc_info = record.exc_text = None
        return True
