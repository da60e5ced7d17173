# SPDX-License-Identifier: Apache-2.0
"""Log in to a server of the bus, to learn whether it accepts the connection.
"""

import contextlib
import socket
import ssl

import kombu
from oslo_config import cfg
from oslo_utils import strutils

from manila_backup.bus import rpc

_PORT = 5672

#: As oslo.messaging's option has it, to what kombu passes on.
_TLS = {'ssl_ca_file': 'ca_certs', 'ssl_cert_file': 'certfile',
        'ssl_key_file': 'keyfile'}


def greet(conf, timeout):
    """Make sure that one of the servers that ``[DEFAULT] transport_url``
    names takes us. One that has none (``fake://``) always does.

    RabbitMQ is asked for a connection with the configured credentials, virtual
    host and TLS. Of others it is only known whether they take up connections.

    :param timeout: float, seconds that each server has.
    :raises Exception: none does: what the last one said.
    """
    url = rpc.messaging.TransportURL.parse(conf)
    rabbit = url.transport == 'rabbit'
    problem = None
    for host in url.hosts:
        try:
            if rabbit:
                _log_in(conf, url, host, timeout)
            else:
                socket.create_connection(
                    (host.hostname, int(host.port or _PORT)), timeout).close()
            return
        # Each has exceptions of its own, and any of them says that this
        # server is none to work with.
        except Exception as exc:
            problem = exc
    if problem:
        raise problem


def _log_in(conf, url, host, timeout):
    connection = kombu.Connection(
        hostname=host.hostname, port=int(host.port or _PORT),
        userid=host.username, password=host.password,
        virtual_host=url.virtual_host or '/', transport='pyamqp',
        login_method=_option(conf, url, 'rabbit_login_method') or 'AMQPLAIN',
        ssl=_tls(conf, url, host), connect_timeout=timeout)
    made = connection.transport.establish_connection()
    with contextlib.suppress(Exception):
        connection.transport.close_connection(made)


def _tls(conf, url, host):
    """Return the TLS options for kombu's argument ``ssl``, as oslo.messaging
    has them.
    """
    if not strutils.bool_from_string(_option(conf, url, 'ssl')):
        return False
    found = {theirs: _option(conf, url, ours)
             for ours, theirs in _TLS.items()}
    found = {name: value for name, value in found.items() if value}
    if 'ca_certs' in found:
        found['cert_reqs'] = ssl.CERT_REQUIRED
        found['server_hostname'] = host.hostname
    return found or True


def _option(conf, url, name):
    """An option of oslo.messaging's for RabbitMQ, which the URL can have
    too; None where it is not known."""
    if name in url.query:
        return url.query[name]
    try:
        return conf.oslo_messaging_rabbit[name]
    except (cfg.NoSuchOptError, cfg.NoSuchGroupError):
        return None
