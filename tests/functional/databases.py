# SPDX-License-Identifier: Apache-2.0
"""Databases of the tests' own on real servers."""

import atexit
import functools
import os
import uuid

import fixtures
import sqlalchemy as sa

from manila_backup import conf as config
from manila_backup.db import engine
from manila_backup.db import schema

MYSQL = os.environ.get('MANILA_BACKUP_TEST_MYSQL',
                       'mysql+pymysql://root@127.0.0.1')
POSTGRESQL = os.environ.get('MANILA_BACKUP_TEST_POSTGRESQL',
                            'postgresql+psycopg2://postgres@127.0.0.1')

SERVERS = {'mysql': MYSQL, 'postgresql': POSTGRESQL}

#: What the URLs of databases end with. PyMySQL reads the authorities of the
#: system for each connection, for servers that would offer TLS: that takes
#: fifty times as long as to connect.
_QUERIES = {'mysql': '?ssl_disabled=1'}


def address(url):
    """Address that a server listens at: (host, port).

    :param url: as of SQLAlchemy.
    """
    url = sa.make_url(url)
    return url.host, url.port or {
        'mysql': 3306, 'postgresql': 5432}[url.get_backend_name()]


class Schema(fixtures.Fixture):
    """A database of its own on a real server.

    :param server: 'mysql', 'postgresql' or 'sqlite', which is a file and
        never has tables from the first.
    :param made: bool, whether it is to have the service's tables and no row,
        rather than nothing. They are a copy of what the migrations make: to
        run those for each test takes much longer.
    :ivar name: str.
    :ivar url: str, what to connect to it with.
    """

    def __init__(self, server, made=False):
        self.name = f'manila_backup_{uuid.uuid4().hex[:12]}'
        self.url = (f'{SERVERS.get(server)}/{self.name}'
                    + _QUERIES.get(server, ''))
        self._server = server
        self._made = made
        # Others are connected to it that the test has forgotten.
        self._force = ' WITH (FORCE)' if server == 'postgresql' else ''

    def _setUp(self):
        if self._server == 'sqlite':
            folder = self.useFixture(fixtures.TempDir()).path
            self.url = f'sqlite:///{folder}/{self.name}'
        elif self._made and self._server == 'postgresql':
            self._create(f' TEMPLATE {_template(self._server)}')
        else:
            self._create()
            if self._made:
                _execute(self.url, *_statements())

    def _create(self, how=''):
        _administer(self._server, f'CREATE DATABASE {self.name}{how}')
        self.addCleanup(_administer, self._server,
                        f'DROP DATABASE {self.name}{self._force}')


def _administer(server, statement):
    _execute(POSTGRESQL + '/postgres' if server == 'postgresql'
             else f'{MYSQL}/{_QUERIES["mysql"]}', statement)


def _execute(url, *statements):
    connections = sa.create_engine(url, isolation_level='AUTOCOMMIT')
    with connections.connect() as conn:
        for each in statements:
            conn.exec_driver_sql(each)
    connections.dispose()


def _migrate(url):
    """Make the tables. The default share type is the fixtures' to put in:
    they can have another one, or none."""
    conf = config.load(['--config-file', os.devnull], 'test')
    conf.set_override('connection', url, 'database')
    conf.set_override('source', 'manila', 'shares')
    database = engine.Database(conf)
    schema.sync(database, conf)
    database.dispose()


@functools.cache
def _template(server):
    """The name of a database to make others like."""
    made = Schema(server)
    made.setUp()
    atexit.register(made.cleanUp)
    _migrate(made.url)
    return made.name


@functools.cache
def _statements():
    """Iterate over the statements that make a database on MySQL like the
    template."""
    template = _template('mysql')
    connections = sa.create_engine(
        f'{MYSQL}/{template}{_QUERIES["mysql"]}')
    with connections.connect() as conn:
        tables = sa.inspect(conn).get_table_names()
        made = [conn.exec_driver_sql(f'SHOW CREATE TABLE {each}').one()[1]
                for each in tables]
    connections.dispose()
    # Tables refer to others that come later.
    return ['SET foreign_key_checks = 0', *made,
            *(f'INSERT INTO {each} SELECT * FROM {template}.{each}'
              for each in tables)]
