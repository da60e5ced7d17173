# SPDX-License-Identifier: Apache-2.0
"""The Manila that "make manila" installs, as a peer of benchmarks.

Callers are believed, whatever they say that they are: that takes less time
than what any service would do about it.
"""

import contextlib
import datetime
import importlib.metadata
import json
import os
import subprocess
import sys
import urllib.request
import uuid

import fixtures
import sqlalchemy as sa

from benchmarks import serving
from tests.functional import cloud
from tests.functional import databases
from tests.functional import rabbit
from tests.manila import processes

NAME = 'Manila'
PROJECT = 'bench'

#: Without the second, its backups are hidden.
HEADERS = (f'X-Auth-Token: demo:{PROJECT}',
           'X-OpenStack-Manila-API-Version: 2.91',
           'X-OpenStack-Manila-API-Experimental: True')

#: What makes backups.
DATA = 'manila-data'

_BATCH = 1000


def there():
    """Tell whether it is installed."""
    return os.path.exists(os.path.join(processes.VENV, 'bin', 'manila-api'))


def version():
    """Return the version of it, as a string."""
    found, = importlib.metadata.distributions(name='manila', path=[
        os.path.join(processes.VENV, 'lib', name, 'site-packages')
        for name in os.listdir(os.path.join(processes.VENV, 'lib'))])
    return found.version


def configure(folder, database, **groups):
    """Write its configuration.

    :param groups: what else is in it, as of
        :func:`tests.manila.processes.configure`.
    :returns: str, the file.
    """
    path = os.path.join(folder, 'manila.conf')
    defaults = {
        'auth_strategy': 'noauthv2',
        'transport_url': 'fake://',
        'state_path': folder,
        'host': 'here',
        'api_paste_config': os.path.join(processes.VENV, 'etc', 'manila',
                                         'api-paste.ini'),
        **groups.pop('DEFAULT', {})}
    processes.configure(path, {
        'DEFAULT': defaults,
        'database': {'connection': database},
        'coordination': {'backend_url': f'file://{folder}'},
        'oslo_concurrency': {'lock_path': os.path.join(folder, 'locks')},
        **groups})
    return path


class Api:
    """Its API's database with backups in it; a context manager.

    :param server: str, the URL of a MariaDB server.
    :param folder: str, for its configuration.
    """

    def __init__(self, server, folder):
        self._own = serving.OwnDatabase(server)
        self._folder = folder

    def __enter__(self):
        self._url = self._own.__enter__()
        try:
            self._config = configure(self._folder, self._url)
            processes.manage(self._config, 'db', 'sync')
        except BaseException:
            self._own.__exit__()
            raise
        return self

    def __exit__(self, *exc_info):
        self._own.__exit__()

    def serve(self):
        """Return a :class:`~.serving.Server` of it."""
        return serving.Server(
            self._folder, 'manila.wsgi.api:application',
            virtualenv=processes.VENV,
            arguments=f'--config-file {self._config}')

    def fill(self, count, shares):
        """Make backups.

        :param count: int, of them.
        :param shares: int, of as many shares.
        :returns: (id of one of them, id of its share).
        """
        database = sa.create_engine(self._url)
        tables = sa.MetaData()
        tables.reflect(database, only=[
            'availability_zones', 'shares', 'share_instances',
            'share_backups'])
        start = datetime.datetime(2026, 1, 1)
        common = {'deleted': 'False', 'created_at': start}
        zone, ids = str(uuid.uuid4()), [str(uuid.uuid4())
                                        for _ in range(shares)]
        whose = {'project_id': PROJECT, 'user_id': 'demo'}
        rows = {
            'availability_zones': [{'id': zone, 'name': 'nova', **common}],
            'shares': [{
                'id': each, 'display_name': f'share-{number}', 'size': 1,
                'share_proto': 'NFS', **whose, **common}
                for number, each in enumerate(ids)],
            'share_instances': [{
                'id': str(uuid.uuid4()), 'share_id': each, 'host': 'here',
                'status': 'available', 'availability_zone_id': zone,
                'cast_rules_to_readonly': False, **common}
                for each in ids],
            'share_backups': [{
                'id': str(uuid.uuid4()), 'share_id': ids[number % shares],
                'size': 1, 'host': 'here', 'topic': 'manila-data',
                'display_name': f'backup-{number:06}',
                'display_description':
                    f'The backup number {number} of a benchmark.',
                'progress': '100', 'restore_progress': '0',
                'status': 'available', 'availability_zone_id': zone,
                **whose, **common,
                'created_at': start + datetime.timedelta(seconds=number)}
                for number in range(count)]}
        for name, values in rows.items():
            for first in range(0, len(values), _BATCH):
                with database.begin() as conn:
                    conn.execute(sa.insert(tables.tables[name]),
                                 values[first:first + _BATCH])
        with database.begin() as conn:
            conn.exec_driver_sql('ANALYZE TABLE share_backups, shares')
        database.dispose()
        last = rows['share_backups'][-1]
        return last['id'], last['share_id']


