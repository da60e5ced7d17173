# SPDX-License-Identifier: Apache-2.0
"""Processes of the service that functional tests start are watched for the
order in which they lock rows: on each server, and so that the test fails."""

import os
import stat
import sys

import testtools

from tests.functional import cloud
from tests import lock_order

_WRONG = '''#!{python}
import sys

from manila_backup import conf as config
from manila_backup.db import engine
from manila_backup.db import models
from manila_backup.db import rows

conf = config.load(sys.argv[1:], 'test')
database = engine.Database(conf)


def write(conn):
    for id_ in 'a', 'b':
        rows.insert(conn, models.shares, id=id_, project_id='p', source='x',
                    size=1, share_proto='NFS', status='available')


def lock(conn):
    for id_ in {order}:
        assert rows.get(conn, models.shares, id_, lock=True)


database.write(write)
database.write(lock)
'''


class LockOrderMySQL(testtools.TestCase):

    server = 'mysql'

    def _run(self, order):
        """Start a process that locks two rows.

        :returns: what the end of the cloud finds.
        """
        service = cloud.Cloud(self.server)
        service.setUp()
        path = os.path.join(service.root, 'manila-backup-locks')
        with open(path, 'w') as file:
            file.write(_WRONG.format(python=sys.executable, order=order))
        os.chmod(path, stat.S_IRWXU)
        process = service._start(path, ['--config-file', service.config])
        try:
            process.wait()
            return process.said()
        finally:
            service.processes.remove(process)
            service.cleanUp()

    def test_is_watched(self):
        self.assertIn(f'{lock_order.MARK} shares a is locked after shares b',
                      self._run(('b', 'a')))
        self.assertEqual('', self._run(('a', 'b')))


class LockOrderPostgreSQL(LockOrderMySQL):
    server = 'postgresql'
