# SPDX-License-Identifier: Apache-2.0
"""Fixtures that are in place when the gabbits begin.

There are no workers. A request with the header ``x-test-workers: done`` is
answered after whatever was waiting for a worker has been done.
"""

import datetime
import os
import shutil
import tempfile
import types

import bcrypt
from gabbi import fixture
from oslo_utils import uuidutils
import yaml

from manila_backup.api import app
from manila_backup.db import backup_metadata
from manila_backup.db import backups
from manila_backup.db import clock
from manila_backup.db import messages as db_messages
from manila_backup.db import models
from manila_backup.db import operations
from manila_backup.db import repositories
from manila_backup.db import service_hosts
from manila_backup.db import services
from manila_backup.engine import worker
from manila_backup import messages
from tests.functional import databases
from tests.unit.api import base

SAMPLES = os.path.join(
    os.path.dirname(os.path.abspath(__file__)), *3 * [os.pardir], 'etc',
    'manila-backup')

_current = []


def application():
    """The WSGI application of the fixture in use."""
    return _serve


def _serve(environ, start_response):
    api = _current[-1]
    # gabbi's own name for it is random, and noauth is not for any name.
    environ['HTTP_HOST'] = 'localhost'
    if environ.pop('HTTP_X_TEST_WORKERS', None) == 'done':
        api.work()
    return api.app(environ, start_response)


class Service(fixture.GabbiFixture):
    """A service with nothing in it but the default share type.

    The environment variables that gabbits can refer to are set by the
    fixtures that extend it.

    :cvar SERVER: the database server, as of
        :class:`tests.functional.databases.Schema`; None for SQLite.
    """

    SERVER = None

    def start_fixture(self):
        options = self.options()
        self.schema = None
        if self.SERVER:
            self.schema = databases.Schema(self.SERVER, made=True)
            self.schema.setUp()
            options['database__connection'] = self.schema.url
        self.api = base.Api(**options)
        self.api.setUp()
        _current.append(self.api)
        self.fill()

    def stop_fixture(self):
        _current.remove(self.api)
        self.api.cleanUp()
        if self.schema:
            self.schema.cleanUp()

    def options(self):
        """Configuration, as of :func:`tests.unit.api.base.make_conf`."""
        return {}

    def fill(self):
        """Put things into the service."""

    def call(self, *args, **kwargs):
        """Send a request; see :meth:`tests.unit.api.base.ApiTest.call`."""
        caller = base.ApiTest('call')
        caller.api = self.api
        return caller.call(*args, **kwargs)

    def make_share(self, variable, token=base.MEMBER, **values):
        """An available share, its id in an environment variable."""
        answer = self.call('POST', '/v2/shares', {'share': {
            'size': 1, 'share_proto': 'NFS', **values}}, token, code=200)
        self.api.work()
        os.environ[variable] = found = answer.json['share']['id']
        return found

    def make_backup(self, variable, share_id, token=base.MEMBER, **values):
        """An available backup, its id in an environment variable."""
        answer = self.call('POST', '/v2/share-backups', {'share_backup': {
            'share_id': share_id, **values}}, token, code=202)
        self.api.work()
        os.environ[variable] = found = answer.json['share_backup']['id']
        return found

    def make_policy(self, variable, token=base.MEMBER, **values):
        """A backup policy for each night, its id in an environment
        variable."""
        return self._make(variable, '', 'share_backup_policy', {
            'name': 'gold', 'rules': [
                {'name': 'nightly', 'cron': '0 2 * * *'}], **values}, token)

    def assign(self, variable, policy_id, token=base.MEMBER, **values):
        """Assign a policy to the shares of p1; the assignment's id in an
        environment variable."""
        return self._make(variable, f'/{policy_id}/assignments', 'assignment',
                          {'kind': 'project', 'target': 'p1', **values},
                          token)

    def _make(self, variable, path, name, values, token):
        answer = self.call(
            'POST', f'/v2/share-backup-policies{path}', {name: values}, token,
            headers={'OpenStack-API-Version':
                     'shared-file-system-backup 1.1'}, code=200)
        os.environ[variable] = found = answer.json[name]['id']
        return found

    def put_sample(self, name):
        """Put a sample of etc/ into force as an operator would: the files of
        policy.d beside the configuration are read."""
        folder = os.path.join(self.api.folder, 'policy.d')
        os.mkdir(folder)
        shutil.copy(os.path.join(SAMPLES, name), folder)
        self.api.app = app.build(self.api.conf, self.api.database,
                                 self.api.admission)


class Shares(Service):
    """Project p1 has the shares SHARE_ID and SHARE_ID_2 (of 1 GiB), p2 has
    OTHER_SHARE_ID."""

    def fill(self):
        self.share_id = self.make_share('SHARE_ID', name='docs')
        self.make_share('SHARE_ID_2', name='copy')
        self.other_id = self.make_share('OTHER_SHARE_ID', base.OTHER)


