# SPDX-License-Identifier: Apache-2.0
"""A way to a server that can be cut: what the service sees of it is a server
that went away, while others go on using it."""

import contextlib
import selectors
import socket
import threading

import fixtures


class Proxy(fixtures.Fixture):
    """Passes TCP connections on.

    :param host: str.
    :param port: int: where the server is.
    :ivar port: where this listens, on 127.0.0.1.
    """

    def __init__(self, host, port):
        self._server = host, port
        self._moving = threading.Event()
        self._moving.set()
        self._lock = threading.Lock()
        self._pairs = set()
        self._listener = None

    def _setUp(self):
        with socket.socket() as found:
            found.bind(('127.0.0.1', 0))
            self.port = found.getsockname()[1]
        self.restore()
        self.addCleanup(self.thaw)
        self.addCleanup(self.cut)

    def freeze(self):
        """Take connections, and pass nothing on from now on: what a server
        is like that hangs."""
        self._moving.clear()

    def thaw(self):
        """Pass on again, also what came meanwhile."""
        self._moving.set()

    def restore(self):
        """Take connections again."""
        self._listener = socket.create_server(('127.0.0.1', self.port))
        threading.Thread(target=self._listen, args=(self._listener,),
                         daemon=True).start()

    def cut(self):
        """Refuse connections from now on, and reset those that there are."""
        if self._listener:
            # Wakes whoever waits in accept().
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        self.reset()

    def reset(self):
        """Reset all connections; new ones are taken as before."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            for each in pair:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def lead_to(self, host, port):
        """Pass new connections on to another server."""
        self._server = host, port

    def _listen(self, listener):
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass, args=(near,),
                             daemon=True).start()

    def _pass(self, near):
        with contextlib.ExitStack() as stack:
            stack.enter_context(near)
            self._moving.wait()
            try:
                far = stack.enter_context(
                    socket.create_connection(self._server))
            except OSError:
                return
            pair = near, far
            with self._lock:
                self._pairs.add(pair)
            try:
                self._copy(near, far)
            finally:
                with self._lock:
                    self._pairs.discard(pair)

    def _take(self, near, far, source):
        """Iterate over what is to be passed on of what one end says; nothing
        ends the connection."""
        return source.recv(65536)

    def _copy(self, near, far):
        with selectors.DefaultSelector() as ready:
            ready.register(near, selectors.EVENT_READ, far)
            ready.register(far, selectors.EVENT_READ, near)
            while True:
                for key, _ in ready.select():
                    self._moving.wait()
                    try:
                        data = self._take(near, far, key.fileobj)
                        if not data:
                            return
                        key.data.sendall(data)
                    except OSError:
                        return
