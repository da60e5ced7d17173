# SPDX-License-Identifier: Apache-2.0
"""RabbitMQ with certificates: those that are taken, and those that are not;
several hosts, of which one is away.

All of them run in one process (see tox.ini), whose brokers they share.
"""

import contextlib
import urllib.error
import urllib.request

from tests.functional import brokers
from tests.functional import cloud
from tests.functional import test_bus


class Tls(test_bus.Classic):
    """To a broker that has a certificate."""
    tls = 'IP:127.0.0.1'

    def test_a_backup_comes_and_goes(self):
        self.cloud.start()
        self.wait_joined()
        backup = self.cloud.create_backup(self.cloud.create_share()['id'])
        self.cloud.wait_backup(backup['id'], 'available')
        self.cloud.ask(202, 'DELETE', f'/share-backups/{backup["id"]}')
        self.cloud.wait_backup(backup['id'], None)
        encrypted = self.cloud.broker.control(
            'list_connections', 'ssl', '--no-table-headers').split()
        self.assertEqual({'true'}, set(encrypted))


class Distrusted(test_bus.BusTestCase):
    """A broker whose certificate is not taken."""

    options = {'backup__scan_interval': 0.5}

    def _refused(self, problems=1):
        """Nobody logs in: neither a worker, nor the API's health check.

        :param problems: int, how many the log may tell, each once.
        """
        worker = self.start_without_bus('certificate verify failed')
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
        other = brokers.make_certificate(self.cloud.root, 'other')
        self.use({'oslo_messaging_rabbit__ssl_ca_file': f'{other}.pem'})
        self._refused()


class OtherHost(Distrusted):
    """It is another host's."""

    tls = 'DNS:elsewhere.example'

    def test_certificate(self):
        self._refused()


class Several(test_bus.BusTestCase):
    """Several hosts with certificates, of which one is away."""

    tls = 'IP:127.0.0.1'
    hosts = 2
    # Whoever has to ask for it is told by the bus.
    options = {'backup__scan_interval': 3600}

    def _used(self):
        """Check that work is done for whoever asks, and that what is on the
        bus is encrypted."""
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
        """The operator is told of what has to be done something about."""
        self.cloud.bus.cut()
        self._refused(2)

    def test_the_other_is_away(self):
        self.cloud.other.cut()
        self._refused(2)
