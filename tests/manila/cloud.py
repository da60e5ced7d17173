# SPDX-License-Identifier: Apache-2.0
"""A real Manila for a test, with a real Keystone, and this service beside
it."""

import atexit
import contextlib
import functools
import json
import os
import sys
import urllib.error
import urllib.request

import fixtures

from tests.functional import cloud
from tests.functional import databases
from tests.functional import keystone
from tests.functional import openstack_client
from tests.functional import rabbit
from tests.manila import processes
from tests.manila import proxy

#: Members of a project of the same name.
USERS = ('alice', 'bob')

#: The version of the API that the tests speak.
VERSION = '2.85'

#: Name of a share type to what it can do beside being written to.
TYPES = {
    'plain': {},
    'mountable': {'snapshot_support': True, 'mount_snapshot_support': True},
    'copyable': {'snapshot_support': True,
                 'create_share_from_snapshot_support': True},
}


class Manila(fixtures.Fixture):
    """Keystone and Manila, with two projects and a member of each, the
    service's user, and share types. The user ``rita`` may only read what is
    of bob's project.

    :ivar keystone: the :class:`tests.functional.keystone.Keystone`.
    :ivar services: the :class:`tests.manila.processes.Services`.
    :ivar url: str, Manila's API, with ``/v2``.
    :ivar bus: str, a ``transport_url``.
    :ivar root: str, the directory of the share driver.
    :ivar proxy_port: int, where the service catalog says that Manila is.
    """

    def _setUp(self):
        self._tokens = {}
        self.keystone = self.useFixture(keystone.Keystone())
        for user in USERS:
            self.keystone.add_user(user, user, 'member')
        self.keystone.add_user('rita', 'bob', 'reader')
        self.keystone.add_user('manila', 'service', 'service')
        # Other projects' shares are the administrators'; it is as a service
        # that it locks them.
        self.keystone.grant(keystone.SERVICE_USER, 'service', 'admin')
        self.root = self.useFixture(fixtures.TempDir(
            rootdir=cloud.FOLDER)).path
        self.port = cloud.free_port()
        self.url = f'http://127.0.0.1:{self.port}/v2'
        self.proxy_port = cloud.free_port()
        self.keystone.add_service('manilav2', 'shared-file-system',
                                  f'http://127.0.0.1:{self.proxy_port}/v2')
        self.services = self.useFixture(processes.Services(
            self._configure(), self.port))
        cloud.eventually("Manila's services", self._at_work, pause=0.2)
        for name, specs in TYPES.items():
            self._add_type(name, specs)

    def _configure(self):
        database = self.useFixture(databases.Schema('mysql')).url
        self.bus = self.useFixture(rabbit.VirtualHost()).url
        state = os.path.join(self.root, 'manila')
        os.mkdir(state)
        path = os.path.join(self.root, 'manila.conf')
        paste = os.path.join(processes.VENV, 'etc', 'manila',
                             'api-paste.ini')
        processes.configure(path, {
            'DEFAULT': {
                'auth_strategy': 'keystone',
                'transport_url': self.bus,
                'state_path': state,
                'host': 'here',
                'api_paste_config': paste,
                'default_share_type': 'plain',
                'enabled_share_backends': 'directories',
                'enabled_share_protocols': 'NFS,CEPHFS',
                # It takes work only from where a service reports itself.
                'report_interval': 1,
                'periodic_interval': 2,
                'periodic_fuzzy_delay': 0},
            # All tests together make more than a project may have.
            'quota': {'shares': -1, 'gigabytes': -1, 'snapshots': -1,
                      'snapshot_gigabytes': -1},
            'database': {'connection': database},
            'coordination': {'backend_url': f'file://{state}'},
            'oslo_middleware': {'enable_proxy_headers_parsing': True},
            'oslo_concurrency': {'lock_path': os.path.join(state, 'locks')},
            'keystone_authtoken': {
                **self.keystone.sign_in_options('manila'),
                'www_authenticate_uri': self.keystone.url},
            'directories': {
                'share_driver': 'directory_driver.DirectoryDriver',
                'share_backend_name': 'directories',
                'driver_handles_share_servers': False,
                'directory_root': self.root,
                'dummy_driver_default_driver_method_delay': 0,
                'dummy_driver_driver_methods_delays': 'do_setup:0'}})
        return path

    def _at_work(self):
        self.services.check()
        with contextlib.suppress(OSError, KeyError):
            found = self.request('GET', '/services')['services']
            pools = self.request('GET', '/scheduler-stats/pools')['pools']
            return pools and {each['binary'] for each in found
                              if each['state'] == 'up'} >= {
                'manila-scheduler', 'manila-share'}

    def _add_type(self, name, specs):
        self.request('POST', '/types', {'share_type': {
            'name': name, 'extra_specs': {
                'driver_handles_share_servers': False, **specs}}})

    # -- its API ---------------------------------------------------------

    def request(self, method, path, body=None, user='admin'):
        """A request to Manila that must succeed.

        :param path: str, below ``/v2``.
        :param user: str, whose project has the same name.
        :returns: the body of the answer, or None.
        """
        request = urllib.request.Request(
            f'{self.url}{path}', method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={'X-Auth-Token': self.token(user),
                     'Content-Type': 'application/json',
                     'X-OpenStack-Manila-API-Version': VERSION})
        with urllib.request.urlopen(request, timeout=cloud.PATIENCE) as found:
            text = found.read()
        return json.loads(text) if text else None

    def token(self, user):
        """A token of a user for the project of the same name."""
        if user not in self._tokens:
            self._tokens[user] = self.keystone.sign_in(user, user)
        return self._tokens[user]

    @contextlib.contextmanager
    def without(self, user):
        """Context in which a user can't sign in, and no token of theirs
        holds."""
        self.keystone.revoke(self._tokens.pop(user))
        self.keystone.enable(user, False)
        try:
            yield
        finally:
            self.keystone.enable(user)

    def create_share(self, user='alice', share_type='plain', size=1,
                     protocol='NFS'):
        """A new share that is available; its dict."""
        share = self.request('POST', '/shares', {'share': {
            'share_proto': protocol, 'size': size,
            'share_type': share_type}}, user)['share']
        return self.wait('shares', share['id'], 'available')

    def show(self, kind, name, user='admin'):
        """A share's or snapshot's dict, or None.

        :param kind: 'shares' or 'snapshots'.
        """
        try:
            found, = self.request('GET', f'/{kind}/{name}',
                                  user=user).values()
        except urllib.error.HTTPError as exc:
            with exc:
                if exc.code != 404:
                    raise
            return None
        return found

    def wait(self, kind, name, status):
        """Wait until a share or a snapshot has a status (None: until it is
        gone).

        :returns: its dict.
        """
        def check():
            found = self.show(kind, name)
            if found is None:
                return status is None
            if found['status'] != status and 'error' in found['status']:
                raise AssertionError(f'{kind} {name}: {found["status"]}')
            return found['status'] == status and found

        return cloud.eventually(f'{kind} {name} {status}', check)

    def allow(self, share_id, to='127.0.0.1', level='rw', user='alice'):
        """A new access rule that is active; its id."""
        rule = self.request(
            'POST', f'/shares/{share_id}/action',
            {'allow_access': {'access_type': 'ip', 'access_to': to,
                              'access_level': level}}, user)['access']
        cloud.eventually('the access rule', lambda: [
            each for each in self.rules(share_id)
            if each['id'] == rule['id'] and each['state'] == 'active'])
        return rule['id']

    def rules(self, share_id):
        """The access rules of a share, as dicts."""
        return self.request('GET', f'/share-access-rules?share_id={share_id}'
                            )['access_list']

    def locks(self):
        """The resource locks of all projects, as dicts."""
        return self.request('GET', '/resource-locks?all_projects=1'
                            )['resource_locks']

    def list(self, kind):
        """The ids of all projects' shares or snapshots.

        :param kind: 'shares' or 'snapshots'.
        """
        found, = self.request('GET', f'/{kind}?all_tenants=1').values()
        return {each['id'] for each in found}

    # -- what is behind it -----------------------------------------------

    def share_path(self, share_id):
        """Return the path of a share's content."""
        return os.path.join(self.root, 'shares', share_id)

    def granted(self, name):
        """The access rules of a share or a snapshot as the share driver got
        them last: a list of dict of ``type``, ``to`` and ``level``."""
        path = os.path.join(self.root, 'access', f'{name}.json')
        if not os.path.exists(path):
            return []
        with open(path) as file:
            return json.load(file)

    def mounts(self):
        """Return the notes of ``mount_share.py``, as dicts."""
        path = os.path.join(self.root, 'mounts.log')
        if not os.path.exists(path):
            return []
        with open(path) as file:
            return [json.loads(line) for line in file]

    @contextlib.contextmanager
    def gate(self):
        """Lets nobody mount inside of it.

        :returns: context manager of a callable, which waits until somebody
            is about to.
        """
        path = os.path.join(self.root, 'gate')
        before = len(self.mounts())

        def reached():
            cloud.eventually('somebody who mounts', lambda: any(
                each['action'] == 'wait'
                for each in self.mounts()[before:]))

        with open(path, 'w'):
            pass
        try:
            yield reached
        finally:
            os.remove(path)


