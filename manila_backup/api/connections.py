# SPDX-License-Identifier: Apache-2.0
"""Limits of the number of connections and of the time each may take.

A connection costs its maker nothing. So none is kept that does not come to
the point, and where there is no room for another, the one goes that has kept
the server waiting for the longest time.
"""

import collections
import contextlib
import ipaddress
import logging
import resource
import time

from waitress import channel as waitress_channel

from manila_backup.api import faults
from manila_backup.api import framing

LOG = logging.getLogger(__name__)

#: Seconds that a connection is kept between two requests.
IDLE = 120.0

#: Seconds between two looks at all connections.
INTERVAL = 1.0

#: File descriptors that are left for everything else.
SPARE_FILES = 200

#: Bytes of a response that a client must at least take in the time that it has
#: for a whole one, unless that has fewer.
LEAST = 1 << 20

#: Seconds between two lines of the log about the same thing.
QUIET = 60.0


class Limits:
    """The connections of one server.

    All of its methods are called by the thread that runs the server's loop.

    :param settings: the configuration's group ``[api]``.
    """

    def __init__(self, settings):
        files, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = settings.max_connections
        if files != resource.RLIM_INFINITY:
            most = max(10, min(most, files - SPARE_FILES))
        self._most = most
        self._most_of_one = settings.max_connections_per_address or most
        self._timeout = settings.request_timeout
        self._of = collections.defaultdict(set)
        self._count = 0
        #: Connections that there have ever been.
        self.taken = 0
        self._looked = self._told = float('-inf')

    def opened(self, channel):
        """Take a new connection in, and close one if it is one too many:
        the new one, where all others are at work."""
        own = self._of[channel.client]
        own.add(channel)
        self._count += 1
        self.taken += 1
        if len(own) > self._most_of_one:
            self._make_room(own, channel)
        elif self._count > self._most:
            # Whoever has most of them can best do without one.
            self._make_room(max(self._of.values(), key=len), channel)

    def closed(self, channel):
        """Forget a connection."""
        own = self._of[channel.client]
        if channel in own:
            own.remove(channel)
            self._count -= 1
        if not own:
            del self._of[channel.client]

    def look(self):
        """Close the connections that have taken too long. Returns at once
        unless it is time for that."""
        now = time.monotonic()
        if now - self._looked < INTERVAL:
            return
        self._looked = now
        for channel in [each for own in self._of.values() for each in own]:
            channel.look(now, self._timeout)

    def _make_room(self, own, newest):
        waiting = [each for each in own
                   if each.is_waiting() and each is not newest]
        victim = min(waiting, key=Channel.usefulness, default=newest)
        now = time.monotonic()
        if now - self._told > QUIET:
            self._told = now
            LOG.warning('There are %d connections, %d of them from %s: for '
                        'each new one, the one idle for longest is closed',
                        self._count, len(own), newest.client)
        victim.handle_close()


class _NothingYet(Exception):
    """There is nothing to be read right now."""


class Channel(waitress_channel.HTTPChannel):
    """A connection.

    :param limits: the :class:`Limits`.

    :ivar client: str, whose it is: an address, or a network of IPv6, of
        which a client has very many.
    """

    parser_class = framing.Parser

    def __init__(self, limits, server, sock, addr, adj, map=None):
        self._limits = limits
        self.client = _client(addr[0])
        #: Requests that were answered.
        self._answered = 0
        #: For what the server is waiting, and since when.
        self._phase = None
        self._since = self._opened = time.monotonic()
        #: Since when a request has been coming in.
        self._begun = self._opened
        #: Bytes that were sent, and that were when enough had been.
        self._sent = self._seen = 0
        super().__init__(server, sock, addr, adj, map)
        limits.opened(self)

    def received(self, data):
        """Take in what has come."""
        # Before it is looked at: not every line is a request's, and what
        # goes on for ever without one has begun as well.
        if self._begun is None:
            self._begun = time.monotonic()
        return super().received(data)

    def handle_read(self):
        """Read what has come. That may be nothing: what the server's loop
        saw come was another connection's, closed since, if this new one has
        got its file descriptor."""
        with contextlib.suppress(_NothingYet):
            super().handle_read()

    def recv(self, buffer_size):
        """Read, for :meth:`handle_read`, which takes any OSError for the end
        of a connection."""
        try:
            return super().recv(buffer_size)
        except BlockingIOError as exc:
            raise _NothingYet from exc

    def send(self, data, do_close=True):
        """Send what the client takes."""
        count = super().send(data, do_close)
        self._sent += count
        return count

    def service(self):
        """Answer a request, in a thread that does that."""
        try:
            super().service()
        finally:
            self._answered += 1

    def del_channel(self, map=None):
        super().del_channel(map)
        self._limits.closed(self)

    def is_waiting(self):
        """Tell whether the client has no request pending and no response under
        way.
        """
        return not self.requests and not self.total_outbufs_len

    def usefulness(self):
        """Something to compare: the least useful one can go first."""
        return self._answered > 0, self._since

    def look(self, now, timeout):
        """Close this if it has taken too long.

        :param now: the time, as of ``time.monotonic()``.
        :param timeout: seconds in which a request must have come in as a
            whole, or its answer have been taken, or :data:`LEAST` of it.
        """
        state = ('working' if self.requests
                 else 'sending' if self.total_outbufs_len else 'waiting')
        if (state, self._answered) != self._phase:
            self._phase = state, self._answered
            self._since = now
            self._seen = self._sent
            # The first request is expected from the first moment on.
            self._begun = None if self._answered else self._opened
        if (not self.total_outbufs_len and state != 'waiting'
                or self._sent - self._seen >= LEAST):
            # The client is not what is waited for.
            self._seen = self._sent
            self._since = now
        if state == 'waiting':
            if self._begun is None and self.request is not None:
                self._begun = now
            if self._begun is not None and now - self._begun > timeout:
                self._refuse(timeout)
            elif now - self._since > IDLE:
                self.handle_close()
        elif self.total_outbufs_len and now - self._since > timeout:
            self.handle_close()

    def _refuse(self, timeout):
        if self.request is not None:
            fault = faults.Fault(408, f'The request was not received within '
                                      f'{timeout:g} s.')
            head = (f'HTTP/1.1 408 Request Timeout\r\n'
                    f'Content-Type: application/json\r\n'
                    f'Content-Length: {len(fault.body)}\r\n'
                    f'Connection: close\r\n\r\n')
            try:
                self.socket.send(head.encode() + fault.body)
            except OSError:
                LOG.debug('%s is gone', self.client)
        self.handle_close()


def _client(address):
    if ':' not in str(address):
        return str(address)
    try:
        parsed = ipaddress.IPv6Address(address.partition('%')[0])
    except ValueError:
        return address
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, 64), strict=False))
