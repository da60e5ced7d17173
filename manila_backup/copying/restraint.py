# SPDX-License-Identifier: Apache-2.0
"""The decision how many of the lanes that there are may work, so that a copy
does not hurt those who use the same share.

One call that has to go to the server is timed, again and again. While that
takes much longer than it did before the lanes began, so does every other call,
of whoever: because of the lanes, of which more only wait for each other then,
or because of others, who have a right to it. Either way fewer lanes work, and
more again, one by one, once the server answers as it did.

Where a call is answered without a server, in microseconds, it never takes so
much longer that anything follows.
"""

import time

#: Lanes that work in any case.
FEWEST = 4

# Nanoseconds from one call to the next, and calls that a decision takes: the
# fastest quarter of them counts, since a host whose processors are busy delays
# the others.
_PAUSE_NS = 50_000_000
_CALLS = 8

# Calls before the lanes begin.
_FIRST = 3

# From so many times what is usual a call is slow, and below so many times fine
# again; and the nanoseconds that it may take more in any case.
_SLOW, _SLOW_NS = 2.5, 500_000
_FINE, _FINE_NS = 1.5, 250_000

# What is left of the lanes by one decision.
_LEFT = 0.75

# What was usual once does not bind forever: a share that is slower from now on
# is what it is.
_DOUBLES_NS = 1800 * 10 ** 9


class Restraint:
    """Lanes that may work.

    :param most: int, how many there may be.
    :param call: makes the call, and raises OSError if there is no such; or
        None, if nothing is to be watched.
    :param clock: gives nanoseconds.
    :ivar lanes: int, how many may work now.
    """

    def __init__(self, most, call=None, clock=time.monotonic_ns):
        self.lanes = self._most = most
        self._call = call
        self._clock = clock
        self._next = 0
        self._taken = []
        if most > FEWEST:
            found = [self._timed() for _ in range(_FIRST)]
            self._usual = min(filter(None, found), default=0)

    def _timed(self):
        """Nanoseconds that the call takes; None if it fails."""
        if self._call is None:
            return None
        start = self._clock()
        try:
            self._call()
        except OSError:
            self._call = None
            return None
        return self._clock() - start

    def look(self, started):
        """Make the call if it is time for it, and decide.

        :param started: int, lanes that have been started.
        """
        if (self._call is None or started <= FEWEST
                or self._clock() < self._next):
            return
        taken = self._timed()
        self._next = self._clock() + _PAUSE_NS
        if taken is None:
            self.lanes = self._most
            return
        self._taken.append(taken)
        if len(self._taken) == _CALLS:
            self._decide(started)

    def _decide(self, started):
        taken = sorted(self._taken)[_CALLS // 4]
        self._taken.clear()
        self._usual = min(taken, self._usual * 2 ** (
            _PAUSE_NS * _CALLS / _DOUBLES_NS))
        if taken > _SLOW * self._usual + _SLOW_NS:
            working = min(self.lanes, started)
            self.lanes = max(FEWEST, int(_LEFT * working))
        elif taken < _FINE * self._usual + _FINE_NS:
            self.lanes = min(self._most, self.lanes + 1)
