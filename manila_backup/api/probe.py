# SPDX-License-Identifier: Apache-2.0
"""Checks that are made once for all who ask, and not in their threads."""

import logging
import threading
import time

LOG = logging.getLogger(__name__)

#: Seconds after the end of a check until somebody who asks has it made again.
INTERVAL = 2.0

#: Seconds for which a good result may be given meanwhile.
FRESH = 10.0

#: Seconds that a check has. One that takes longer counts as failed; it is
#: left to end by itself, and no other is begun before it has.
TIME_LIMIT = 3.0


class Probe:
    """One check, with its last result.

    Asking takes no time, but for one case: where the last result is good and
    not fresh, or there is none yet, who asks waits for the next one. Nobody
    waits for a check that has failed or was late before: whatever hangs costs
    those who ask no more than :data:`TIME_LIMIT` seconds once.

    :param name: str, what is checked, for the log and the thread's name.
    :param check: function without arguments that raises if the thing does
        not work. It runs in a thread of its own.
    """

    def __init__(self, name, check):
        self._name = name
        self._check = check
        self._changed = threading.Condition()
        #: When the check began that has not ended; None if all have.
        self._begun = None
        #: When the last one ended, and what it raised.
        self._ended = None
        self._error = None

    def begin(self):
        """Have the check made, unless it was a moment ago or is right
        now."""
        with self._changed:
            if self._begun is None and self._age() > INTERVAL:
                self._start()

    def ask(self):
        """The state of what is checked.

        :returns: None if it works, else the exception that says why not:
            the check's own, or ``TimeoutError`` if that has not ended in
            time.
        """
        self.begin()
        with self._changed:
            if self._error is None and self._age() > FRESH:
                self._wait()
            if self._left() <= 0 and self._error is None:
                self._set(TimeoutError(f'no answer within {TIME_LIMIT:g} s'))
            return self._error

    def _age(self):
        """Seconds since the last check has ended."""
        return (float('inf') if self._ended is None
                else time.monotonic() - self._ended)

    def _left(self):
        """Seconds that the check has which has not ended."""
        if self._begun is None:
            return float('inf')
        return self._begun + TIME_LIMIT - time.monotonic()

    def _wait(self):
        while self._begun is not None and (left := self._left()) > 0:
            self._changed.wait(left)

    def _start(self):
        self._begun = time.monotonic()
        try:
            threading.Thread(target=self._run, name=f'check-{self._name}',
                             daemon=True).start()
        except RuntimeError as exc:
            # There is no room for a thread: the process is not well.
            self._end(exc)

    def _run(self):
        error = None
        try:
            self._check()
        except Exception as exc:
            error = exc
        with self._changed:
            self._end(error)

    def _end(self, error):
        self._set(error)
        self._begun = None
        self._ended = time.monotonic()
        self._changed.notify_all()

    def _set(self, error):
        if error is not None:
            LOG.warning('The %s can\'t be used: %s', self._name, error)
        elif self._error is not None:
            LOG.info('The %s can be used again.', self._name)
        self._error = error
