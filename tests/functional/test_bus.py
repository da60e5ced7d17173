# SPDX-License-Identifier: Apache-2.0
"""RabbitMQ in all the ways in which clouds have it: kinds of queues, TLS,
names that last; not there, or not willing; and what is left behind in it."""

import contextlib
import os
import subprocess
import urllib.error
import urllib.request

from manila_backup.bus import rpc
from tests.functional import base
from tests.functional import cloud
from tests.functional import proxy
from tests.functional import rabbit
from tests.soak import servers

#: What the log says of a bus that is lost in a test.
LOST = (r'oslo[._]messaging|message bus \(127|heartbeat could not'
        r'|Unexpected error')


class BusCloud(cloud.Cloud):
    """A service on a virtual host of its own.

    :param rabbit_options: options of ``[oslo_messaging_rabbit]``.
    :param tls: str, what the certificate of a broker that speaks TLS is for,
        as openssl has it; None: it doesn't.
    :param hosts: int, how many hosts ``transport_url`` names.
    :ivar vhost: the :class:`tests.functional.rabbit.VirtualHost`.
    :ivar bus: the way to it.
    :ivar other: another one, which ``transport_url`` names too.
    :ivar broker: the :class:`tests.soak.servers.RabbitMQ` that it is on, if
        it speaks TLS; None: that of all tests.
    """

    broker = None

    def __init__(self, server, rabbit_options=(), tls=None, hosts=1,
                 **options):
        super().__init__(server, **options)
        self._rabbit = dict(rabbit_options)
        self._tls = tls
        self._hosts = hosts
        self.tolerate = LOST

    def _configure(self):
        address = rabbit.ADDRESS
        if self._tls:
            address = '127.0.0.1', self._make_tls()
        self.vhost = self.useFixture(rabbit.VirtualHost(self.broker))
        self.bus = self.useFixture(proxy.Proxy(*address))
        options = {f'oslo_messaging_rabbit__{name}': value
                   for name, value in self._rabbit.items()}
        self.other = self.useFixture(proxy.Proxy(*address))
        self._options = {'transport_url': self.vhost.through(
                             *[self.bus, self.other][:self._hosts]),
                         **options, **self._options}
        super()._configure()

    def _make_tls(self):
        """A RabbitMQ that speaks TLS; the port on which it does."""
        authority = self.make_authority('authority')
        certificate = self._make_certificate(
            'server', '-CA', f'{authority}.pem', '-CAkey', f'{authority}.key',
            '-addext', f'subjectAltName={self._tls}')
        port = servers.own_port()
        self.broker = self.useFixture(rabbit.Server(self.root, f'''\
listeners.ssl.default = 127.0.0.1:{port}
ssl_options.cacertfile = {authority}.pem
ssl_options.certfile = {certificate}.pem
ssl_options.keyfile = {certificate}.key
ssl_options.versions.1 = tlsv1.2
ssl_options.versions.2 = tlsv1.3
''')).server
        self._rabbit = {'ssl': True, 'ssl_ca_file': f'{authority}.pem',
                        **self._rabbit}
        return port

    def make_authority(self, name):
        """One that signs certificates: NAME.pem and NAME.key; the path of
        both without the ending."""
        return self._make_certificate(name)

    def _make_certificate(self, name, *more):
        path = os.path.join(self.root, name)
        subprocess.run(
            ['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes',
             '-days', '2', '-subj', f'/CN={name}', '-keyout', f'{path}.key',
             '-out', f'{path}.pem', *more], check=True, capture_output=True)
        return path


