# SPDX-License-Identifier: Apache-2.0
"""Identities: who is let in, and as whom."""

import base64
import logging
import os
import threading
import time
from unittest import mock
import uuid

import bcrypt
import fixtures
from keystoneauth1 import exceptions as keystone_exc
from keystonemiddleware import auth_token
from keystonemiddleware import fixture as keystone_fixture
from oslotest import base as test_base
import webob

from manila_backup.api import app as api_app
from manila_backup.api import auth
from manila_backup.api.auth import base as auth_base
from manila_backup.api.auth import http_basic
from manila_backup.api.auth import keystone
from manila_backup.api.auth import noauth
from manila_backup.api import faults
from manila_backup import exception
from tests.unit.api import base

PATH = '/v2/share-backups'


class TestNoAuth(base.ApiTest):

    def test_who_a_token_names(self):
        for token, who in (('', ('admin', 'admin')),
                           ('notused', ('admin', 'admin')),
                           ('u:p', ('u', 'p')), ('u:p:q', ('u', 'p:q')),
                           ('\xc3\xa9:p', ('é', 'p'))):
            self.assertEqual(who, noauth.identify(token))
        for token in (':', 'u:', ':p', '\xff:p', 'u' * 256 + ':p',
                      'u:' + 'p' * 256, 'u:\0', 'u:a\nb', 'u\x1b[2K:p',
                      'u\xe2\x80\xa8:p', 'u\xc2\x85:p'):
            error = self.assertRaises(faults.Fault, noauth.identify, token)
            self.assertEqual(401, error.code)

    def test_roles(self):
        self.assertEqual(['admin', 'manager', 'member', 'reader'],
                         noauth.roles_of('admin'))
        self.assertEqual(['member', 'reader'], noauth.roles_of('demo'))
        for name in ('reader', 'reader2'):
            self.assertEqual(['reader'], noauth.roles_of(name))

    def test_without_a_token(self):
        for token in (None, 'notused'):
            self.call('GET', '/v2/services', token=token, code=200)
        self.call('GET', '/v2/services', token='demo:p1', code=403)

    def test_headers_of_a_client_count_for_nothing(self):
        headers = {'X-Roles': 'admin', 'X-Project-Id': 'p9',
                   'X-Is-Admin': 'True', 'X-User-Id': 'admin'}
        self.call('GET', '/v2/services', headers=headers, code=403)

    def test_only_from_here(self):
        for address, code in (('127.0.0.1', 200), ('127.9.8.7', 200),
                              ('::1', 200), ('::ffff:127.0.0.1', 200),
                              ('', 200), ('192.0.2.1', 403),
                              ('::ffff:192.0.2.1', 403), ('fe80::1', 403),
                              ('what', 403)):
            request = webob.Request.blank(PATH, headers={
                'X-OpenStack-Manila-API-Version': base.LATEST})
            request.environ['REMOTE_ADDR'] = address
            self.assertEqual(
                code, request.get_response(self.api.app).status_code,
                address)

    def test_nothing_passed_on(self):
        for name in ('X-Forwarded-For', 'X-Forwarded-Proto', 'Forwarded',
                     'Via', 'X-Real-IP', 'X-Original-URL', 'True-Client-IP',
                     'Origin'):
            for value in ('127.0.0.1', ''):
                self.call('GET', PATH, headers={name: value}, code=403)

    def test_only_to_names_of_this_machine(self):
        for host, code in (
                ('localhost', 200), ('LocalHost.:8789', 200),
                ('127.0.0.1:80', 200), ('127.9.8.7', 200), ('[::1]', 200),
                ('[::1]:8789', 200), ('ip6-localhost', 200), (None, 200),
                ('', 403), ('evil.example', 403), ('evil.example:8789', 403),
                ('localhost.evil.example', 403), ('192.0.2.1', 403),
                ('127.0.0.1.evil.example', 403), ('[2001:db8::1]', 403),
                ('localhost, evil.example', 403), ('x@localhost', 403),
                ('localhost:8789:1', 403), ('0.0.0.0', 403)):
            request = webob.Request.blank(PATH, headers={
                'X-OpenStack-Manila-API-Version': base.LATEST})
            if host is None:
                del request.environ['HTTP_HOST']
            else:
                request.environ['HTTP_HOST'] = host
            self.assertEqual(
                code, request.get_response(self.api.app).status_code, host)

    def test_open_paths_only_to_names_of_this_machine_and_addresses(self):
        self.api.conf.set_override('enabled', True, 'metrics')
        self.api.conf.set_override('enable_proxy_headers_parsing', True,
                                   'oslo_middleware')
        app = api_app.build(self.api.conf, self.api.database,
                            self.api.admission)
        for path in ('/', '', '/v2', '/v2/', '/healthcheck', '/metrics',
                     '/v2/openapi.json'):
            for host, refused in (
                    ('localhost:8786', False), (None, False),
                    ('127.0.0.1', False), ('[::1]:8786', False),
                    # How load balancers ask.
                    ('192.0.2.1:8786', False), ('[2001:db8::1]', False),
                    ('evil.example', True), ('evil.example:8786', True),
                    ('192.0.2.1.evil.example', True), ('', True),
                    ('x@localhost', True), ('[evil.example]', True)):
                request = webob.Request.blank(path)
                # What a page can say as well as a proxy.
                request.headers['X-Forwarded-Host'] = 'localhost'
                if host is None:
                    del request.environ['HTTP_HOST']
                else:
                    request.environ['HTTP_HOST'] = host
                answer = request.get_response(app)
                self.assertEqual(refused, answer.status_code == 403,
                                 (path, host, answer.text))
                if refused:
                    self.assertIn('localhost',
                                  answer.json['forbidden']['message'])
        # Where callers are asked who they are, names may be any.
        self.api.conf.set_override('auth_strategy', 'http_basic')
        self.assertIs(app, auth.guard(app, self.api.conf))

    def test_adopting_is_refused_unless_it_is_wanted(self):
        body = {'share': {'protocol': 'NFS', 'export_path': '/srv/x'}}
        self.api.conf.clear_override('allow_manage', group='noauth')
        for token in (None, base.ADMIN):
            self.assert_fault(
                self.call('POST', '/v2/shares/manage', body, token), 403,
                'forbidden', 'noauth', 'allow_manage')
        self.api.conf.set_override('allow_manage', True, group='noauth')
        self.call('POST', '/v2/shares/manage', body, base.ADMIN, code=200)

    def test_addresses_to_listen_on(self):
        for host in ('127.0.0.1', 'localhost', '::1', '[::1]', '127.1.2.3'):
            noauth.check_address(self.api.conf, host)
        for host in ('0.0.0.0', '::', '192.0.2.1', 'example.org', ''):
            self.assertRaises(exception.ConfigurationError,
                              noauth.check_address, self.api.conf, host)
        self.api.conf.set_override('auth_strategy', 'http_basic')
        noauth.check_address(self.api.conf, '0.0.0.0')


