# SPDX-License-Identifier: Apache-2.0
"""manila-backup-status upgrade check."""

import json
import os
from unittest import mock

from oslo_upgradecheck import upgradecheck

from manila_backup.bus import rpc
from manila_backup.cmd import common
from manila_backup.cmd import status
from manila_backup.db import models
from manila_backup.db import rows
from manila_backup.db import services as db_services
from manila_backup.db import sqltime
from manila_backup.engine import worker
from manila_backup import plugins
from manila_backup import private
from manila_backup import version
from tests.unit import base

RELEASE = version.string()[:32]
SUCCESS, WARNING, FAILURE = upgradecheck.Code


class UpgradeCheck(base.TestCase):

    def check(self, name):
        """One check's code and what it says."""
        checks = status.Checks(self.conf)
        self.addCleanup(lambda: checks._database
                        and checks._database.dispose())
        function, = (each for title, each in checks._upgrade_checks
                     if title == name)
        if isinstance(function, tuple):
            function, kwargs = function
            found = function(checks, **kwargs)
        else:
            found = function(checks)
        return found.code, found.details

    def assert_says(self, code, name, *texts):
        found, details = self.check(name)
        self.assertEqual(code, found, details)
        for text in texts:
            self.assertIn(text, details)

    def test_directories(self):
        self.assert_says(SUCCESS, 'Directories')
        # Each is in a directory that nobody else gets into.
        path = os.path.join(self.root, 'state')
        shares = os.path.join(path, 'shares')
        os.makedirs(shares)
        self.conf.set_override('state_path', path)
        self.assert_says(SUCCESS, 'Directories')
        with mock.patch.object(private.os.path, 'dirname',
                               lambda path: '/'):
            self.assert_says(WARNING, 'Directories', f'state_path {path}',
                             f'path {shares}')
            _, said = self.check('Directories')
            self.assertEqual(2, said.count('Other users of this host can '))
            self.assertEqual(2, said.count('chmod 700'))
            self._worker_says(said)
            self.conf.set_override('exported', True, 'local_shares')
            _, said = self.check('Directories')
            self.assertNotIn(shares, said)
            os.chmod(path, 0o700)
            self.assert_says(SUCCESS, 'Directories')

    def _worker_says(self, said):
        """At its start, and goes on all the same."""
        rpc.get_transport(self.conf)
        self.conf.set_override('transport_url', 'fake://')
        with mock.patch.object(common.LOG, 'warning') as warned:
            made = common.make_worker(self.conf, self.database,
                                      rpc.get_transport(self.conf))
        self.assertIsInstance(made, worker.Worker)
        self.assertEqual(said, ' '.join(each.args[1] for each
                                        in warned.call_args_list))

    def test_adopted_shares_that_can_be_replaced(self):
        for name, mode in (('a', 0o755), ('b', 0o775)):
            path = os.path.join(self.root, name, 'data')
            os.makedirs(path)
            os.chmod(os.path.dirname(path), mode)
            self.share(path=path)
        self.share(path='/not/there')
        self.assert_says(WARNING, 'Directories', f'{self.root}/b is above')
        _, said = self.check('Directories')
        self.assertNotIn(f'{self.root}/a', said)
        self.assertNotIn('/not/there', said)

    def worker(self, name, rpc_version=rpc.VERSION,
               release=RELEASE, host='here'):
        self.database.write(
            db_services.beat, name, 60.0, binary='x', host=host,
            topic=rpc.TOPIC,
            version=release, rpc_version=rpc_version)

    def kill(self, name):
        """As if it had died long ago."""
        self.database.write(lambda conn: conn.execute(
            models.services.update().where(
                models.services.c.identity == name).values(
                    last_seen=sqltime.utc_in(-1000))))

    def at(self, number):
        with self.database.engine.begin() as conn:
            conn.exec_driver_sql(
                f"UPDATE alembic_version SET version_num = '{number}'")

    def test_schema(self):
        self.assert_says(SUCCESS, 'Database schema')
        self.at('0999')
        self.assert_says(WARNING, 'Database schema', '0999', 'newer')
        self.at('0001')
        self.assert_says(FAILURE, 'Database schema', 'db sync')
        for name in ('Repositories', 'Workers', 'Version of messages',
                     'Operations'):
            self.assert_says(WARNING, name, 'Not checked',
                             'Database schema')

    def test_statuses(self):
        self.assert_says(SUCCESS, 'Statuses')
        share = self.share()
        with self.database.engine.begin() as conn:
            # As if it had been there before the database refused it.
            conn.exec_driver_sql('PRAGMA ignore_check_constraints = ON')
            conn.exec_driver_sql("UPDATE shares SET status = 'lost'")
            conn.exec_driver_sql('PRAGMA ignore_check_constraints = OFF')
        self.assert_says(WARNING, 'Statuses',
                         f"shares {share.id} is 'lost'")

    def test_workers(self):
        self.assert_says(SUCCESS, 'Workers', '0 up')
        self.worker('a')
        self.assert_says(SUCCESS, 'Workers', '1 up, all of this release')
        self.worker('b', '1.0', '0.0.1', 'there')
        self.worker('c', None, '0.0.1', 'there')
        self.assert_says(
            WARNING, 'Workers', 'Of another release than this one',
            '2 workers of 0.0.1 (messages 1.0) on there')
        for name in 'bc':
            self.kill(name)
        self.assert_says(WARNING, 'Workers', 'No heartbeat for more than 60 s'
                         ': 2 workers of 0.0.1', 'db purge')
        self.worker('d', '2.0', '9.0')
        self.assert_says(FAILURE, 'Workers', '1 worker of 9.0 (messages 2.0)')

    def test_pin(self):
        name = 'Version of messages'
        self.assert_says(SUCCESS, name, 'auto')
        self.conf.set_override('worker', '1.0', 'upgrade_levels')
        self.worker('old', '1.0', '0.0.1')
        self.worker('new')
        self.assert_says(SUCCESS, name, '1.0, for 1 worker of 0.0.1')
        self.conf.set_override('worker', rpc.VERSION, 'upgrade_levels')
        self.assert_says(WARNING, name, 'too new for 1 worker of 0.0.1')
        self.kill('old')
        for pinned in ('1.0', rpc.VERSION):
            self.conf.set_override('worker', pinned, 'upgrade_levels')
            self.assert_says(WARNING, name, f'worker is {pinned}',
                             'remove it')
        self.conf.set_override('worker', '2.0', 'upgrade_levels')
        self.assert_says(FAILURE, name, 'sends none')

    def test_repositories(self):
        name = 'Repositories'
        # To be made by the first worker that starts.
        self.assert_says(SUCCESS, name)
        self.backup()
        self.assert_says(WARNING, name, 'posix: ', 'repository')
        driver, = plugins.drivers(self.conf).values()
        driver.check(create=True)
        self.assert_says(SUCCESS, name)
        marker = os.path.join(driver.path, 'manila-backup-repository')
        with open(marker) as file:
            found = json.load(file)
        with open(marker, 'w') as file:
            json.dump(dict(found, format=3), file)
        self.assert_says(FAILURE, name, 'has format 3; this release knows 2')

    def backup(self, type_='posix'):
        """A row of one that is stored."""
        share = self.share()
        self.database.write(
            rows.insert, models.share_backups, id=f'b-{type_}',
            project_id='p1', share_id=share.id, status='available', size=1,
            backup_type=type_)

    def operation_row(self, id_, **values):
        self.database.write(
            rows.insert, models.operations, id=id_, project_id='p1',
            **{'status': 'queued', 'kind': 'create', 'driver': 'posix',
               **values})

    def test_operations(self):
        name = 'Operations'
        self.operation_row('a')
        self.operation_row('b', kind='backup_praise', status='done')
        self.assert_says(SUCCESS, name)
        self.operation_row('c', kind='backup_praise')
        self.operation_row('d', driver='tape')
        self.operation_row('e', driver='tape', status='running')
        self.operation_row('f', options={'tape_speed': 'fast'})
        self.operation_row('g', kind='share_praise', driver=None)
        self.assert_says(
            WARNING, name, '1 × backup_praise by posix', '2 × create by tape',
            '1 × create by posix', '1 × share_praise.')
        self.finish_all()
        self.assert_says(SUCCESS, name)
        self.backup('tape')
        self.assert_says(WARNING, name, '1 of tape')

    def test_drivers(self):
        self.conf.set_override('enabled_drivers', ['tape'], 'backup')
        self.assert_says(FAILURE, 'Drivers and share source', 'tape')
        for name in ('Repositories', 'Operations'):
            self.assert_says(WARNING, name, 'Drivers and share source')

    def test_policy(self):
        path = os.path.join(self.root, 'policy.yaml')
        self.conf.set_override('policy_file', path, 'oslo_policy')
        for text, code, *said in (
                ('', SUCCESS),
                ('"share_backup:get": "role:reader"\n', SUCCESS),
                ('"ours": "role:x"\n"share_backup:get": "rule:ours"\n',
                 SUCCESS),
                ('"share_backup:grt": "role:reader"\n', FAILURE,
                 'no rule "share_backup:grt"'),
                ('"share_backup:get": "rule:missing"\n', FAILURE,
                 'which does not exist'),
                ('"share_backup:get": "rule:share_backup:get"\n', FAILURE,
                 'itself'),
                ('"share_backup:get":\n"share_backup:delete": ""\n',
                 FAILURE, 'rule "share_backup:get" is empty',
                 'rule "share_backup:delete" is empty'),
                ('"share_backup:get": "not rol:reader"\n', WARNING, '"rol"'),
                ('no: [mapping\n', FAILURE, 'can\'t be used')):
            with open(path, 'w') as file:
                file.write(text)
            found, details = self.check('Policy rules')
            self.assertEqual(code, found, (text, details))
            for each in said:
                self.assertIn(each, details)
        os.unlink(path)
        self.assert_says(FAILURE, 'Policy rules', path, 'does not exist')
