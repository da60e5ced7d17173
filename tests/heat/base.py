# SPDX-License-Identifier: Apache-2.0
"""Common parts of the tests with Heat."""

import atexit
import json
import os
import subprocess
import uuid

import fixtures
import testtools
from testtools import content

from tests.functional import base
from tests.functional import cloud
from tests.functional import keystone

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))

#: Where ``make heat`` installs it.
VENV = os.environ.get('MANILA_BACKUP_TEST_HEAT',
                      os.path.join(ROOT, '.tools', 'heat'))

#: What asks for what Manila does not have.
EXTENDED = {'OpenStack-API-Version': 'shared-file-system 2.91, '
                                     'shared-file-system-backup 1.2'}


class Refused(Exception):
    """Refusal by Heat itself."""


class Heat(fixtures.Fixture):
    """Heat's engine, in a process of its own.

    :param auth: dict of how its user signs in, as ``engine`` takes it.
    """

    def __init__(self, auth):
        self._auth = auth

    def _setUp(self):
        python = os.path.join(VENV, 'bin', 'python')
        if not os.path.exists(python):
            raise AssertionError(f'Heat is not installed in {VENV}: "make '
                                 'heat" does it.')
        folder = self.useFixture(fixtures.TempDir(
            rootdir=cloud.FOLDER)).path
        self._log = os.path.join(folder, 'heat.log')
        with open(self._log, 'ab') as output:
            self._process = subprocess.Popen(
                # Isolated: no package of the tests' is its business.
                [python, '-I', os.path.join(ROOT, 'tests', 'heat',
                                            'engine.py')],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=output, text=True,
                env=keystone.clean_environment('PYTHONPYCACHEPREFIX'))
        self.addCleanup(self._end)
        self._send({'folder': folder, 'auth': self._auth})
        self.answer()

    def _end(self):
        self._process.stdin.close()
        self._process.wait(cloud.PATIENCE)
        self._process.stdout.close()
        self.addDetail('heat.log', content.text_content(self.said()))

    def said(self):
        """Read its log, with each request about share backups."""
        with open(self._log, errors='replace') as file:
            return file.read()

    def _send(self, asked):
        self._process.stdin.write(json.dumps(asked) + '\n')
        self._process.stdin.flush()

    def begin(self, do, **what):
        """Have it begin something; :meth:`answer` tells what comes of it."""
        self._send({'do': do, **what})

    def answer(self):
        """Wait for what was begun.

        :raises Refused: Heat would not.
        """
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f'Heat ended: {self.said()[-5000:]}')
        found = json.loads(line)
        if 'fault' in found:
            raise AssertionError(found['fault'])
        if 'refusal' in found:
            raise Refused(found['refusal'])
        return found['answer']

    def __call__(self, do, **what):
        """Do something, and return what comes of it."""
        self.begin(do, **what)
        return self.answer()


class TestCase(base.Content, testtools.TestCase):
    """A test with an engine and a project of its own, and a service that the
    tests of a class share.

    :cvar cloud: a :class:`tests.functional.cloud.Cloud`.
    :cvar tolerate: what of its logs is no fault, as it takes that.
    :ivar heat: a :class:`Heat`.
    :ivar project: str, its id.
    :ivar token: str, of the user whose stacks they are.
    """

    tolerate = None

    user = 'demo'

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.service = cls.make_service()
        cls.service.setUp()
        # A run that is interrupted does no more of a class.
        atexit.register(cls.service.cleanUp)
        cls.addClassCleanup(cls._end_service)
        cls.cloud = cls.start_service()
        cls.cloud.tolerate = cls.tolerate

    @classmethod
    def _end_service(cls):
        atexit.unregister(cls.service.cleanUp)
        cls.service.cleanUp()

    @classmethod
    def make_service(cls):
        """Make the fixture of the service."""
        return cloud.Cloud('mysql')

    @classmethod
    def start_service(cls):
        """Start what its fixture does not; returns the cloud."""
        cls.service.start()
        return cls.service

    def setUp(self):
        super().setUp()
        self.heat = self.useFixture(Heat(self.sign_in()))

    def sign_in(self):
        """Make a user; returns how Heat signs in as that."""
        self.project = f'p-{uuid.uuid4().hex[:8]}'
        self.token = f'{self.user}:{self.project}'
        return {'username': self.user, 'project_id': self.project,
                'token': self.token,
                'endpoint': f'http://127.0.0.1:{self.cloud.port}/v2'}

    # -- the service -----------------------------------------------------

    def ask(self, method, path, body=None, status=200):
        """A request by the user, with the extension."""
        return self.cloud.ask(status, method, path, body, token=self.token,
                              headers=EXTENDED)

    def create_share(self, name='documents'):
        """A share with content; its id."""
        share = self.cloud.create_share(self.token)
        self.cloud.ask(200, 'PUT', f'/shares/{share["id"]}',
                       {'share': {'display_name': name}}, token=self.token)
        self.fill(self.cloud.share_path(share['id']), 3, 1000)
        return share['id']

    def backups(self):
        """The project's backups, as dicts."""
        return self.ask('GET', '/share-backups/detail')['share_backups']

    def policies(self):
        """The project's policies, as dicts."""
        return [each for each in self.ask(
            'GET', '/share-backup-policies')['share_backup_policies']
            if each['project_id'] == self.project]

    def assignments(self, policy_id):
        """The assignments of a policy, as list of (kind, target)."""
        return sorted((each['kind'], each['target']) for each in self.ask(
            'GET', f'/share-backup-policies/{policy_id}/assignments')[
                'assignments'])

    # -- stacks ----------------------------------------------------------

    def stack(self, do, resources, name='s', status='COMPLETE', **more):
        """Create or update a stack.

        :param resources: dict of name to type's last word and properties.
        :param more: what else its template has.
        :returns: dict, as the engine tells it.
        """
        told = self.heat(do, name=name, template=json.dumps({
            'heat_template_version': '2021-04-16',
            'resources': {each: {
                'type': f'OS::ManilaBackup::{found[0]}',
                'properties': found[1]}
                for each, found in resources.items()}, **more}))
        self.assertEqual(f'{do.upper()}_{status}', told['status'], told)
        return told

    def delete(self, name='s', status='COMPLETE'):
        """Delete a stack."""
        told = self.heat('delete', name=name)
        self.assertEqual(f'DELETE_{status}', told['status'], told)
        return told