class TestRoles(test_base.BaseTestCase):

    def test_imply(self):
        self.assertEqual(['member', 'reader'], auth_base.imply(['member']))
        self.assertEqual(['other'], auth_base.imply(['other', 'other']))
        self.assertEqual(['manager', 'member', 'reader', 'x'],
                         auth_base.imply(iter(['x', 'manager'])))


#: The class, which a test replaces to get at what is made of it.
http_basic_users = http_basic.Users


def _hash(password):
    return bcrypt.hashpw(password, bcrypt.gensalt(4)).decode()


class TestHttpBasic(base.ApiTest):

    def setUp(self):
        folder = self.useFixture(fixtures.TempDir()).path
        self.users = os.path.join(folder, 'htpasswd')
        self.roles = os.path.join(folder, 'roles.yaml')
        self._write(self.users, ''.join(
            f'{user}:{_hash(user.encode() + b"-pw")}\n'
            for user in ('ann', 'bob', 'norole', 'é')))
        self._write(self.roles, (
            'ann: {project: p1, roles: [admin]}\n'
            'bob: {project: p1, roles: [member]}\n'
            'é: {project: 7, roles: [reader]}\n'))
        self.OPTIONS = {'auth_strategy': 'http_basic',
                        'http_basic__user_file': self.users,
                        'http_basic__role_file': self.roles}
        with mock.patch.object(http_basic, 'Users',
                               side_effect=self._make_users):
            super().setUp()

    def _make_users(self, conf):
        self.known = http_basic_users(conf)
        return self.known

    def _write(self, path, text):
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)

    def _get(self, user, password=None, path=PATH, code=None):
        if password is None:
            password = f'{user}-pw'.encode()
        token = base64.b64encode(user.encode() + b':' + password).decode()
        return self.call('GET', path, token=None, code=code, headers={
            'Authorization': f'Basic {token}'})

    def test_right_password(self):
        self._get('ann', path='/v2/services', code=200)
        self._get('bob', path='/v2/services', code=403)
        self._get('bob', code=200)
        self._get('é', code=200)

    def test_projects_and_roles(self):
        self._get('é', path='/v2/7/share-backups', code=200)
        self._get('bob', path='/v2/7/share-backups', code=400)

    def test_wrong(self):
        for user, password in (('ann', b'x'), ('ann', b''), ('eve', b'x'),
                               ('', b''), ('norole', None),
                               ('ann', b'x' * 100), ('ann', b'a\0b'),
                               ('ann', b'\xff'), ('#', b'x'),
                               ('ann\n', b'ann-pw')):
            response = self._get(user, password)
            self.assert_fault(response, 401, 'unauthorized')
            self.assertTrue(response.headers['WWW-Authenticate'].startswith(
                'Basic '))

    def test_malformed(self):
        for header in (None, '', 'Basic', 'Bearer x', 'Basic !', 'Basic eA==',
                       'Basic /zp4', 'x' * 5000):
            response = self.call('GET', PATH, token=None,
                                 headers={'Authorization': header})
            self.assert_fault(response, 401, 'unauthorized')

    def test_password_is_hashed_once(self):
        with mock.patch.object(bcrypt, 'checkpw',
                               side_effect=bcrypt.checkpw) as check:
            for _number in range(3):
                self._get('bob', code=200)
            self.assertEqual(1, check.call_count)
            for _number in range(3):
                self._get('bob', b'wrong', code=401)
            self.assertEqual(2, check.call_count)
            self._get('bob', b'other', code=401)
            self.assertEqual(3, check.call_count)

    def test_cache_ends(self):
        self._get('bob', code=200)
        later = time.monotonic() + self.api.conf.http_basic.cache_time + 1
        with mock.patch.object(bcrypt, 'checkpw',
                               side_effect=bcrypt.checkpw) as check, \
                mock.patch('time.monotonic', return_value=later):
            self._get('bob', code=200)
        self.assertEqual(1, check.call_count)

    def test_no_cache(self):
        for option in ('cache_time', 'failure_cache_time'):
            self.api.conf.set_override(option, 0, group='http_basic')
        # Looked at when the files are.
        self._write(self.roles, 'bob: {project: p1, roles: [member]}\n')
        with mock.patch.object(bcrypt, 'checkpw',
                               side_effect=bcrypt.checkpw) as check:
            for _number in range(2):
                self._get('bob', code=200)
                self._get('bob', b'wrong', code=401)
        self.assertEqual(4, check.call_count)

    def test_wrong_is_forgotten(self):
        self._get('bob', b'wrong', code=401)
        later = (time.monotonic() + 1
                 + self.api.conf.http_basic.failure_cache_time)
        with mock.patch.object(bcrypt, 'checkpw',
                               side_effect=bcrypt.checkpw) as check, \
                mock.patch('time.monotonic', return_value=later):
            self._get('bob', b'wrong', code=401)
        self.assertEqual(1, check.call_count)

    def test_unknown_names_are_hashed_too(self):
        with mock.patch.object(bcrypt, 'checkpw',
                               side_effect=bcrypt.checkpw) as check:
            self._get('eve', b'x', code=401)
        (_password, against), = [each.args for each in check.call_args_list]
        # As expensive as the hashes of those who are known.
        self.assertEqual(b'04', against.split(b'$')[2])

    def test_names_make_no_lines_of_a_log(self):
        log = self.useFixture(fixtures.FakeLogger(level=logging.INFO))
        for name in ('x\nforged', 'x\rforged', 'x\u2028forged', 'x\x1b[2K'):
            self._get(name, b'x', code=401)
        self.assertNotIn('forged', log.output)
        self.assertNotIn('\x1b', log.output)

    def test_too_many_at_once(self):
        begun, go_on = threading.Semaphore(0), threading.Event()
        self.addCleanup(go_on.set)
        self._get('bob', code=200)

        def slow(password, hashed):
            begun.release()
            go_on.wait(60)
            return False

        with mock.patch.object(bcrypt, 'checkpw', side_effect=slow):
            others = [threading.Thread(target=self._get,
                                       args=('ann', b'%d' % number))
                      for number in range(4)]
            others[0].start()
            self.assertTrue(begun.acquire(timeout=60))
            places = self._places()
            for each in others[1:]:
                each.start()
            self._until(lambda: places.total() == 4)
            # One is hashing, three wait, and that is half of the threads.
            answer = self._get('eve', b'x', code=503)
            self.assert_fault(answer, 503, 'serviceUnavailable')
            self.assertEqual('1', answer.headers['Retry-After'])
            # Who is known already needs none of that.
            self._get('bob', code=200)
            go_on.set()
            for each in others:
                each.join(60)
        self.assertEqual(0, places.total())
        self._get('eve', b'x', code=401)

    def _places(self):
        return self.known._places._taken

    def _until(self, check):
        end = time.monotonic() + 60
        while not check():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)

    def test_changed_password_counts_at_once(self):
        self._get('bob', code=200)
        self._write(self.users, f'bob:{_hash(b"new")}\n')
        self._get('bob', code=401)
        self._get('bob', b'new', code=200)

    def test_changed_roles_count_at_once(self):
        self._get('bob', path='/v2/services', code=403)
        self._write(self.roles, 'bob: {project: p1, roles: [admin]}\n')
        self._get('bob', path='/v2/services', code=200)

    def test_broken_files(self):
        self._write(self.roles, '{')
        self.assert_fault(self._get('bob'), 503, 'serviceUnavailable')
        self._write(self.roles, 'bob: {project: p1, roles: [member]}\n')
        self._get('bob', code=200)
        self._write(self.users, 'bob:plain\n')
        self.assert_fault(self._get('bob'), 503, 'serviceUnavailable')
        os.unlink(self.users)
        self.assert_fault(self._get('bob'), 503, 'serviceUnavailable')

    def test_bad_files_at_start(self):
        for text in ('[]', 'bob: 7', 'bob: {project: p1}', '{',
                     'bob: {project: p1, roles: member}',
                     'bob: {project: "", roles: []}',
                     'bob: {project: p, roles: [], x: 1}'):
            self._write(self.roles, text)
            self.assertRaises(exception.ConfigurationError,
                              http_basic.Users, self.api.conf)
        self._write(self.roles, '')
        http_basic.Users(self.api.conf)
        self._write(self.users, 'bob:plain\n')
        self.assertRaises(exception.ConfigurationError, http_basic.Users,
                          self.api.conf)
        os.unlink(self.users)
        self.assertRaises(exception.ConfigurationError, http_basic.Users,
                          self.api.conf)

    def test_without_authentication(self):
        self.call('GET', '/', token=None, code=300)
        self.call('GET', '/v2/', token=None, code=200)
        self.call('GET', '/healthcheck', token=None, code=200)