class Backups(Shares):
    """Of SHARE_ID there are the backups BACKUP_ID (monday, made by the
    operation OPERATION_ID, incomplete), BACKUP_ID_2 (100%, with metadata) and
    BACKUP_ID_3 (a_b, failed, of an earlier release);
    of OTHER_SHARE_ID there is OTHER_BACKUP_ID. CANCELLED_SHARE_ID has none.
    The policy POLICY_ID of p1 is about all of its shares."""

    def fill(self):
        super().fill()
        self.make_share('CANCELLED_SHARE_ID', name='short')
        made = self.make_backup('BACKUP_ID', self.share_id, name='monday',
                                description='before the change')
        row = self.api.database.read(backups.get, made)
        self.api.set(
            models.share_backups, made, result='incomplete', entries=12,
            content_bytes=5_000_000_000, stored_bytes=40_000, warning_count=3,
            missing_count=1, taken_at=datetime.datetime(2026, 1, 2, 3, 4, 5),
            point_in_time='file', status_code='incomplete', progress=100,
            completed_at=row.created_at + datetime.timedelta(seconds=90))
        operation, = self.api.database.read(operations.of_backup, made)
        os.environ['OPERATION_ID'] = operation.id
        kept = self.make_backup('BACKUP_ID_2', self.share_id, name='100%')
        self.api.database.write(backup_metadata.replace, kept,
                                {'kept': 'yes please'})
        self.api.set(models.share_backups, kept, warning_count=0,
                     progress=100)
        failed = self.make_backup('BACKUP_ID_3', self.share_id, name='a_b')
        self.api.set(models.share_backups, failed, status='error',
                     host='w1', fail_reason='The disk was full.',
                     status_code='failed', requested_by=None)
        other = self.make_backup('OTHER_BACKUP_ID', self.other_id, base.OTHER,
                                 name='secret')
        self.api.set(models.share_backups, other, warning_count=0,
                     progress=100)
        self.assign('ASSIGNMENT_ID', self.make_policy('POLICY_ID'))


class PolicyBackups(Shares):
    """The policy POLICY_ID is about those shares of p1 whose metadata has
    backup=gold: docs (SHARE_ID), copy (SHARE_ID_2) and new, which there was
    not yet the last time that something was due; free has nothing. It is due
    each day, next at NEXT_RUN after LAST_RUN, and keeps everything.

    Of docs there are BACKUP_ID_0 of the last time, BACKUP_ID_1 of the day
    before, up to BACKUP_ID_3. Of copy there are DAMAGED_ID of the last time,
    and OLD_ID of the day before. Until IN_THREE_DAYS there are three
    runs."""

    def fill(self):
        super().fill()
        gold = {'backup': 'gold'}
        self.make_share('NEW_SHARE_ID', name='new', metadata=gold)
        self.make_share('FREE_SHARE_ID', name='free')
        day = datetime.timedelta(days=1)
        now = self.api.database.read(clock.now)
        # Half a day from now nothing changes while the tests run.
        next_ = (now + day / 2).replace(minute=0, second=0, microsecond=0)
        for variable, at in ('NEXT_RUN', next_), ('LAST_RUN', next_ - day):
            os.environ[variable] = at.isoformat(timespec='microseconds')
        os.environ['IN_THREE_DAYS'] = (next_ + 2.5 * day).isoformat() + 'Z'
        policy_id = self.make_policy('POLICY_ID', rules=[
            {'name': 'daily', 'cron': f'0 {next_.hour} * * *'}])
        assigned = self.assign('ASSIGNMENT_ID', policy_id, kind='metadata',
                               target='backup=gold')
        self.api.set(models.backup_policy_assignments, assigned,
                     created_at=now - 30 * day)
        # It is as old as that itself.
        self.api.database.write(lambda conn: conn.execute(
            models.backup_policy_rules.update().values(
                begun_at=now - 30 * day)))
        for share_id in self.share_id, os.environ['SHARE_ID_2']:
            self.api.set(models.shares, share_id, properties=gold,
                         created_at=now - 30 * day)
            self.api.work()
        for variable, share_id, age, result in (
                *((f'BACKUP_ID_{age}', self.share_id, age, 'complete')
                  for age in range(4)),
                ('DAMAGED_ID', os.environ['SHARE_ID_2'], 0, 'damaged'),
                ('OLD_ID', os.environ['SHARE_ID_2'], 1, 'complete')):
            due_at = next_ - (age + 1) * day
            self.api.set(
                models.share_backups, self.make_backup(variable, share_id),
                name=f'{age} days ago', policy_id=policy_id, due_at=due_at,
                created_at=due_at, result=result, requested_by='policy')


