# SPDX-License-Identifier: Apache-2.0
"""The real admission and claims on SQLite; only the bus is stood in for."""

import os

import fixtures
from oslotest import base

from manila_backup import conf as config
from manila_backup import context
from manila_backup.db import backups as db_backups
from manila_backup.db import engine
from manila_backup.db import models
from manila_backup.db import operations as db_operations
from manila_backup.db import queue as db_queue
from manila_backup.db import schema
from manila_backup.db import shares as db_shares
from manila_backup.requests import admission
from manila_backup import states
import tests
from tests import statuses
from tests.unit import template


class Bus:
    """Notes the wake-up calls."""

    def __init__(self):
        self.calls = []

    def queued(self, context_, operation_id, kind=None, driver=None):
        self.calls.append(('queued', operation_id))

    def queued_all(self, context_, operation_ids, kind, driver):
        self.calls += [('queued', each) for each in operation_ids]

    def cancelled(self, context_, operation_id):
        self.calls.append(('cancelled', operation_id))


class Driver:
    """A driver as far as admission knows one."""

    OPTIONS = {'speed': {'type': 'string', 'enum': ['slow', 'fast']}}
    RESTORES_PATHS = True


MEMBER = context.RequestContext(user_id='u1', project_id='p1',
                                roles=['member'], is_admin=False,
                                overwrite=False)
STRANGER = context.RequestContext(user_id='u2', project_id='p2',
                                  roles=['member'], is_admin=False,
                                  overwrite=False)
ADMIN = context.admin(user_id='root', project_id='admin')


class TestCase(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.root = self.useFixture(
            fixtures.TempDir(rootdir=tests.FOLDER)).path
        template.put(f'{self.root}/db')
        self.conf = config.load(['--config-file', os.devnull], 'test')
        for option, value, group in (
                ('state_path', self.root, None),
                ('host', 'here', None),
                ('connection', f'sqlite:///{self.root}/db', 'database')):
            self.conf.set_override(option, value, group)
        self.database = engine.Database(self.conf)
        schema.fill(self.database, self.conf)
        self.addCleanup(self.database.dispose)
        self.bus = Bus()
        self.admission = admission.Admission(
            self.conf, self.database, self.bus,
            {'first': Driver(), 'second': Driver()})

    def share(self, status=states.Share.AVAILABLE, context_=MEMBER, size=1,
              path=None, **more):
        """A share in a status; its row."""
        values = {'size': size, 'share_proto': 'NFS', **more}
        if path:
            row = self.admission.shares.manage(context_, dict(values,
                                                              path=path))
        else:
            row = self.admission.shares.create(context_, values)
        self.database.write(statuses.put, models.shares, row.id,
                            {'status': status})
        self.finish_all()
        return self.get_share(row.id)

    def finish_all(self):
        """As if every live operation had been done."""
        def write(conn):
            conn.execute(models.operations.update().values(
                status='done', live=None, lease_until=None))

        self.database.write(write)

    def get_share(self, share_id):
        return self.database.read(db_shares.get, share_id)

    def get_backup(self, backup_id):
        return self.database.read(db_backups.get, backup_id)

    def operation(self, operation_id=None):
        """The operation last put into the queue, or the one named."""
        return self.database.read(
            db_operations.get, operation_id or self.bus.calls[-1][1])

    def claim(self, worker='w1', ttl=30):
        """Claim what comes next; its row, or None."""
        for each in self.database.read(db_queue.search):
            row = self.database.write(db_queue.claim, each, worker, ttl)
            if row:
                return row
        return None
