# SPDX-License-Identifier: Apache-2.0
"""The bus and the database go away, and come back."""

import concurrent.futures
import threading

import sqlalchemy as sa
import testtools

from tests.functional import base
from tests.functional import cloud
from tests.functional import databases
from tests.functional import proxy


class CutOffCloud(cloud.Cloud):
    """A service whose ways to its servers can be cut.

    :ivar bus: the way to RabbitMQ.
    :ivar store: the way to the database.
    """

    PROXY = proxy.Proxy

    def _configure(self):
        bus = sa.make_url(cloud.RABBITMQ)
        store = sa.make_url(self.database.url)
        self.bus = self.useFixture(proxy.Proxy(bus.host, bus.port or 5672))
        self.store = self.useFixture(self.PROXY(*databases.address(store)))
        self._options = {
            **self._options,
            'transport_url': bus.set(
                host='127.0.0.1', port=self.bus.port
            ).render_as_string(hide_password=False),
            'database__connection': store.set(
                host='127.0.0.1', port=self.store.port
            ).render_as_string(hide_password=False),
            'backup__scan_interval': 1}
        super()._configure()


class LostServersMySQL(testtools.TestCase):

    server = 'mysql'
    fill = base.TestCase.fill
    content = base.TestCase.content

    def setUp(self):
        super().setUp()
        self.cloud = self.useFixture(CutOffCloud(self.server))
        # What the log says is what happened; what it must not say is that
        # something was not thought of.
        self.cloud.tolerate = '^(?!.*Unexpected error).*$'
        self.cloud.start()

    def _share(self, files=10, size=1000):
        share = self.cloud.create_share()
        return share, self.fill(self.cloud.share_path(share['id']), files,
                                size)

    def _whole(self, backup_id, made):
        backup = self.cloud.wait_backup(backup_id, 'available')
        self.assertEqual(made, self.content(self.cloud.backup_path(backup)))

    def test_bus_away(self):
        share, made = self._share()
        self.cloud.bus.cut()
        backup = self.cloud.create_backup(share['id'])
        self._whole(backup['id'], made)
        self.cloud.bus.restore()
        backup = self.cloud.create_backup(share['id'])
        self._whole(backup['id'], made)

    def test_bus_connections_reset(self):
        share, made = self._share()
        for _ in range(5):
            backup = self.cloud.create_backup(share['id'])
            self.cloud.bus.reset()
            self._whole(backup['id'], made)

    def test_database_away(self):
        shares = [self._share(300, 20000) for _ in range(4)]
        backups = [self.cloud.create_backup(share['id'])
                   for share, _ in shares]
        self.cloud.store.cut()
        answer = self.cloud.request('GET', '/share-backups')
        self.assertEqual(503, answer.status)
        self.assertIn('Retry-After', answer.headers)
        answer = self.cloud.request(
            'POST', '/share-backups',
            {'share_backup': {'share_id': shares[0][0]['id']}})
        self.assertEqual(503, answer.status)
        self.cloud.store.restore()
        for (share, made), backup in zip(shares, backups):
            self._whole(backup['id'], made)
            self.cloud.wait_share(share['id'], 'available')
        self._one_of_each(shares)

    def test_database_connections_reset(self):
        """In the middle of transactions, again and again."""
        shares, statuses = [], set()
        for pause in (0.15, 0.5, 2, 8):
            made = [self._share(50, 1000) for _ in range(8)]
            shares += made
            statuses.update(self._ask_while_reset(made, pause))
            if 202 in statuses:
                break
            # A machine this slow gets nothing done in between.
        self.assertEqual(set(), statuses - {202, 503})
        # One whose answer was lost may have been let in: it is done too.
        cloud.eventually('all to be at rest', lambda: not self.cloud.rows(
            "SELECT id FROM share_backups WHERE status <> 'available'"))
        self._one_of_each(shares)

    def _ask_while_reset(self, shares, pause):
        """Ask for backups of shares, at once; the answers' statuses."""
        over = threading.Event()

        def disturb():
            while not over.wait(pause):
                self.cloud.store.reset()

        disturber = threading.Thread(target=disturb)
        disturber.start()
        try:
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                answers = list(pool.map(lambda each: self.cloud.request(
                    'POST', '/share-backups',
                    {'share_backup': {'share_id': each[0]['id']}}), shares))
        finally:
            over.set()
            disturber.join()
        for (_share, made), answer in zip(shares, answers):
            if answer.status == 202:
                self._whole(answer.body['share_backup']['id'], made)
        return [answer.status for answer in answers]

    def _one_of_each(self, shares):
        """No share was backed up more than once."""
        counts = self.cloud.rows(
            'SELECT share_id, count(*) FROM share_backups GROUP BY share_id')
        self.assertEqual({1}, {count for _, count in counts})
        self.assertLessEqual({share for share, _ in counts},
                             {share['id'] for share, _ in shares})


class LostServersPostgreSQL(LostServersMySQL):
    server = 'postgresql'