class Messages(Service):
    """Of project p1 there are MESSAGE_ID, about a restore, and one about a
    backup that was not made, of p2 there is OTHER_MESSAGE_ID."""

    def fill(self):
        for variable, project_id, action, detail in (
                ('MESSAGE_ID', 'p1', 'RESTORE_BACKUP', 'NOTHING_RESTORED'),
                ('MESSAGE_ID_2', 'p1', 'CREATE', 'NOT_MADE'),
                ('OTHER_MESSAGE_ID', 'p2', 'CREATE', 'INCOMPLETE')):
            operation = types.SimpleNamespace(
                project_id=project_id, backup_id=uuidutils.generate_uuid(),
                request_id=f'req-of-{variable}')
            self.api.database.write(
                db_messages.add, operation, messages.Action[action],
                messages.Detail[detail], 3600)
            row, = self.api.database.read(db_messages.list_page, None, {
                'request_id': operation.request_id})
            os.environ[variable] = row.id


class Workers(Service):
    """On the host east there are two workers, of number SERVICE_ID; on west
    there was one."""

    def fill(self):
        for host, identity in (('east', 'one'), ('east', 'two'),
                               ('west', 'three')):
            self.api.conf.set_override('host', host)
            worker.beat(self.api.database, self.api.conf, worker.BINARY,
                        identity)
        self.api.database.write(services.remove, 'three')
        east, _west = self.api.database.read(service_hosts.list_all, 60)
        os.environ['SERVICE_ID'] = str(east.row.id)


class Repositories(Backups):
    """As Backups, of which two were verified and one of these is damaged.
    The host east has measured their repository and can't tell the room of
    another one, west could not measure it."""

    def fill(self):
        super().fill()
        day = datetime.timedelta(days=1)
        noon = datetime.datetime(2026, 5, 1, 12)
        for variable, verified_at, result in (
                ('BACKUP_ID', noon, 'damaged'),
                ('OTHER_BACKUP_ID', noon + day, 'sound')):
            self.api.set(models.share_backups, os.environ[variable],
                         verified_at=verified_at, verified_result=result)
        write = self.api.database.write
        write(repositories.found, 'posix', 'east', '/srv/repository',
              (3000, 1 << 64))
        write(repositories.found, 'restic', 'east', 's3:store.example/b',
              None)
        write(repositories.failed, 'posix', 'west', '/srv/repository',
              'It is not mounted.')


class SmallQuota(Shares):
    """As Shares, with room for one backup."""

    def options(self):
        return {'quota__backups': 1}


class Passwords(Service):
    """Nothing in it, and a caller has to be alice, whose password is
    secret."""

    def options(self):
        self.folder = tempfile.TemporaryDirectory()
        hashed = bcrypt.hashpw(b'secret', bcrypt.gensalt(4)).decode()
        contents = {
            'user_file': f'alice:{hashed}\n',
            'role_file': 'alice: {project: p1, roles: [member, reader]}\n'}
        options = {'auth_strategy': 'http_basic'}
        for option, content in contents.items():
            path = os.path.join(self.folder.name, option)
            with open(path, 'w') as file:
                file.write(content)
            options[f'http_basic__{option}'] = path
        return options

    def stop_fixture(self):
        super().stop_fixture()
        self.folder.cleanup()


class PublishedOnly(Backups):
    """As Backups, with the sample policy in force by which members make no
    backup policies. PUBLIC_POLICY_ID is public, and MANDATORY_ID assigns it to
    the shares of p1, which they can't remove."""

    def fill(self):
        super().fill()
        public = self.make_policy('PUBLIC_POLICY_ID', base.ADMIN,
                                  name='bronze', is_public=True)
        self.assign('MANDATORY_ID', public, base.ADMIN, project_id='p1',
                    mandatory=True)
        self.put_sample('policy-published-only.yaml')


class Operator(Backups):
    """As Backups, with the sample policy for backup operators in force. A
    caller has to be olga, a backup operator, or mia, a member of p1; the
    password of both is secret."""

    ROLES = {'olga': {'project': 'support', 'roles': ['backup-operator']},
             'mia': {'project': 'p1', 'roles': ['member']}}

    def fill(self):
        super().fill()
        self.folder = tempfile.TemporaryDirectory()
        hashed = bcrypt.hashpw(b'secret', bcrypt.gensalt(4)).decode()
        for option, content in (
                ('user_file', ''.join(f'{name}:{hashed}\n'
                                      for name in self.ROLES)),
                ('role_file', yaml.safe_dump(self.ROLES))):
            path = os.path.join(self.folder.name, option)
            with open(path, 'w') as file:
                file.write(content)
            self.api.conf.set_override(option, path, 'http_basic')
        self.api.conf.set_override('auth_strategy', 'http_basic')
        self.put_sample('policy-backup-operator.yaml')

    def stop_fixture(self):
        super().stop_fixture()
        self.folder.cleanup()


def on(server):
    """The fixtures above, on another database than SQLite.

    :param server: as of :class:`tests.functional.databases.Schema`.
    :returns: an object with their names.
    """
    return types.SimpleNamespace(**{
        each.__name__: type(each.__name__, (each,), {'SERVER': server})
        for each in (Service, Shares, Backups, PolicyBackups, Messages,
                     Workers, Repositories, SmallQuota, Passwords,
                     PublishedOnly, Operator)})