class BusTestCase(base.TestCase):

    rabbit_options = {}
    tls = None
    hosts = 1

    def setUp(self):
        super(base.TestCase, self).setUp()
        self.cloud = self.useFixture(BusCloud(
            self.server, self.rabbit_options, self.tls, self.hosts,
            **self.options))

    def asked_for(self):
        """A share that is to be made; its id."""
        return self.cloud.ask(200, 'POST', '/shares', {'share': {
            'share_proto': 'NFS', 'size': 1}})['share']['id']

    def done(self, share_id):
        """Whether it has been made."""
        (status,), = self.cloud.rows(
            'SELECT status FROM shares WHERE id = :id', id=share_id)
        return status == 'available'

    def _started(self, problem):
        """Start a service that can't join its bus, and use it.

        :param problem: str, what its log says.
        :returns: the worker.
        """
        worker = self.cloud.start()
        for _ in range(3):
            share = self.cloud.create_share()
        backup = self.cloud.create_backup(share['id'])
        self.cloud.wait_backup(backup['id'], 'available')
        cloud.eventually('a line about it', lambda: (
            'The message bus (' in worker.said()
            and problem in worker.said()), patience=120)
        return worker

    def _use(self, options):
        """Add to the configuration, which nobody has read yet."""
        with open(self.cloud.config, 'a') as file:
            for name, value in options.items():
                group, _, option = name.partition('__')
                file.write(f'[{group}]\n{option} = {value}\n')


class Classic(BusTestCase):
    """Nothing is found in the database by itself here, but at the start:
    what gets done, a message has arrived for."""

    options = {'backup__scan_interval': 3600}

    #: Seconds for which a queue without listeners stays.
    TTL = 2

    def setUp(self):
        self.rabbit_options = {'rabbit_transient_queues_ttl': self.TTL,
                               **self.rabbit_options}
        super().setUp()

    def _wait_joined(self):
        def joined():
            consumers = {name: count for name, count
                         in self.cloud.vhost.queues().items()
                         if '_fanout' in name}
            return any(consumers.values())

        self._eventually('a listener on the bus', joined)

    def _eventually(self, what, check):
        """Wait for something about queues: to ask for them costs RabbitMQ's
        command a second or more."""
        cloud.eventually(what, check, patience=240, pause=2)

    def _wake_up_calls_arrive(self):
        """Ask, and ask again: messages may be lost where the bus just was."""
        def arrived():
            share_id = self.asked_for()
            try:
                return cloud.eventually(
                    'a share', lambda: self.done(share_id), patience=5)
            except AssertionError:
                return False

        cloud.eventually('a wake-up call', arrived, patience=120)

    def test_wake_up_calls_and_what_restarts_leave(self):
        worker = self.cloud.start()
        self._wait_joined()
        share = self.cloud.create_share()
        self.fill(self.cloud.share_path(share['id']), 3, 100)
        backup = self.cloud.create_backup(share['id'])
        self.cloud.wait_backup(backup['id'], 'available')

        self.cloud.bus.cut()
        self.asked_for()
        self.cloud.bus.restore()
        self._wait_joined()
        self._wake_up_calls_arrive()

        for end in (worker.kill, None, None):
            end() if end else worker.stop()
            worker = self.cloud.start_worker()
        worker.kill()
        self.cloud.start_worker()
        self._wait_joined()
        self._wake_up_calls_arrive()
        self._eventually('no queue but those listened on', self._is_clean)

    def _is_clean(self):
        queues = self.cloud.vhost.queues()
        topics = rpc.TOPIC, self.cloud.questions()
        return (all(queues.values()) and len(queues) == 3 * len(topics)
                and {each + end for each in topics for end in ('', '.here')}
                < set(queues))


class Durable(Classic):
    rabbit_options = {'amqp_durable_queues': True}


class Quorum(Classic):
    rabbit_options = {'rabbit_quorum_queue': True,
                      'rabbit_transient_quorum_queue': True}


class QueueManager(Classic):
    rabbit_options = {'use_queue_manager': True}
    options = {**Classic.options, 'api__question_timeout': 60}

    def test_two_workers_of_one_host(self):
        """Each hears every message: neither takes the other's away."""
        for _ in range(2):
            self.cloud.start_worker()
        self._eventually('a queue for each', lambda: len(
            [name for name, count in self.cloud.vhost.queues().items()
             if name.startswith(f'{rpc.TOPIC}_fanout_') and count == 1]) == 2)

    def test_answers_reach_who_asked(self):
        """Each API process gets those to its own questions, and no other."""
        self.cloud.apart = True
        self.cloud.start()
        other = cloud.free_port()
        self.cloud.start_api(other)
        backup = self.cloud.create_backup(self.cloud.create_share()['id'])
        self.cloud.wait_backup(backup['id'], 'available')

        def ask(port):
            return self.cloud.request(
                'GET', f'/share-backups/{backup["id"]}/files', port=port,
                headers={'OpenStack-API-Version':
                         'shared-file-system-backup 1.2'}).status

        cloud.eventually('an answer', lambda: ask(None) == 200, patience=120)
        ports = 2 * [None, other, other, None]
        self.assertEqual([200] * len(ports), [*map(ask, ports)])


