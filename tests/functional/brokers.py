# SPDX-License-Identifier: Apache-2.0
"""Brokers that tests of one process share: each takes seconds to start."""

import atexit
import functools
import os
import subprocess
import tempfile
import typing

from tests.functional import cloud
from tests.soak import servers


class Broker(typing.NamedTuple):
    """A RabbitMQ that speaks TLS.

    ``server``: a :class:`tests.soak.servers.RabbitMQ`; ``port``: int, on which
    it speaks it; ``authority``: str, the path without its ending of who has
    signed its certificate.
    """

    server: servers.RabbitMQ
    port: int
    authority: str


@functools.cache
def with_tls(name):
    """Return a broker that speaks TLS, and lasts as long as this process.

    :param name: str, whom its certificate is for, as openssl has it.
    :returns: a :class:`Broker`.
    """
    made = tempfile.TemporaryDirectory(dir=cloud.FOLDER)
    folder = made.name
    atexit.register(made.cleanup)
    authority = make_certificate(folder, 'authority')
    certificate = make_certificate(
        folder, 'server', '-CA', f'{authority}.pem', '-CAkey',
        f'{authority}.key', '-addext', f'subjectAltName={name}')
    port = servers.own_port()
    server = servers.RabbitMQ(folder, f'''\
listeners.ssl.default = 127.0.0.1:{port}
ssl_options.cacertfile = {authority}.pem
ssl_options.certfile = {certificate}.pem
ssl_options.keyfile = {certificate}.key
ssl_options.versions.1 = tlsv1.2
ssl_options.versions.2 = tlsv1.3
''')
    atexit.register(server.stop)
    server.start()
    return Broker(server, port, authority)


def make_certificate(folder, name, *more):
    """Make a certificate, which can sign others.

    :param folder: str, where NAME.pem and NAME.key are written.
    :param more: further arguments of ``openssl req``.
    :returns: str, the path of both without the ending.
    """
    path = os.path.join(folder, name)
    subprocess.run(
        ['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes',
         '-days', '2', '-subj', f'/CN={name}', '-keyout', f'{path}.key',
         '-out', f'{path}.pem', *more], check=True, capture_output=True)
    return path
