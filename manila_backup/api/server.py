# SPDX-License-Identifier: Apache-2.0
"""The HTTP server of ``manila-backup-api`` and ``manila-backup-all``."""

import functools
import logging
import socket
import threading
import time

from oslo_context import context
from waitress import server as waitress_server
from waitress import task as waitress_task
from waitress import wasyncore

from manila_backup.api import access
from manila_backup.api.auth import noauth
from manila_backup.api import connections
from manila_backup.api import faults
from manila_backup.api import streams
from manila_backup import exception

LOG = logging.getLogger(__name__)

#: Connections that are taken up in one turn of the loop, so that they do not
#: queue behind one another while there are many.
ACCEPTS = 50

#: Threads beyond ``[api] threads``, for what needs no other server: see
#: :mod:`manila_backup.api.bound`.
SPARE = 1

#: Seconds that requests which are being worked on get when it stops.
GRACE = 5.0


class Server:
    """Serves an application on ``[api] bind_host:bind_port`` with
    ``[api] threads`` threads, and one for each of ``[ui] live_connections``.

    The socket is bound when this is made, unless there are others to be
    served.

    :param conf: the configuration.
    :param app: a WSGI application.
    :param sockets: list of :class:`socket.socket` that somebody else has
        bound, to be served instead; what comes while nobody serves them waits
        there.
    :raises manila_backup.exception.ConfigurationError: the address can't be
        listened on, or must not be without authentication.
    """

    def __init__(self, conf, app, sockets=()):
        host, port = conf.api.bind_host, conf.api.bind_port
        where = {'sockets': list(sockets)} if sockets else {
            'host': host, 'port': port}
        for each in _addresses(sockets) if sockets else [host]:
            noauth.check_address(conf, each)
        self._map = {}
        self._limits = connections.Limits(conf.api)
        self._stopping = threading.Event()
        self._turned = False
        self._thread = None
        try:
            self._server = waitress_server.create_server(
                access.Log(app) if conf.api.access_log else app,
                map=self._map, **where,
                threads=_threads(conf), ident='manila-backup',
                # It would take up no more; see Limits.
                connection_limit=2 * conf.api.max_connections + 100,
                max_request_body_size=conf.api.max_request_body_size,
                # It is for http_proxy_to_wsgi and for noauth to judge them.
                clear_untrusted_proxy_headers=False)
        except (OSError, ValueError) as exc:
            raise exception.ConfigurationError(
                f'Can\'t listen on {host} port {port}: {exc}') from exc
        listeners = self._listeners()
        for listener in listeners:
            listener.channel_class = functools.partial(_Channel,
                                                       self._limits)
            listener.handle_accept = functools.partial(
                _accept, listener.handle_accept, self._limits)
        #: The port that is listened on: a free one if port 0 was asked for.
        self.port = int(listeners[0].effective_port)
        if sockets:
            host = sockets[0].getsockname()[0]
        name = f'[{host}]' if ':' in host else host
        #: The URL of the service's root, without a slash at the end.
        self.url = f'http://{name}:{self.port}'

    def run(self):
        """Serve until :meth:`stop`."""
        LOG.info('Listening on %s', self.url)
        try:
            while not self._stopping.is_set():
                self._turn(0.25)
        finally:
            self._finish()

    def start(self):
        """Serve in a thread of its own, unless one does already."""
        if self._thread:
            return
        self._thread = threading.Thread(target=self.run, name='api',
                                        daemon=True)
        self._thread.start()

    def stop(self):
        """Take no more requests, finish those that are being worked on,
        and return when that is done."""
        self._stopping.set()
        if self._thread:
            self._thread.join()

    def has_turned(self):
        """Tell whether the loop that takes up connections has come round
        since this was last asked; it does several times a second."""
        turned, self._turned = self._turned, False
        return turned

    def _turn(self, timeout):
        self._turned = True
        wasyncore.loop(timeout=timeout, use_poll=True, map=self._map,
                       count=1)
        self._limits.look()

    def _listeners(self):
        return [each for each in list(self._map.values())
                if isinstance(each, waitress_server.BaseWSGIServer)]

    def _finish(self):
        listeners = self._listeners()
        for listener in listeners:
            # Only the socket: finished tasks still pull its trigger.
            wasyncore.dispatcher.close(listener)
        until = time.monotonic() + GRACE
        while time.monotonic() < until and any(
                channel.requests or channel.total_outbufs_len
                for listener in listeners
                for channel in list(listener.active_channels.values())):
            self._turn(0.05)
        self._server.task_dispatcher.shutdown(timeout=1)
        wasyncore.close_all(self._map, ignore_all=True)


def _addresses(sockets):
    """List the addresses of sockets, as str.

    :raises manila_backup.exception.ConfigurationError: one is none that could
        be served.
    """
    for each in sockets:
        if each.family not in (socket.AF_INET, socket.AF_INET6) or (
                each.type != socket.SOCK_STREAM):
            raise exception.ConfigurationError(
                'A socket passed by systemd is not a TCP socket: the API '
                'serves no other.')
    return [each.getsockname()[0] for each in sockets]


def _threads(conf):
    """Count the threads that are needed for ``[api] threads`` requests, and
    what goes on beside them."""
    return conf.api.threads + SPARE + (
        conf.ui.live_connections if conf.ui.enabled else 0)


class _ErrorTask(waitress_task.ErrorTask):
    """Answers what waitress itself refuses (a malformed request, a body
    above the limit) as the application would."""

    def execute(self):
        error = self.request.error
        fault = faults.Fault(error.code, f'{error.reason}: {error.body}')
        body = fault.body
        request_id = context.generate_request_id()
        self.status = f'{error.code} {error.reason}'
        self.response_headers.extend([
            ('Content-Type', 'application/json'),
            ('x-openstack-request-id', request_id),
            ('x-compute-request-id', request_id)])
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _Task(waitress_task.WSGITask):
    """Answers with the application."""

    def execute(self):
        try:
            super().execute()
        except streams.Broken:
            # It was logged.
            self.set_close_on_finish()


class _Channel(connections.Channel):
    error_task_class = _ErrorTask
    task_class = _Task


def _accept(accept, limits):
    """Take up the connections that there are.

    :param accept: waitress's method, which takes up one.
    """
    for _number in range(ACCEPTS):
        before = limits.taken
        accept()
        if limits.taken == before:
            return
