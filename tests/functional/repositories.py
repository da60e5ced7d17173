# SPDX-License-Identifier: Apache-2.0
"""Repositories as an operator has to do with them, by real commands."""

import json
import os

from tests.functional import base
from tests.functional import cloud


class RepositoryTestCase(base.TestCase):

    def repository(self, *args, status=0):
        """Run a command on the repository.

        :returns: what it printed, from JSON.
        """
        done = cloud.forks().run(
            [*cloud.argv('manila-backup-manage'),
             '--config-file', self.cloud.config, 'repository', *args,
             *([] if args[0] == 'export' else ['--format', 'json'])],
            timeout=cloud.PATIENCE)
        self.assertEqual(status, done.returncode, done.stderr)
        return json.loads(done.stdout)

    def make_backups(self, share, count=1, **values):
        """Finished backups of a share, as shown to administrators."""
        found = []
        for _ in range(count):
            made = self.cloud.create_backup(share['id'], **values)
            self.cloud.wait_backup(made['id'], 'available')
            self.cloud.wait_share(share['id'], 'available')
            found.append(self.shown(made))
        return found

    def shown(self, backup):
        return self.cloud.show_backup(backup['id'], 'admin:admin')

    def leave(self, share_id, name):
        """Something that was left in the repository, of project p1."""
        path = os.path.join(self.cloud.repository, 'p1', share_id, name)
        os.makedirs(os.path.join(path, 'data', 'd'))
        with open(os.path.join(path, 'data', 'd', 'f'), 'w') as file:
            file.write('left')
        return path