@functools.cache
def shared():
    """The :class:`Manila` of this process, which ends with it.

    Starting one takes longer than most tests. Who changes more of it than
    what is of a share makes another.
    """
    manila = Manila()
    manila.setUp()
    atexit.register(manila.cleanUp)
    return manila


class Service(fixtures.Fixture):
    """This service beside a Manila, and the proxy before both.

    :param manila: the :class:`Manila`.
    :param options: as for :class:`tests.functional.cloud.Cloud`.
    :ivar cloud: the :class:`tests.functional.cloud.Cloud`.
    :ivar proxy: the :class:`tests.manila.proxy.Proxy`.
    :ivar url: str, what the service catalog says, with ``/v2``.
    """

    def __init__(self, manila, **options):
        self._manila = manila
        self._options = options

    def _setUp(self):
        script = os.path.join(processes.HERE, 'mount_share.py')
        command = f'{sys.executable} -I {script}'
        root = self._manila.root
        keystone_ = self._manila.keystone
        self.cloud = self.useFixture(cloud.Cloud('mysql', **{
            **keystone_.service_options(),
            # Where messages of tests beside these don't come.
            'transport_url': self._manila.bus,
            'shares__source': 'manila',
            'oslo_middleware__enable_proxy_headers_parsing': True,
            **{f'manila_shares__{name}': value for name, value in {
                **keystone_.sign_in_options(),
                'access_type': 'ip',
                'access_to': '127.0.0.1',
                'mount_template':
                    f'{command} mount {root} {{export}} {{options}} {{path}}',
                'unmount_template': f'{command} unmount {root} {{path}}',
            }.items()},
            **self._options}))
        self.proxy = self.useFixture(proxy.Proxy(
            self._manila.port, self.cloud.port, self._manila.proxy_port))
        self.url = self.proxy.url
        self.cloud.start()

    def openstack(self, *args, **kwargs):
        """Run the command ``openstack``.

        :param kwargs: as of :meth:`try_openstack`.
        :returns: what it printed, from JSON, or None if that was nothing.
        """
        done = self.try_openstack(*args, **kwargs)
        if done.returncode:
            raise AssertionError(f'openstack {args}: {done.stderr}')
        return json.loads(done.stdout) if done.stdout else None

    def try_openstack(self, *args, user='alice', project=None, **kwargs):
        """Run the command ``openstack``, whatever comes of it.

        :param kwargs: ``path`` and ``modules``, as of
            :func:`tests.functional.openstack_client.run`.
        :returns: a ``subprocess.CompletedProcess``.
        """
        return openstack_client.run(*args, env={
            'PATH': os.environ['PATH'], 'HOME': self.cloud.root,
            **self._manila.keystone.credentials(user, project or user)},
            **kwargs)
