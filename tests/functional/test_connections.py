# SPDX-License-Identifier: Apache-2.0
"""Every connection to a database server has the service's ways: the first
one too, which oslo.db makes on its own."""

import os
import weakref

import fixtures
from oslo_db import exception as db_exc
import sqlalchemy as sa
import testtools

from manila_backup import conf as config
from manila_backup.db import engine
from manila_backup.db import limits
from manila_backup.db import schema as db_schema
from tests.functional import databases
from tests.functional import proxy
from tests import lost_answers
from tests.unit.api import base


def short_limits(seconds):
    """A fixture: the time limits are so many seconds (a str)."""
    return fixtures.MockPatchObject(limits, '_PARAMETERS', {
        driver: {name: seconds if name.endswith('_timeout')
                 and name != 'tcp_user_timeout' else value
                 for name, value in values.items()}
        for driver, values in limits._PARAMETERS.items()})


def connect_to(url):
    """A :class:`manila_backup.db.engine.Database` at a URL of
    SQLAlchemy's."""
    conf = config.load(['--config-file', os.devnull], 'test')
    conf.set_override('connection', url.render_as_string(
        hide_password=False), 'database')
    return engine.Database(conf)


class ConnectionsMySQL(testtools.TestCase):

    def test_first_connection(self):
        schema = self.useFixture(databases.Schema('mysql'))
        api = self.useFixture(base.Api(database__connection=schema.url))
        for connect in (api.database.reader, api.database.writer):
            with connect() as conn:
                names, isolation = conn.execute(sa.text(
                    'SELECT @@character_set_connection, '
                    '@@tx_isolation')).one()
            self.assertEqual('utf8mb4', names)
            self.assertEqual('READ-COMMITTED', isolation)

    def _session(self, api, name):
        """A session's variable, of what is read and of what is written by."""
        found = []
        for connect in (api.database.reader, api.database.writer):
            with connect() as conn:
                found.append(conn.execute(
                    sa.text(f'SELECT @@SESSION.{name}')).scalar())
        return found

    def test_options_reach_all_connections(self):
        schema = self.useFixture(databases.Schema('mysql'))
        api = self.useFixture(base.Api(
            database__connection=schema.url,
            database__mysql_wsrep_sync_wait=3,
            database__mysql_sql_mode='STRICT_ALL_TABLES'))
        self.assertEqual([3, 3], self._session(api, 'wsrep_sync_wait'))
        self.assertEqual(['STRICT_ALL_TABLES'] * 2,
                         self._session(api, 'sql_mode'))

    def test_options_that_are_not_set(self):
        schema = self.useFixture(databases.Schema('mysql'))
        api = self.useFixture(base.Api(
            database__connection=schema.url, database__mysql_sql_mode=''))
        self.assertEqual([0, 0], self._session(api, 'wsrep_sync_wait'))
        self.assertEqual(['', ''], self._session(api, 'sql_mode'))

    def test_statements_take_as_long_as_they_take(self):
        """Only making a connection has a time limit."""
        self.useFixture(short_limits('1'))
        schema = self.useFixture(databases.Schema('mysql'))
        api = self.useFixture(base.Api(database__connection=schema.url))
        for connect in (api.database.reader, api.database.writer):
            with connect() as conn:
                self.assertEqual(0, conn.execute(
                    sa.text('SELECT SLEEP(3)')).scalar())
                self.assertIsNone(conn.connection.dbapi_connection._sock
                                  .gettimeout())


class _Breaks(proxy.Proxy):
    """A way on which each connection breaks at the so manieth message of the
    client's."""

    def __init__(self, host, port):
        super().__init__(host, port)
        self.at = None
        self._counts = weakref.WeakKeyDictionary()

    def _take(self, near, far, source):
        if source is near:
            count = self._counts[near] = self._counts.get(near, 0) + 1
            if count == self.at:
                return b''
        return super()._take(near, far, source)


class BrokenWhileMade(testtools.TestCase):
    """A connection that breaks while it is being set up, by SQLAlchemy and by
    the service, is one that can't be had, whatever they make of that."""

    def test_at_each_message(self):
        # Each is to be seen by itself.
        self.useFixture(fixtures.MockPatchObject(
            engine, '_run', engine._run.__wrapped__))
        for kind in ('mysql', 'postgresql'):
            way = self.useFixture(_Breaks(
                *databases.address(databases.SERVERS[kind])))
            schema = self.useFixture(databases.Schema(kind, made=True))
            url = sa.make_url(schema.url).set(host='127.0.0.1', port=way.port)
            for use in (lambda database: database.read(lambda conn: None),
                        lambda database: database.write(lambda conn: None),
                        db_schema.version):
                self._broken(use, way, url)

    def _broken(self, use, way, url):
        for number in range(1, 100):
            way.at = number
            database = connect_to(url)
            try:
                use(database)
            except db_exc.DBConnectionError as exc:
                self.assertNotEqual('', str(exc))
                # That was the tests' doing, at the end of it.
                if str(exc) != lost_answers.TOLD:
                    continue
            finally:
                way.at = None
                database.dispose()
            break
        self.assertTrue(4 < number < 99, number)


class Silent(testtools.TestCase):
    """A server that takes connections and says nothing."""

    def test_is_given_up(self):
        self.useFixture(short_limits('2'))
        for kind in ('mysql', 'postgresql'):
            server = sa.make_url(databases.SERVERS[kind])
            silent = self.useFixture(proxy.Proxy('127.0.0.1', 1))
            silent.freeze()
            database = connect_to(server.set(
                host='127.0.0.1', port=silent.port, database='x'))
            for connect in (database.reader, database.writer):
                self.assertRaises(
                    (db_exc.DBError, sa.exc.OperationalError),
                    connect().__enter__)
