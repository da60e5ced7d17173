# SPDX-License-Identifier: Apache-2.0
"""Sessions in signed cookies."""

import http.cookies
import os
import time

import fixtures
import testtools

from manila_backup import conf as config
from manila_backup import exception
from manila_backup.ui import session


class SessionTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = self.useFixture(fixtures.TempDir()).path
        self.sessions = self.made()

    def made(self, **options):
        conf = config.load([], 'test', default_config_files=[])
        conf.set_override('state_path', os.path.join(self.folder, 'state'))
        for name, value in options.items():
            conf.set_override(name, value, 'ui')
        return session.Sessions(conf)

    @staticmethod
    def environ(cookie=None, scheme='http'):
        return {'wsgi.url_scheme': scheme, 'REQUEST_METHOD': 'GET',
                'PATH_INFO': '/ui/', **(
                    {'HTTP_COOKIE': f'{session.COOKIE}={cookie}'}
                    if cookie else {})}

    def cookie(self, made, **more):
        name, value = self.sessions.header(self.environ(**more), made)
        self.assertEqual('Set-Cookie', name)
        return http.cookies.SimpleCookie(value)[session.COOKIE]

    def test_there_and_back(self):
        made = self.sessions.make(token='a:b', user='ä', project='p')
        cookie = self.cookie(made)
        self.assertEqual(made, self.sessions.read(
            self.environ(cookie.value)))
        # Other processes of the host, too.
        self.assertEqual(made, self.made().read(self.environ(cookie.value)))

    def test_only_for_this(self):
        made = self.sessions.make()
        cookie = self.cookie(made)
        self.assertEqual(('/ui/', True, 'Strict', ''), (
            cookie['path'], cookie['httponly'], cookie['samesite'],
            cookie['secure']))
        self.assertTrue(self.cookie(made, scheme='https')['secure'])
        self.assertEqual('0', self.cookie(None)['max-age'])

    def test_changed(self):
        cookie = self.cookie(self.sessions.make(user='demo')).value
        for number in range(0, len(cookie), 7):
            other = 'A' if cookie[number] != 'A' else 'B'
            self.assertIsNone(self.sessions.read(self.environ(
                cookie[:number] + other + cookie[number + 1:])))
        other = self.made(secret='x' * 40)
        self.assertIsNone(other.read(self.environ(cookie)))
        self.assertIsNone(self.sessions.read(self.environ()))
        self.assertIsNone(self.sessions.read(self.environ('nonsense')))

    def test_over(self):
        made = self.sessions.make(until=time.time() - 1)
        self.assertIsNone(self.sessions.read(
            self.environ(self.cookie(made).value)))
        # Not longer than is configured, whatever a token's end is.
        made = self.made(session_lifetime=60).make(until=time.time() + 9999)
        self.assertLessEqual(made.until, time.time() + 60)

    def test_each_has_its_own_secret(self):
        self.assertNotEqual(self.sessions.make().csrf,
                            self.sessions.make().csrf)

    def test_too_long(self):
        made = self.sessions.make(token='x' * 5000)
        self.assertRaises(exception.InvalidInput, self.sessions.header,
                          self.environ(), made)

    def test_key(self):
        path = os.path.join(self.folder, 'state', 'ui.key')
        self.assertEqual(0o600, os.stat(path).st_mode & 0o777)
        self.assertEqual(['ui.key'],
                         os.listdir(os.path.join(self.folder, 'state')))
        self.assertRaises(exception.ConfigurationError, self.made,
                          secret='short')
        os.truncate(path, 3)
        self.assertRaises(exception.ConfigurationError, self.made)
        os.unlink(path)
        os.mkdir(path)
        self.assertRaises(exception.ConfigurationError, self.made)
