# SPDX-License-Identifier: Apache-2.0
"""A real Keystone for a test, from a virtual environment of its own."""

import base64
import contextlib
import json
import os
import pwd
import subprocess
import urllib.error
import urllib.request

import fixtures
from testtools import content

from tests.functional import cloud
from tests.functional import databases

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))

#: Where ``make keystone`` installs it.
VENV = os.environ.get('MANILA_BACKUP_TEST_KEYSTONE',
                      os.path.join(ROOT, '.tools', 'keystone'))

REGION = 'RegionOne'

#: The name of the user that the service checks tokens as.
SERVICE_USER = 'manila-backup'

_CONFIG = """
[database]
connection = {database}
[fernet_tokens]
key_repository = {keys}
[fernet_receipts]
key_repository = {keys}
[identity]
# Hashing is slow on purpose; here nothing is kept.
password_hash_rounds = 4
[token]
expiration = {expiration}
"""


def password_of(user):
    """The password of each user that this makes."""
    return f'secret-of-{user}'


class Keystone(fixtures.Fixture):
    """Keystone with its usual roles, an administrator ``admin`` in a project
    of the same name, and the service's own user.

    :ivar url: str, the endpoint.
    :ivar token: str, the administrator's.
    """

    def _setUp(self):
        if not os.path.exists(os.path.join(VENV, 'bin', 'keystone-manage')):
            raise AssertionError(f'Keystone is not installed in {VENV}: '
                                 '"make keystone" does it.')
        self.root = self.useFixture(fixtures.TempDir()).path
        self._database = self.useFixture(databases.Schema('mysql')).url
        self._keys = os.path.join(self.root, 'keys')
        self._make_keys()
        self._processes = []
        self.addCleanup(self._end)
        port = cloud.free_port()
        self.url = f'http://127.0.0.1:{port}/v3'
        config = self._configure('keystone.conf', 3600)
        self._manage(config, 'db_sync')
        self._manage(config, 'bootstrap',
                     '--bootstrap-password', password_of('admin'),
                     '--bootstrap-public-url', self.url,
                     # The one that keystonemiddleware looks for.
                     '--bootstrap-internal-url', self.url,
                     '--bootstrap-region-id', REGION)
        self._serve(config, port)
        self.token = self.sign_in('admin', 'admin')
        self._roles = {each['name']: each['id'] for each
                       in self.ask('GET', '/roles')['roles']}
        self._projects = {}
        self._users = {}
        self.add_user(SERVICE_USER, 'service', 'service')

    # -- processes -------------------------------------------------------

    def _configure(self, name, expiration):
        path = os.path.join(self.root, name)
        with open(path, 'w') as file:
            file.write(_CONFIG.format(database=self._database,
                                      keys=self._keys,
                                      expiration=expiration))
        return path

    def _make_keys(self):
        # What "keystone-manage fernet_setup" does, which takes seconds.
        os.mkdir(self._keys, 0o700)
        for number in '01':
            path = os.path.join(self._keys, number)
            with open(path, 'wb', opener=lambda name, flags: os.open(
                    name, flags, 0o600)) as file:
                file.write(base64.urlsafe_b64encode(os.urandom(32)))

    def _manage(self, config, *args):
        done = subprocess.run(
            [os.path.join(VENV, 'bin', 'keystone-manage'),
             '--config-file', config, *args],
            capture_output=True, text=True)
        if done.returncode:
            raise AssertionError(f'keystone-manage {args[0]}: '
                                 f'{done.stdout}{done.stderr}')

    def _serve(self, config, port):
        log = f'{config}.log'
        with open(log, 'ab') as output:
            process = subprocess.Popen(
                # Isolated: this directory has a module named keystone too.
                [os.path.join(VENV, 'bin', 'python'), '-I',
                 os.path.join(ROOT, 'tests', 'functional',
                              'serve_keystone.py'), str(port)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env={**clean_environment(),
                     'OS_KEYSTONE_CONFIG_FILES': config})
        self._processes.append((process, log))

        def answers():
            if process.poll() is not None:
                with open(log, errors='replace') as file:
                    raise AssertionError(f'Keystone ended: {file.read()}')
            with contextlib.suppress(OSError):
                return urllib.request.urlopen(
                    f'http://127.0.0.1:{port}/v3', timeout=cloud.PATIENCE)

        cloud.eventually('Keystone', answers).close()

    def _end(self):
        for process, log in self._processes:
            process.terminate()
            process.wait(cloud.PATIENCE)
            with open(log, errors='replace') as file:
                self.addDetail(os.path.basename(log),
                               content.text_content(file.read()))

    def serve_short_lived(self, expiration):
        """Start another Keystone of the same users and keys, whose tokens
        expire soon.

        :param expiration: int, seconds.
        :returns: str, its URL.
        """
        port = cloud.free_port()
        self._serve(self._configure('short-lived.conf', expiration), port)
        return f'http://127.0.0.1:{port}/v3'

    # -- its API ---------------------------------------------------------

    def ask(self, method, path, body=None):
        """A request by the administrator that must succeed.

        :returns: the body of the answer, or None.
        """
        return self._request(method, self.url + path, body,
                             {'X-Auth-Token': self.token})[1]

    @staticmethod
    def _request(method, url, body, headers):
        request = urllib.request.Request(
            url, method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={'Content-Type': 'application/json', **headers})
        try:
            with urllib.request.urlopen(request,
                                        timeout=cloud.PATIENCE) as found:
                text = found.read()
                return found.headers, json.loads(text) if text else None
        except urllib.error.HTTPError as exc:
            with exc:
                raise AssertionError(f'{method} {url}: {exc.code} '
                                     f'{exc.read()}') from exc

    def sign_in(self, user, project, url=None):
        """A token of a user for a project (both by name).

        :param url: str, another Keystone's.
        """
        domain = {'id': 'default'}
        headers, _ = self._request('POST', f'{url or self.url}/auth/tokens', {
            'auth': {
                'identity': {'methods': ['password'], 'password': {'user': {
                    'name': user, 'domain': domain,
                    'password': password_of(user)}}},
                'scope': {'project': {'name': project, 'domain': domain}}}},
            {})
        return headers['X-Subject-Token']

    def application_credential(self, user, token, name, rules):
        """Make a user's application credential, confined by access rules,
        and sign in with it.

        :param token: str, the user's, for the project that it is to be for.
        :param rules: list of (method, path) of share backups' service.
        :returns: str, a token.
        """
        made = self._request(
            'POST', f'{self.url}/users/{self._users[user]}'
                    f'/application_credentials',
            {'application_credential': {'name': name, 'access_rules': [
                {'service': 'shared-file-system', 'method': method,
                 'path': path} for method, path in rules]}},
            {'X-Auth-Token': token})[1]['application_credential']
        headers, _ = self._request('POST', f'{self.url}/auth/tokens', {
            'auth': {'identity': {
                'methods': ['application_credential'],
                'application_credential': {'id': made['id'],
                                           'secret': made['secret']}}}}, {})
        return headers['X-Subject-Token']

    def revoke(self, token):
        """Declare a token invalid."""
        self._request('DELETE', f'{self.url}/auth/tokens', None, {
            'X-Auth-Token': self.token, 'X-Subject-Token': token})

    def add_user(self, user, project, role):
        """A new user, with a role in a project, which is made if it is not
        there."""
        if project not in self._projects:
            self._projects[project] = self.ask('POST', '/projects', {
                'project': {'name': project}})['project']['id']
        user_id = self.ask('POST', '/users', {'user': {
            'name': user, 'password': password_of(user)}})['user']['id']
        self._users[user] = user_id
        self.grant(user, project, role)

    def grant(self, user, project, role):
        """Give a user that :meth:`add_user` made a role (more) in a project
        that it made."""
        self.ask('PUT', f'/projects/{self._projects[project]}/users/'
                        f'{self._users[user]}/roles/{self._roles[role]}')

    def enable(self, user, enabled=True):
        """Let a user that :meth:`add_user` made sign in, or not."""
        self.ask('PATCH', f'/users/{self._users[user]}',
                 {'user': {'enabled': enabled}})

    def project_id(self, project):
        """The id of a project that :meth:`add_user` made."""
        return self._projects[project]

    def add_service(self, name, type_, url):
        """An entry in the service catalog."""
        service = self.ask('POST', '/services', {'service': {
            'name': name, 'type': type_}})['service']
        self.ask('POST', '/endpoints', {'endpoint': {
            'service_id': service['id'], 'interface': 'public',
            'region_id': REGION, 'url': url}})

    # -- what others need to use it --------------------------------------

    def sign_in_options(self, user=SERVICE_USER):
        """Make the options of keystoneauth by which a service signs in: a
        dict.

        :param user: str, who is of the project ``service``.
        """
        return {
            'auth_url': self.url,
            'auth_type': 'password',
            'username': user,
            'password': password_of(user),
            'project_name': 'service',
            'user_domain_name': 'Default',
            'project_domain_name': 'Default',
            'region_name': REGION}

    def service_options(self):
        """Options with which :class:`tests.functional.cloud.Cloud` checks
        tokens here."""
        return {f'keystone_authtoken__{name}': value for name, value in {
            **self.sign_in_options(),
            'www_authenticate_uri': self.url,
            'service_type': 'shared-file-system',
        }.items()} | {'auth_strategy': 'keystone'}

    def credentials(self, user, project):
        """Environment variables that the ``openstack`` client takes."""
        return {
            'OS_AUTH_URL': self.url,
            'OS_USERNAME': user,
            'OS_PASSWORD': password_of(user),
            'OS_PROJECT_NAME': project,
            'OS_USER_DOMAIN_ID': 'default',
            'OS_PROJECT_DOMAIN_ID': 'default',
            'OS_REGION_NAME': REGION,
            'OS_IDENTITY_API_VERSION': '3'}


def clean_environment(*more):
    """Return the environment of another project's server: no variable of tox
    or of the user's cloud is its business.

    :param more: str, names of variables that it gets, too.
    """
    kept = {name: os.environ[name]
            for name in ('PATH', 'LANG', 'TMPDIR', *more)
            if name in os.environ}
    return {**kept, 'HOME': pwd.getpwuid(os.getuid()).pw_dir}


class KeystoneCloud(fixtures.Fixture):
    """Keystone, and an API and a worker that rely on it.

    :param options: as for :class:`tests.functional.cloud.Cloud`.
    :ivar keystone: the :class:`Keystone`.
    :ivar cloud: the :class:`tests.functional.cloud.Cloud`.
    """

    def __init__(self, **options):
        self._options = options

    def _setUp(self):
        self.keystone = self.useFixture(Keystone())
        self.cloud = self.useFixture(cloud.Cloud(
            'mysql', **{**self.keystone.service_options(), **self._options}))
        self.keystone.add_service('manilav2', 'shared-file-system',
                                  f'http://127.0.0.1:{self.cloud.port}/v2')
        self.cloud.start_api()
        self.cloud.start_worker()
