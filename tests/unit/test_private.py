# SPDX-License-Identifier: Apache-2.0

import os

import fixtures
from oslotest import base

from manila_backup import conf as config
from manila_backup.db import engine
from manila_backup.db import schema
from manila_backup import private


class TestCase(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.root = self.useFixture(fixtures.TempDir()).path
        umask = os.umask(0)
        self.addCleanup(os.umask, umask)

    def path(self, *names):
        return os.path.join(self.root, *names)

    def mode(self, *names):
        return os.stat(self.path(*names)).st_mode & 0o7777


class Directories(TestCase):

    def test_all_that_are_made(self):
        private.make_directories(self.path('a', 'b', 'c'))
        self.assertEqual([0o700] * 3, [self.mode('a'), self.mode('a', 'b'),
                                       self.mode('a', 'b', 'c')])
        os.umask(0o077)
        private.make_directories(self.path('a', 'd', 'e/'), 0o711)
        self.assertEqual([0o711] * 2, [self.mode('a', 'd'),
                                       self.mode('a', 'd', 'e')])

    def test_what_is_there_stays(self):
        os.mkdir(self.path('a'), 0o755)
        private.make_directories(self.path('a'))
        self.assertEqual(0o755, self.mode('a'))

    def test_what_is_none(self):
        private.make_file(self.path('a'))
        self.assertRaises(FileExistsError, private.make_directories,
                          self.path('a'))
        self.assertRaises(OSError, private.make_directories,
                          self.path('a', 'b'))

    def test_who_gets_at_it(self):
        self.assertTrue(private.is_reachable('/'))
        self.assertFalse(private.is_reachable(self.path('missing')))
        os.mkdir(self.path('a'), 0o777)
        self.assertFalse(private.is_reachable(self.path('a')))


class SQLite(TestCase):

    NAMES = {'db', 'db-wal', 'db-shm'}

    def modes(self):
        return {name: self.mode(name) for name in os.listdir(self.root)}

    def use(self):
        """Open the database, and keep it open."""
        conf = config.load(['--config-file', os.devnull], 'test')
        conf.set_override('connection', f'sqlite:///{self.path("db")}',
                          'database')
        database = engine.Database(conf)
        self.addCleanup(database.dispose)
        schema.sync(database, conf)
        opened = database.engine.connect()
        self.addCleanup(opened.close)
        opened.exec_driver_sql('SELECT count(*) FROM shares')

    def test_is_for_its_owner_only(self):
        self.use()
        self.assertEqual(dict.fromkeys(self.NAMES, 0o600), self.modes())

    def test_is_closed_to_others(self):
        self.use()
        for name in self.NAMES:
            os.chmod(self.path(name), 0o644)
        self.use()
        self.assertEqual(dict.fromkeys(self.NAMES, 0o600), self.modes())