class Service(fixtures.Fixture):
    """All of it, with a share driver whose shares are directories, and the
    NFS backup driver, which mounts them and the repository as bind mounts.

    :ivar port: int, of its API.
    :ivar services: the :class:`tests.manila.processes.Services`.
    """

    def _setUp(self):
        self._root = self.useFixture(fixtures.TempDir(
            rootdir=cloud.FOLDER)).path
        for name in ('repository', 'mounts'):
            os.mkdir(os.path.join(self._root, name))
        self.addCleanup(self._unmount)
        self.port = cloud.free_port()
        self.services = self.useFixture(processes.Services(
            self._configure(), self.port))
        self.services.start(DATA)
        cloud.eventually("Manila's services", self._at_work, pause=0.2)

    def _unmount(self):
        """Unmount what a data service that was killed has left mounted."""
        mounts = os.path.join(self._root, 'mounts')
        for name in os.listdir(mounts):
            subprocess.run(['umount', os.path.join(mounts, name)])

    def _configure(self):
        mounts = os.path.join(self._root, 'mounts')
        script = os.path.join(processes.HERE, 'mount_share.py')
        return configure(
            self._root, self.useFixture(databases.Schema('mysql')).url,
            DEFAULT={
                'transport_url': self.useFixture(rabbit.VirtualHost()).url,
                'default_share_type': 'plain',
                'enabled_share_backends': 'directories',
                'enabled_share_protocols': 'NFS',
                'report_interval': 1,
                'periodic_interval': 2,
                'periodic_fuzzy_delay': 0,
                'data_node_access_ips': '127.0.0.1',
                'backup_share_mount_template':
                    f'{sys.executable} -I {script} mount {self._root} '
                    '%(export)s rw,%(options)s %(path)s',
                'backup_mount_template': 'mount --bind %(export)s %(path)s',
                'backup_mount_export': os.path.join(self._root,
                                                    'repository'),
                'mount_tmp_location': mounts,
                'backup_mount_tmp_location': mounts},
            quota=dict.fromkeys(('shares', 'gigabytes', 'backups',
                                 'backup_gigabytes'), -1),
            directories={
                'share_driver': 'directory_driver.DirectoryDriver',
                'share_backend_name': 'directories',
                'driver_handles_share_servers': False,
                'directory_root': self._root,
                'dummy_driver_default_driver_method_delay': 0,
                'dummy_driver_driver_methods_delays': 'do_setup:0'})

    def _at_work(self):
        self.services.check()
        with contextlib.suppress(OSError, KeyError):
            found = self._ask('/services')['services']
            pools = self._ask('/scheduler-stats/pools')['pools']
            if pools and {each['binary'] for each in found
                          if each['state'] == 'up'} >= {
                              'manila-scheduler', 'manila-share', DATA}:
                self._ask('/types', {'share_type': {
                    'name': 'plain', 'extra_specs': {
                        'driver_handles_share_servers': False}}})
                return True
        return False

    def _ask(self, path, body=None):
        headers = dict(each.split(': ') for each in HEADERS)
        request = urllib.request.Request(
            f'http://127.0.0.1:{self.port}/v2{path}',
            data=None if body is None else json.dumps(body).encode(),
            headers={**headers, 'Content-Type': 'application/json'})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def share_path(self, share_id):
        """Return the path of a share's content."""
        return os.path.join(self._root, 'shares', share_id)
