# SPDX-License-Identifier: Apache-2.0
"""The API as a whole, on SQLite and with the real admission; only the
drivers' options and the workers' work are stood in for."""

import json
import logging
import os

import fixtures
from oslotest import base
import sqlalchemy as sa
import webob

from manila_backup.api import app
from manila_backup.api import handlers
from manila_backup.api import openapi
from manila_backup.bus import questions
from manila_backup.bus import rpc
from manila_backup.bus import version_cap
from manila_backup import conf as config
from manila_backup.db import engine
from manila_backup.db import models
from manila_backup.db import schema
from manila_backup.requests import admission
from manila_backup import states
import tests
from tests.unit.api import described
from tests.unit import template

LATEST = '2.91'

#: Tokens of ``auth_strategy = noauth``.
ADMIN = 'admin:admin'
MEMBER = 'demo:p1'
READER = 'reader:p1'
OTHER = 'eve:p2'


class Driver:
    """A driver, as far as admission knows one."""

    OPTIONS = {}
    RESTORES_PATHS = True


class PickyDriver:
    """A driver with an option."""

    OPTIONS = {'level': {'type': 'string', 'enum': ['1', '2']}}
    RESTORES_PATHS = True


def make_conf(folder, text='', **options):
    """A configuration for tests.

    :param text: str, what the configuration file holds.

    :param folder: str, a directory for whatever the service keeps.
    :param options: other values; of options in a group as GROUP__OPTION.
    """
    path = os.path.join(folder, 'manila-backup.conf')
    if not os.path.exists(path):
        with open(path, 'w') as file:
            file.write(text)
    conf = config.load(['--config-file', path], 'manila-backup-api')
    values = {
        'state_path': folder, 'host': 'here', 'auth_strategy': 'noauth',
        'noauth__allow_manage': True,
        'database__connection': f'sqlite:///{folder}/db.sqlite', **options}
    for name, value in values.items():
        group, separator, option = name.rpartition('__')
        conf.set_override(option, value,
                          group=group if separator else None)
    return conf


_answers = {}


def _described(conf):
    """Return the answers that a service so configured describes: to make them
    takes as long as to make all else of it."""
    table = handlers.routes(conf)
    # Tests may have routes of their own.
    known, found = _answers.get(conf.auth_strategy, (None, None))
    if known != table:
        found = described.Answers(openapi.document(table, conf.auth_strategy))
        _answers[conf.auth_strategy] = table, found
    return found


class Api(fixtures.Fixture):
    """The application, with a database of its own.

    :param options: as of :func:`make_conf`.
    """

    def __init__(self, **options):
        self.options = options

    def _setUp(self):
        self.folder = self.useFixture(
            fixtures.TempDir(rootdir=tests.FOLDER)).path
        template.put(f'{self.folder}/db.sqlite')
        self.conf = conf = make_conf(self.folder, **self.options)
        rpc.get_transport(conf)
        conf.set_override('transport_url', 'fake://')
        self.database = engine.Database(conf)
        self.addCleanup(self.database.dispose)
        # A server's may have no tables yet.
        make = (schema.sync if 'database__connection' in self.options
                else schema.fill)
        make(self.database, conf)
        transport = rpc.get_transport(conf)
        self.addCleanup(transport.cleanup)
        self.admission = admission.Admission(
            conf, self.database,
            rpc.Caller(transport,
                       version_cap.VersionCap(conf, self.database)),
            {'posix': Driver(), 'picky': PickyDriver()},
            asker=questions.Asker(conf, transport, self.database))
        self.addCleanup(self.admission.close)
        self.app = app.build(conf, self.database, self.admission)
        self.described = _described(conf)

    def work(self):
        """Stand in for a worker that does all there is to do."""
        for statement in self._work():
            with self.database.writer() as conn:
                conn.execute(statement)

    @staticmethod
    def _work():
        yield sa.update(models.operations).values(
            live=None, status=str(states.Operation.DONE))
        for table in (models.share_backups, models.snapshots, models.shares):
            yield sa.delete(table).where(table.c.status == 'deleting')
            # Each is a transaction, or it would lock rows in no order.
            yield sa.update(table).where(table.c.status.in_((
                'creating', 'manage_starting', 'backup_creating', 'restoring',
                'backup_restoring'))).values(status='available')

    def set(self, table, id_, **values):
        """Change a row behind the API's back."""
        with self.database.writer() as conn:
            conn.execute(sa.update(table).where(table.c.id == id_)
                         .values(**values))


class ApiTest(base.BaseTestCase):
    """A test of the API.

    :cvar OPTIONS: as of :func:`make_conf`.
    """

    OPTIONS = {}

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.FakeLogger(level=logging.INFO))
        self.api = self.useFixture(Api(**self.OPTIONS))

    def call(self, method, path, body=None, token=MEMBER, version=LATEST,
             headers=None, raw=None, code=None):
        """Send a request.

        :param path: str, from the root on.
        :param body: to be encoded as JSON; None for no body.
        :param raw: bytes, a body as it is.
        :param code: int, what the answer must be; whatever it is, it must
            be as the API's description says.
        :returns: the ``webob.Response``.
        """
        sent = {} if token is None else {'X-Auth-Token': token}
        if version is not None:
            sent['X-OpenStack-Manila-API-Version'] = version
        if body is not None:
            raw = json.dumps(body).encode()
        if raw is not None:
            sent['Content-Type'] = 'application/json'
        sent.update(headers or {})
        sent = {name: value for name, value in sent.items()
                if value is not None}
        request = webob.Request.blank(path, method=method, headers=sent)
        if raw is not None:
            request.body = raw
            if 'Content-Type' not in sent:
                request.environ.pop('CONTENT_TYPE', None)
        response = request.get_response(self.api.app)
        self.assertIn('x-openstack-request-id', response.headers)
        self.assertEqual(response.headers['x-openstack-request-id'],
                         response.headers['x-compute-request-id'])
        if code is not None:
            self.assertEqual(code, response.status_code, response.text)
        if method != 'HEAD':
            is_json = response.content_type == 'application/json'
            self.api.described.check(
                method, request.environ['PATH_INFO'], response.status_code,
                response.content_type,
                response.json if is_json else response.text)
        return response

    def assert_fault(self, response, code, key, *words):
        """The answer is a fault of this code, which mentions the words."""
        self.assertEqual(code, response.status_code, response.text)
        self.assertEqual([key], list(response.json))
        self.assertEqual(code, response.json[key]['code'])
        for word in words:
            self.assertIn(word, response.json[key]['message'])

    def make_share(self, token=MEMBER, ready=True, **values):
        """A share's id."""
        body = {'share': {'size': 1, 'share_proto': 'nfs', **values}}
        share = self.call('POST', '/v2/shares', body, token,
                          code=200).json['share']
        if ready:
            self.api.work()
        return share['id']

    def make_backup(self, share_id=None, token=MEMBER, ready=True, **values):
        """A backup's id."""
        if share_id is None:
            share_id = self.make_share(token)
        body = {'share_backup': {'share_id': share_id, **values}}
        backup = self.call('POST', '/v2/share-backups', body, token,
                           code=202).json['share_backup']
        if ready:
            self.api.work()
        return backup['id']
