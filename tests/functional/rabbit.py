# SPDX-License-Identifier: Apache-2.0
"""Parts of RabbitMQ of a test's own."""

import contextlib
import json
import os
import subprocess
import urllib.parse
import uuid

import fixtures
import kombu

from tests.functional import cloud
from tests.soak import servers


_SERVER = urllib.parse.urlsplit(cloud.RABBITMQ)

#: Where RabbitMQ listens: (host, port).
ADDRESS = _SERVER.hostname, _SERVER.port or 5672


def control(*args):
    """Run rabbitmqctl.

    :returns: str, what it printed.
    """
    done = subprocess.run(['rabbitmqctl', '-q', *args],
                          capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f'rabbitmqctl {args[0]}: '
                             f'{done.stdout}{done.stderr}')
    return done.stdout


@contextlib.contextmanager
def channel(url):
    """A channel of amqp's to RabbitMQ.

    :param url: str, as for ``transport_url``.
    """
    with kombu.Connection(url.replace('rabbit://', 'amqp://')) as connection:
        yield connection.channel()


class Server(fixtures.Fixture):
    """A RabbitMQ of its own, for what must not happen to that of all tests.

    :param folder: str, an existing directory, for everything it writes.
    :ivar server: a :class:`tests.soak.servers.RabbitMQ`.
    """

    def __init__(self, folder):
        self._folder = os.path.join(folder, 'rabbitmq')

    def _setUp(self):
        os.mkdir(self._folder)
        self.server = servers.RabbitMQ(self._folder)
        self.addCleanup(self.server.stop)
        self.server.start()


class VirtualHost(fixtures.Fixture):
    """A virtual host of its own on RabbitMQ, whose queues have fixed names.

    :param broker: a :class:`tests.soak.servers.RabbitMQ`; by default that of
        all tests.
    :ivar name: str.
    :ivar url: str, for ``transport_url``.
    """

    def __init__(self, broker=None):
        self._control = broker.control if broker else control
        self._broker_url = broker.url if broker else cloud.RABBITMQ

    def _setUp(self):
        self.name = f'test-{uuid.uuid4().hex[:12]}'
        server = urllib.parse.urlsplit(self._broker_url)
        self.url = server._replace(path=f'/{self.name}').geturl()
        self._user = server.username
        self.make()
        self.addCleanup(self.remove)

    def make(self):
        """Have it there."""
        self._control('add_vhost', self.name)
        self._control('set_permissions', '-p', self.name, self._user,
                      '.*', '.*', '.*')

    def remove(self):
        """Have it gone, with all that is in it."""
        self._control('delete_vhost', self.name)

    def through(self, *proxies, **query):
        """The URL by way of each :class:`tests.functional.proxy.Proxy`.

        :param query: options of ``[oslo_messaging_rabbit]``.
        """
        server = urllib.parse.urlsplit(self.url)
        return server._replace(
            netloc=','.join(f'{server.username}:{server.password}'
                            f'@127.0.0.1:{proxy.port}' for proxy in proxies),
            query=urllib.parse.urlencode(query)).geturl()

    def queues(self):
        """Its queues: dict of name to number of consumers."""
        return {each['name']: each['consumers'] for each in json.loads(
            self._control('list_queues', '-p', self.name, '--formatter',
                          'json', 'name', 'consumers'))}


class User(fixtures.Fixture):
    """A user who may do everything in a virtual host.

    :param vhost: a :class:`VirtualHost`.
    :ivar url: str, for ``transport_url``.
    """

    def __init__(self, vhost):
        self._vhost = vhost
        self.name = f'test-{uuid.uuid4().hex[:12]}'

    def _setUp(self):
        control('add_user', self.name, 'right')
        self.addCleanup(control, 'delete_user', self.name)
        control('set_permissions', '-p', self._vhost.name, self.name,
                '.*', '.*', '.*')
        server = urllib.parse.urlsplit(self._vhost.url)
        self.url = server._replace(
            netloc=f'{self.name}:right@{server.hostname}:'
                   f'{server.port or 5672}').geturl()

    def set_password(self, password):
        """Change it; ``right`` is that of the URL."""
        control('change_password', self.name, password)
