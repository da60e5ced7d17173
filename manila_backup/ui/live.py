# SPDX-License-Identifier: Apache-2.0
"""Progress of operations as server-sent events.

A page that shows operations gets its table's rows anew whenever they have
changed. Each such page takes a thread of the server: only some may, and each
only for a minute, after which the browser connects again.
"""

import json
import threading
import time

import webob

from manila_backup.ui import calls

#: Seconds between two looks, and for which one connection lasts.
PAUSE, LENGTH = 1.0, 60.0

#: Seconds after which something is sent though nothing has changed: that a
#: browser is gone is noticed by what can't be sent to it.
QUIET = 2.0


class Live:
    """Sends rows while they change.

    :param most: int, how many pages at the most.
    """

    def __init__(self, most):
        self._free = threading.Semaphore(most)

    def answer(self, rows):
        """Answer with events.

        :param rows: function without arguments that returns the rows as str.
        :returns: a :class:`webob.Response`; 503 where there are too many.
        """
        if not self._free.acquire(blocking=False):
            return webob.Response(
                'Too many pages are told of progress already.', status=503,
                content_type='text/plain')
        return webob.Response(
            content_type='text/event-stream', charset='utf-8',
            app_iter=_Events(rows, self._free))


class _Events:
    """Iterator of events; it gives its place back when it is closed.

    :param rows: as in :meth:`Live.answer`.
    :param place: the semaphore to release.
    """

    def __init__(self, rows, place):
        self._place = place
        self._events = _events(rows)

    def __iter__(self):
        return self._events

    def close(self):
        """Give the place back, once."""
        self._events.close()
        place, self._place = self._place, None
        if place:
            place.release()

    def __del__(self):
        # A server may drop it without having begun.
        self.close()


def _events(rows):
    end = time.monotonic() + LENGTH
    last, sent_at = None, 0
    yield b'retry: 1000\n\n'
    while time.monotonic() < end:
        try:
            found = rows()
        except calls.Refused as exc:
            # Most likely the session is over; the page finds out which.
            yield f'event: refused\ndata: {exc.code}\n\n'.encode()
            return
        if found != last:
            last, sent_at = found, time.monotonic()
            yield f'data: {json.dumps(found)}\n\n'.encode()
        elif time.monotonic() - sent_at > QUIET:
            sent_at = time.monotonic()
            yield b': still here\n\n'
        time.sleep(PAUSE)