class Streams(Classic):
    """As kolla-ansible has it."""
    rabbit_options = {'use_queue_manager': True,
                      'rabbit_quorum_queue': True,
                      'rabbit_transient_quorum_queue': True,
                      'rabbit_stream_fanout': True,
                      'rabbit_qos_prefetch_count': 1}


class Tls(Classic):
    """To a broker that has a certificate."""
    tls = 'IP:127.0.0.1'

    def test_a_backup_comes_and_goes(self):
        self.cloud.start()
        self._wait_joined()
        backup = self.cloud.create_backup(self.cloud.create_share()['id'])
        self.cloud.wait_backup(backup['id'], 'available')
        self.cloud.ask(202, 'DELETE', f'/share-backups/{backup["id"]}')
        self.cloud.wait_backup(backup['id'], None)
        encrypted = self.cloud.broker.control(
            'list_connections', 'ssl', '--no-table-headers').split()
        self.assertEqual({'true'}, set(encrypted))


class Unwilling(BusTestCase):
    """A bus that is not there, or lets nobody in: all is done as well, and
    the log says so once, until it changes."""

    options = {'backup__scan_interval': 0.5}

    def _ends(self, worker):
        """It joins when it can, and has told once that it could not."""
        cloud.eventually('its joining', lambda:
                         'Connected to the message bus' in worker.said(),
                         patience=240, pause=0.2)
        for process in self.cloud.processes:
            self.assertEqual(0, process.stop())
            self.assertNotIn('Traceback', process.said())
        self.assertEqual(1, worker.said().count(' ERROR '), worker.said())
        api = self.cloud.processes[1].said()
        self.assertEqual(1, api.count('Not sent; further failures'), api)

    def test_absent(self):
        self.cloud.bus.cut()
        worker = self._started('Connection refused')
        self.cloud.bus.restore()
        self._ends(worker)

    def test_ends_while_it_is_absent(self):
        self.cloud.bus.cut()
        self.assertEqual(0, self._started('Connection refused').stop())

    def test_missing_virtual_host(self):
        vhost = self.cloud.vhost
        vhost.remove()
        worker = self._started(f'vhost {vhost.name} not found')
        vhost.make()
        self._ends(worker)

    def test_queue_of_another_kind(self):
        # As an earlier configuration, or release, has left it.
        with rabbit.channel(self.cloud.vhost.url) as channel:
            channel.queue_declare(rpc.TOPIC, durable=True,
                                  auto_delete=False)
        self._use({'oslo_messaging_rabbit__rabbit_quorum_queue': True})
        worker = self._started('inequivalent arg \'x-queue-type\'')
        self.assertIn('for how to replace it', worker.said())
        with rabbit.channel(self.cloud.vhost.url) as channel:
            channel.queue_delete(rpc.TOPIC)
        cloud.eventually('its joining', lambda:
                         'Connected to the message bus' in worker.said(),
                         patience=240, pause=0.2)
        self.assertNotIn('Traceback', worker.said())

    def test_tls_where_there_is_none(self):
        self._use({'oslo_messaging_rabbit__ssl': True})
        worker = self._started('SSL')
        self.assertEqual(0, worker.stop())
        self.assertEqual(1, worker.said().count(' ERROR '), worker.said())

    def test_wrong_password(self):
        user = self.useFixture(rabbit.User(self.cloud.vhost))
        self._use({'DEFAULT__transport_url': user.url})
        user.set_password('wrong')
        worker = self._started('ACCESS_REFUSED')
        user.set_password('right')
        self._ends(worker)

    def test_password_changed_later(self):
        user = self.useFixture(rabbit.User(self.cloud.vhost))
        self._use({'DEFAULT__transport_url': user.url})
        worker = self.cloud.start()
        self._listened_to()
        user.set_password('wrong')
        rabbit.control('close_all_connections', '-p', self.cloud.vhost.name,
                       'a test')
        self._refused(worker)
        self.cloud.create_share()
        user.set_password('right')
        self._listened_to()
        self.assertNotIn('Traceback', worker.said())

    def test_queues_removed_under_a_worker(self):
        """As the upgrade guide has it."""
        worker = self.cloud.start()
        self._listened_to()
        for queue in self.cloud.vhost.queues():
            rabbit.control('delete_queue', '-p', self.cloud.vhost.name, queue)
        self._listened_to()
        self.cloud.create_share()
        self.assertNotIn('Traceback', worker.said())

    def _refused(self, worker):
        cloud.eventually(
            'a refusal in the log', lambda: 'The message bus can\'t be used; '
            'trying again: ' in worker.said(), patience=240)

    def _listened_to(self):
        cloud.eventually('a listener on the bus', lambda: sum(
            self.cloud.vhost.queues().values()) >= 6, patience=240, pause=2)


