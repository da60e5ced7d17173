# SPDX-License-Identifier: Apache-2.0
"""Signing in to the pages, with a real Keystone and by passwords in a
file."""

import base64
import hashlib
import json
import os

import bcrypt
import fixtures
from playwright import sync_api
import testtools

from tests.functional import browser
from tests.functional import cloud
from tests.functional import keystone

expect = sync_api.expect


def token_of(cookie):
    """Return the token in a session's cookie, which is signed, and not
    encrypted."""
    signed = base64.urlsafe_b64decode(cookie['value'].strip('"') + '==')
    return json.loads(signed[hashlib.sha512().digest_size:])['token']


class Keystone(testtools.TestCase):
    """Keystone knows who somebody is."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # What Keystone said of a token is not to be believed for minutes.
        cls.held = keystone.KeystoneCloud(
            ui__enabled=True, keystone_authtoken__token_cache_time=-1)
        cls.held.setUp()
        cls.addClassCleanup(cls.held.cleanUp)
        cls.keystone, cls.cloud = cls.held.keystone, cls.held.cloud
        cls.keystone.add_user('alice', 'p1', 'member')
        cls.browser = browser.Browser(f'http://127.0.0.1:{cls.cloud.port}')
        cls.browser.setUp()
        cls.addClassCleanup(cls.browser.cleanUp)

    def setUp(self):
        super().setUp()
        self.browser.problems.clear()
        self.page = self.browser.page()
        self.addCleanup(self.page.context.close)

    def sign_in(self, password, project='p1'):
        page = self.page
        page.get_by_label('User').fill('alice')
        page.get_by_label('Password').fill(password)
        page.get_by_label('Project').first.fill(project)
        page.get_by_role('button', name='Sign in').first.click()

    def test_password(self):
        page = self.page
        page.goto('/ui/operations?status=done')
        expect(page.get_by_role('heading', name='Sign in')).to_be_visible()
        self.sign_in('wrong')
        expect(page.get_by_role('alert')).to_contain_text(
            'Keystone does not accept this')
        self.sign_in(keystone.password_of('alice'), 'admin')
        expect(page.get_by_role('alert')).to_be_visible()
        self.sign_in(keystone.password_of('alice'))
        # Where the user wanted to go.
        expect(page.get_by_role('heading', name='Operations')
               ).to_be_visible()
        self.assertTrue(page.url.endswith('/ui/operations?status=done'))
        expect(page.get_by_text('alice in p1')).to_be_visible()
        cookie, = page.context.cookies()
        self.assertEqual((True, 'Strict', '/ui/'), (
            cookie['httpOnly'], cookie['sameSite'], cookie['path']))
        page.get_by_role('button', name='Sign out').click()
        expect(page.get_by_role('heading', name='Sign in')).to_be_visible()
        page.goto('/ui/')
        expect(page.get_by_role('heading', name='Sign in')).to_be_visible()
        self.assertEqual([], self.browser.problems)

    def test_token_that_is_revoked(self):
        """The session is over, though its cookie is not."""
        page = self.page
        page.goto('/ui/')
        self.sign_in(keystone.password_of('alice'))
        expect(page.get_by_role('heading', name='Overview')).to_be_visible()
        cookie, = page.context.cookies()
        self.keystone.revoke(token_of(cookie))
        page.get_by_role('link', name='Operations').click()
        expect(page.get_by_role('heading', name='Sign in')).to_be_visible()
        self.assertEqual([], page.context.cookies())
        # And goes on where it was.
        self.sign_in(keystone.password_of('alice'))
        expect(page.get_by_role('heading', name='Operations')
               ).to_be_visible()
        self.assertEqual([], self.browser.problems)

    def test_application_credential(self):
        page = self.page
        page.goto('/ui/sign-in?back=//elsewhere.example/')
        page.get_by_text('With an application credential').click()
        page.get_by_label('Id').fill('none')
        page.get_by_label('Secret').fill('wrong')
        page.get_by_role('button', name='Sign in').nth(1).click()
        expect(page.get_by_role('alert')).to_be_visible()
        # To no other host, whoever was signed in.
        self.sign_in(keystone.password_of('alice'))
        expect(page.get_by_role('heading', name='Overview')).to_be_visible()
        self.assertEqual(f'{self.browser.url}/ui/', page.url)


class HttpBasic(testtools.TestCase):
    """The browser asks, and sends the password each time."""

    def test_password(self):
        folder = self.useFixture(fixtures.TempDir()).path
        hashed = bcrypt.hashpw(b'right', bcrypt.gensalt(4)).decode()
        options = {'auth_strategy': 'http_basic', 'ui__enabled': True}
        for option, text in (
                ('user_file', f'ann:{hashed}\n'),
                ('role_file', 'ann: {project: p1, roles: [member]}\n')):
            options[f'http_basic__{option}'] = os.path.join(folder, option)
            with open(os.path.join(folder, option), 'w') as file:
                file.write(text)
        service = self.useFixture(cloud.Cloud('mysql', **options))
        service.start_api()
        opened = self.useFixture(browser.Browser(
            f'http://127.0.0.1:{service.port}'))
        answer = opened.page(http_credentials={
            'username': 'ann', 'password': 'wrong'}).goto('/ui/')
        self.assertEqual(401, answer.status)
        page = opened.page(http_credentials={
            'username': 'ann', 'password': 'right'})
        self.assertEqual(200, page.goto('/ui/').status)
        expect(page.get_by_role('heading', name='Overview')).to_be_visible()
        self.assertEqual([], opened.problems)
