# SPDX-License-Identifier: Apache-2.0
"""Waiting for what Manila does in its own time."""

import time

from manila_backup.shares import base

_FIRST = 0.1
_GROWTH = 1.5


class Patience:
    """Limits of the time to wait for each change in Manila.

    :param timeout: float, seconds.
    :param interval: float, the longest pause between two looks, in seconds.
    :param progress: a :class:`~manila_backup.drivers.progress.Progress` that
        ends the process if its lease is gone; None outside of children.
    """

    def __init__(self, timeout, interval, progress=None):
        self._timeout = timeout
        self._interval = interval
        self._progress = progress

    def check(self):
        """To be called before anything is changed."""
        if self._progress:
            self._progress.check()

    def until(self, what, look):
        """Wait until ``look()`` gives something true.

        :param what: str, what is waited for, to begin a sentence with.
        :returns: what it gave.
        :raises ShareError: it took too long.
        """
        end = time.monotonic() + self._timeout
        pause = min(_FIRST, self._interval)
        while True:
            self.check()
            found = look()
            if found:
                return found
            if time.monotonic() > end:
                raise base.ShareError(
                    f'{what} took Manila longer than {self._timeout:.0f} s.',
                    retryable=True)
            time.sleep(pause)
            pause = min(pause * _GROWTH, self._interval)