class Distrusted(BusTestCase):
    """A broker whose certificate is not taken."""

    options = {'backup__scan_interval': 0.5}

    def _refused(self, problems=1):
        """Nobody logs in: neither a worker, nor the API's health check.

        :param problems: int, how many the log may tell, each once.
        """
        worker = self._started('certificate verify failed')
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(
                f'http://127.0.0.1:{self.cloud.port}/healthcheck',
                timeout=cloud.PATIENCE)
        with caught.exception as answer:
            self.assertIn(b'bus: can', answer.read())
        self.assertEqual(0, worker.stop())
        self.assertNotIn('Traceback', worker.said())
        self.assertIn(worker.said().count(' ERROR '),
                      range(1, problems + 1), worker.said())


class UnknownAuthority(Distrusted):
    """Nobody whom the service knows has signed it."""

    tls = 'IP:127.0.0.1'

    def test_certificate(self):
        other = self.cloud.make_authority('other')
        self._use({'oslo_messaging_rabbit__ssl_ca_file': f'{other}.pem'})
        self._refused()


class OtherHost(Distrusted):
    """It is another host's."""

    tls = 'DNS:elsewhere.example'

    def test_certificate(self):
        self._refused()


class Several(BusTestCase):
    """Several hosts with certificates, of which one is away."""

    tls = 'IP:127.0.0.1'
    hosts = 2
    # Whoever has to ask for it is told by the bus.
    options = {'backup__scan_interval': 3600}

    def _used(self):
        """Who asks gets it done, and what is on the bus is encrypted."""
        cloud.eventually('a listener on the bus', lambda: sum(
            self.cloud.vhost.queues().values()) >= 6, patience=240, pause=0.5)
        backup = self.cloud.create_backup(self.cloud.create_share()['id'])
        self.cloud.wait_backup(backup['id'], 'available')
        encrypted = self.cloud.broker.control(
            'list_connections', 'ssl', '--no-table-headers').split()
        self.assertEqual({'true'}, set(encrypted))
        # What was found out a moment ago is not asked again.
        cloud.eventually('good health', self._is_healthy)

    def _is_healthy(self):
        with contextlib.suppress(urllib.error.HTTPError):
            with urllib.request.urlopen(
                    f'http://127.0.0.1:{self.cloud.port}/healthcheck',
                    timeout=cloud.PATIENCE) as answer:
                return answer.status == 200

    def test_the_first_is_away(self):
        self.cloud.bus.cut()
        worker = self.cloud.start()
        self._used()
        self.assertNotIn('Traceback', worker.said())

    def test_the_other_is_away(self):
        self.cloud.other.cut()
        worker = self.cloud.start()
        self._used()
        self.assertNotIn('Traceback', worker.said())

    def test_each_goes_away_in_turn(self):
        worker = self.cloud.start()
        self._used()
        for away in self.cloud.bus, self.cloud.other:
            away.cut()
            self._used()
            away.restore()
        self.assertNotIn('Traceback', worker.said())


class SeveralDistrusted(Distrusted):
    """Several hosts, with a certificate of another one's."""

    tls = 'DNS:elsewhere.example'
    hosts = 2

    def test_all(self):
        self._refused()

    def test_one_is_away(self):
        """What the operator has to do something about is said."""
        self.cloud.bus.cut()
        self._refused(2)

    def test_the_other_is_away(self):
        self.cloud.other.cut()
        self._refused(2)
