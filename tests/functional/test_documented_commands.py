# SPDX-License-Identifier: Apache-2.0
"""Commands for administrators, run as the documentation has them typed."""

import os
import shlex

from tests import documented
from tests.functional import base
from tests.functional import cloud

#: What a cloud has to be like for a command, in SQL.
BEFORE = {
    ('share', 'reset', 'SHARE_ID'):
        "UPDATE shares SET status = 'backup_restoring_error'"}


class DocumentedTest(base.TestCase):

    options = {'backup__enabled_drivers': 'posix,restic',
               'restic__repository': '$state_path/restic-repository',
               'oslo_messaging_notifications__driver': 'log'}

    def test_each_works(self):
        self.cloud.start()
        share = self.cloud.create_share()['id']
        self.fill(self.cloud.share_path(share), 20, 3000)
        for driver in ('restic', 'posix'):
            backup = self.cloud.create_backup(
                share, backup_options={'backup_type': driver})['id']
            self.cloud.wait_backup(backup, 'available')
        record = os.path.join(self.cloud.root, 'record')
        values = {'BACKUP_ID': backup, 'SHARE_ID': share, 'record': record,
                  'PROJECT_ID': 'p1', '$PROJECT': 'p1',
                  'other.conf': self.cloud.config}
        found = documented.commands('manila-backup-manage')
        self.assertGreater(len(found), 30)
        for path, words in found:
            if tuple(words) in BEFORE:
                self.change(BEFORE[tuple(words)])
            done = cloud.forks().run(
                [*cloud.argv('manila-backup-manage'), '--config-file',
                 self.cloud.config, *(values.get(word, word)
                                      for word in words)],
                timeout=cloud.PATIENCE)
            self.assertEqual(0, done.returncode, f'{path}: '
                             f'{shlex.join(words)}: {done.stderr}')
            if words[:2] == ['repository', 'export']:
                with open(record, 'w') as file:
                    file.write(done.stdout)

    def change(self, statement):
        with self.cloud.engine.connect() as conn:
            conn.exec_driver_sql(statement)
