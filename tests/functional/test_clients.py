# SPDX-License-Identifier: Apache-2.0
"""The clients that people have, unmodified."""

import json
import os

import bcrypt
import yaml

from tests.functional import base
from tests.functional import cloud
from tests.functional import openstack_client


class ClientTestCase(base.TestCase):
    """Runs the ``openstack`` command against a service."""

    def setUp(self):
        super().setUp()
        self.prepare()
        self.worker = self.cloud.start()

    def prepare(self):
        """Prepare what the service needs before it starts."""

    def openstack(self, *args, fails=False, **environment):
        """Run ``openstack ARGS`` as a user would.

        :returns: what it printed, from JSON where it shows or lists.
        """
        shows = not {'delete', 'set', 'unset', 'unassign', 'restore',
                     'cancel', 'download'} & set(args)
        clean = {name: value for name, value in os.environ.items()
                 if not name.startswith('OS_')}
        done = self.run_openstack(
            *args, *(['-f', 'json'] if shows else []), env={
                **clean, **self.endpoint(), **self.credentials,
                **environment})
        if bool(done.returncode) != fails:
            raise AssertionError(f'{args}: {done.stdout} {done.stderr}')
        if fails:
            return done.stderr
        return json.loads(done.stdout) if shows else done.stdout

    def run_openstack(self, *args, env):
        """Run the command with what this class has of it."""
        return openstack_client.run(*args, env=env)

    def endpoint(self):
        """The variables that lead the client to the service."""
        return {'OS_ENDPOINT': f'http://127.0.0.1:{self.cloud.port}/v2'}

    def _wait_made(self, backup):
        """Wait for it without the client, whose every start takes seconds."""
        cloud.eventually('the backup', lambda: self.cloud.rows(
            "SELECT id FROM share_backups WHERE status = 'available' "
            'AND id = :id', id=backup['id']))

    def life_cycle(self):
        """Everything that the client can do with share backups."""
        share = self.openstack('share', 'create', 'NFS', '1', '--name',
                               'data', '--wait')
        path = self.cloud.share_path(share['id'])
        made = self.fill(path, 30, 500)
        backup = self.openstack('share', 'backup', 'create', 'data',
                                '--name', 'monday')
        self.assertEqual('creating', backup['status'])
        self._wait_made(backup)
        self.assertEqual('available', self.openstack(
            'share', 'backup', 'show', 'monday')['status'])
        listed = self.openstack('share', 'backup', 'list', '--detail',
                                '--share', 'data')
        self.assertEqual([(backup['id'], 'monday', '100')],
                         [(each['ID'], each['Name'], each['Progress'])
                          for each in listed])
        self.openstack('share', 'backup', 'set', 'monday', '--name',
                       'tuesday', '--description', 'changed')
        shown = self.openstack('share', 'backup', 'show', backup['id'])
        self.assertEqual(('tuesday', 'changed'),
                         (shown['name'], shown['description']))
        for name in list(made)[:10]:
            os.unlink(os.path.join(path, name))
        self.openstack('share', 'backup', 'restore', 'tuesday', '--wait')
        self.assertEqual(made, self.content(path))
        self.openstack('share', 'backup', 'delete', 'tuesday', '--wait')
        self.assertEqual([], self.openstack('share', 'backup', 'list'))
        self.openstack('share', 'delete', 'data', '--wait')


class NoAuth(ClientTestCase):

    credentials = {'OS_AUTH_TYPE': 'none'}

    def test_life_cycle(self):
        self.life_cycle()

    def test_adopt_and_restore_to_another_share(self):
        path = os.path.join(self.cloud.root, 'existing')
        os.mkdir(path)
        made = self.fill(path, 5, 500)
        self.openstack('share', 'adopt', 'here@local#local', 'NFS', path,
                       '--name', 'adopted', '--wait')
        self.openstack('share', 'create', 'NFS', '1', '--name', 'other',
                       '--wait')
        backup = self.openstack('share', 'backup', 'create', 'adopted',
                                '--name', 'b')
        self._wait_made(backup)
        self.openstack('share', 'backup', 'restore', 'b', '--target-share',
                       'other', '--wait')
        other = self.openstack('share', 'show', 'other')
        self.assertEqual(made, self.content(
            self.cloud.share_path(other['id'])))


class HTTPBasic(ClientTestCase):

    credentials = {'OS_AUTH_TYPE': 'http_basic', 'OS_USERNAME': 'alice',
                   'OS_PASSWORD': 'secret of alice'}

    def setUp(self):
        # The cloud's fixture makes the directory that these lie in.
        self.options = {'auth_strategy': 'http_basic',
                        'http_basic__user_file': '$state_path/htpasswd',
                        'http_basic__role_file': '$state_path/roles.yaml'}
        super(ClientTestCase, self).setUp()
        people = {'alice': ['member', 'reader'], 'root': ['admin']}
        with open(os.path.join(self.cloud.state, 'htpasswd'), 'w') as file:
            for name in people:
                digest = bcrypt.hashpw(f'secret of {name}'.encode(),
                                       bcrypt.gensalt(4))
                file.write(f'{name}:{digest.decode()}\n')
        with open(os.path.join(self.cloud.state, 'roles.yaml'),
                  'w') as file:
            yaml.safe_dump({name: {'project': 'p1', 'roles': roles}
                            for name, roles in people.items()}, file)
        self.cloud.start()

    def test_life_cycle(self):
        self.life_cycle()

    def test_wrong_password_and_missing_role(self):
        self.assertIn('401', self.openstack(
            'share', 'backup', 'list', fails=True, OS_PASSWORD='guess'))
        share = self.openstack('share', 'create', 'NFS', '1', '--wait')
        backup = self.openstack('share', 'backup', 'create', share['id'])
        reset = ('share', 'backup', 'set', backup['id'], '--status',
                 'available')
        self.assertIn('403', self.openstack(*reset, fails=True))
        self.openstack(*reset, OS_USERNAME='root',
                       OS_PASSWORD='secret of root')