class TestKeystone(base.ApiTest):

    OPTIONS = {
        'auth_strategy': 'keystone',
        'text': '[keystone_authtoken]\n'
                'auth_type = password\n'
                'auth_url = http://127.0.0.1:1/\n'
                'www_authenticate_uri = http://127.0.0.1:1/\n'}

    def setUp(self):
        self.tokens = keystone_fixture.AuthTokenFixture()
        self.useFixture(self.tokens)
        super().setUp()

    def _token(self, **kwargs):
        token = uuid.uuid4().hex
        self.tokens.add_token_data(**{
            'token_id': token, 'user_id': 'u1', 'project_id': 'p1',
            'role_list': ['member', 'reader'], **kwargs})
        return token

    def test_roles(self):
        member = self._token()
        self.call('GET', PATH, token=member, code=200)
        self.call('GET', '/v2/services', token=member, code=403)
        admin = self._token(role_list=['admin', 'member', 'reader'])
        self.call('GET', '/v2/services', token=admin, code=200)

    def test_project(self):
        token = self._token()
        share_id = self.make_share(token)
        found = self.call('GET', f'/v2/shares/{share_id}', token=token)
        self.assertEqual(('p1', 'u1'), (found.json['share']['project_id'],
                                        found.json['share']['user_id']))
        other = self._token(project_id='p2')
        self.call('GET', f'/v2/shares/{share_id}', token=other, code=404)

    def test_no_project(self):
        token = self._token(project_id=None,
                            role_list=['admin', 'member', 'reader'])
        self.assert_fault(self.call('GET', PATH, token=token), 403,
                          'forbidden', 'project')

    def test_no_token(self):
        for token in (None, 'x', 'admin:admin'):
            answer = self.call('GET', PATH, token=token, code=401)
            self.assertIn('Keystone', answer.headers['WWW-Authenticate'])

    def test_not_configured(self):
        conf = base.make_conf(self.useFixture(fixtures.TempDir()).path,
                              auth_strategy='keystone')
        self.assertRaises(exception.ConfigurationError, keystone.wrap,
                          None, mock.Mock(conf=conf))

    def test_keystone_makes_no_sense(self):
        token = self._token()
        with mock.patch.object(
                auth_token.AuthProtocol, 'fetch_token',
                side_effect=keystone_exc.EndpointNotFound('identity')):
            answer = self.call('GET', PATH, token=token)
        self.assert_fault(answer, 503, 'serviceUnavailable', 'right now')
        self.assertEqual('5', answer.headers['Retry-After'])

    def test_headers_of_a_client_count_for_nothing(self):
        headers = {'X-Roles': 'admin', 'X-Identity-Status': 'Confirmed',
                   'X-Project-Id': 'p1', 'X-User-Id': 'u'}
        self.call('GET', PATH, token=None, headers=headers, code=401)
        self.call('GET', '/v2/services', token=self._token(),
                  headers=headers, code=403)

    def test_without_authentication(self):
        self.call('GET', '/', token=None, code=300)
        self.call('GET', '/v2', token=None, code=200)
        self.call('GET', '/healthcheck', token=None, code=200)
