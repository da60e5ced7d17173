# SPDX-License-Identifier: Apache-2.0
"""RabbitMQ in all the ways in which clouds have it: kinds of queues, names
that last; not there, or not willing; and what is left behind in it. With TLS:
:mod:`tests.functional.test_bus_tls`."""

from concurrent import futures

import amqp

from manila_backup.bus import rpc
from tests.functional import base
from tests.functional import brokers
from tests.functional import cloud
from tests.functional import proxy
from tests.functional import rabbit

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
        that speaks TLS; None: that of all tests.
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
            found = brokers.with_tls(self._tls)
            self.broker = found.server
            address = '127.0.0.1', found.port
            self._rabbit = {'ssl': True,
                            'ssl_ca_file': f'{found.authority}.pem',
                            **self._rabbit}
        self.vhost = self.useFixture(rabbit.VirtualHost(self.broker))
        self.bus = self.useFixture(proxy.Proxy(*address))
        options = {f'oslo_messaging_rabbit__{name}': value
                   for name, value in self._rabbit.items()}
        self.other = self.useFixture(proxy.Proxy(*address))
        self._options = {'transport_url': self.vhost.through(
                             *[self.bus, self.other][:self._hosts]),
                         **options, **self._options}
        super()._configure()


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
        """Tell whether it has been made."""
        (status,), = self.cloud.rows(
            'SELECT status FROM shares WHERE id = :id', id=share_id)
        return status == 'available'

    def start_without_bus(self, problem):
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

    def use(self, options):
        """Add to the configuration, which nobody has read yet."""
        with open(self.cloud.config, 'a') as file:
            for name, value in options.items():
                group, _, option = name.partition('__')
                file.write(f'[{group}]\n{option} = {value}\n')


class Late(base.TestCase):
    """A worker that says it is there before it listens."""

    options = {'service_down_time': 3600}

    def test_questions_wait_for_it(self):
        worker = self.cloud.start()
        backup = self.cloud.create_backup(self.cloud.create_share()['id'])
        self.cloud.wait_backup(backup['id'], 'available')
        # Its row stays.
        worker.kill()
        self.cloud.forget_exchange()
        with futures.ThreadPoolExecutor() as asking:
            answer = asking.submit(
                self.cloud.ask, 200, 'GET',
                f'/share-backups/{backup["id"]}/files',
                headers={'OpenStack-API-Version':
                         'shared-file-system-backup 1.2'})
            cloud.eventually('a question', self._was_asked)
            self.assertFalse(answer.done())
            self.cloud.start_worker()
            self.assertEqual([], answer.result()['files'])

    def _was_asked(self):
        """Tell whether a message has been sent: it is the sender who makes
        the exchange."""
        with rabbit.channel(cloud.RABBITMQ) as channel:
            try:
                channel.exchange_declare(self.cloud.exchange, 'topic',
                                         passive=True)
            except amqp.NotFound:
                return False
        return True


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

    def wait_joined(self):
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
        self.wait_joined()
        share = self.cloud.create_share()
        self.fill(self.cloud.share_path(share['id']), 3, 100)
        backup = self.cloud.create_backup(share['id'])
        self.cloud.wait_backup(backup['id'], 'available')

        self.cloud.bus.cut()
        self.asked_for()
        self.cloud.bus.restore()
        self.wait_joined()
        self._wake_up_calls_arrive()

        for end in (worker.kill, None, None):
            end() if end else worker.stop()
            worker = self.cloud.start_worker()
        worker.kill()
        self.cloud.start_worker()
        self.wait_joined()
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
        self.assertToldOnce(worker, ' ERROR ')
        self.assertToldOnce(self.cloud.processes[1],
                            'Not sent; further failures')

    def assertToldOnce(self, process, how):
        """There was a problem, and each was told once: a bus that others are
        changing may refuse for one reason after another."""
        told = [line.partition(how)[2].rpartition(': ')[2]
                for line in process.said().splitlines() if how in line]
        self.assertTrue(told)
        self.assertEqual(sorted(set(told)), sorted(told), process.said())

    def test_absent(self):
        self.cloud.bus.cut()
        worker = self.start_without_bus('Connection refused')
        self.cloud.bus.restore()
        self._ends(worker)

    def test_ends_while_it_is_absent(self):
        self.cloud.bus.cut()
        worker = self.start_without_bus('Connection refused')
        self.assertEqual(0, worker.stop())

    def test_missing_virtual_host(self):
        vhost = self.cloud.vhost
        vhost.remove()
        worker = self.start_without_bus(f'vhost {vhost.name} not found')
        vhost.make()
        self._ends(worker)

    def test_queue_of_another_kind(self):
        # As an earlier configuration, or release, has left it.
        with rabbit.channel(self.cloud.vhost.url) as channel:
            channel.queue_declare(rpc.TOPIC, durable=True,
                                  auto_delete=False)
        self.use({'oslo_messaging_rabbit__rabbit_quorum_queue': True})
        worker = self.start_without_bus('inequivalent arg \'x-queue-type\'')
        self.assertIn('for how to replace it', worker.said())
        with rabbit.channel(self.cloud.vhost.url) as channel:
            channel.queue_delete(rpc.TOPIC)
        cloud.eventually('its joining', lambda:
                         'Connected to the message bus' in worker.said(),
                         patience=240, pause=0.2)
        self.assertNotIn('Traceback', worker.said())

    def test_tls_where_there_is_none(self):
        self.use({'oslo_messaging_rabbit__ssl': True})
        worker = self.start_without_bus('SSL')
        self.assertEqual(0, worker.stop())
        self.assertToldOnce(worker, ' ERROR ')

    def test_wrong_password(self):
        user = self.useFixture(rabbit.User(self.cloud.vhost))
        self.use({'DEFAULT__transport_url': user.url})
        user.set_password('wrong')
        worker = self.start_without_bus('ACCESS_REFUSED')
        user.set_password('right')
        self._ends(worker)

    def test_password_changed_later(self):
        user = self.useFixture(rabbit.User(self.cloud.vhost))
        self.use({'DEFAULT__transport_url': user.url})
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
