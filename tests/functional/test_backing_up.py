# SPDX-License-Identifier: Apache-2.0
"""The service's own database, dumped and put back as it stands in the
documentation."""

import os
import re
import subprocess

import sqlalchemy as sa

from tests.functional import base
from tests.functional import cloud
from tests.functional import databases

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                    *[os.pardir] * 2, 'doc', 'source', 'admin',
                    'backing-up.rst')


class MariaDBTest(base.TestCase):

    #: What is before what one types to the database's server or to its tools.
    prompts = 'MariaDB> ', '# mariadb'

    def setUp(self):
        super().setUp()
        self.place = os.path.join(self.cloud.root, 'place')
        self.tools = os.path.join(self.place, 'bin')
        os.makedirs(self.tools)
        # Where the service is installed, its configuration is found.
        self.put('manila-backup-manage',
                 f'exec {cloud.BIN}/manila-backup-manage --config-file '
                 f'{self.cloud.config} "$@"')
        # Its processes here are the test's.
        self.put('systemctl', 'test "$1" = stop')
        self.environ = {
            **os.environ, 'HOME': self.place,
            'PATH': f'{self.tools}{os.pathsep}{os.environ["PATH"]}',
            **self.to_connect()}

    def to_connect(self):
        """Environment with which clients find the database's server."""
        host, port = databases.address(databases.MYSQL)
        with open(os.path.join(self.place, '.my.cnf'), 'w') as file:
            file.write(f'[client]\nhost = {host}\nport = {port}\n'
                       f'user = {sa.make_url(databases.MYSQL).username}\n')
        return {}

    def put(self, name, line):
        """Put a program in the way of the real one."""
        path = os.path.join(self.tools, name)
        with open(path, 'w') as file:
            file.write(f'#!/bin/sh\n{line}\n')
        os.chmod(path, 0o755)

    def commands(self):
        """Return what the page has one type before and after the loss, as
        scripts."""
        with open(PAGE) as page:
            parts = page.read().partition('\nBack again\n')[::2]
        return [''.join(self.typed(part)) for part in parts]

    def typed(self, text):
        others = {'MariaDB> ', '# mariadb', '$ '}.difference(self.prompts)
        for line in re.findall(r'(?m)^ {3,}((?:MariaDB>|[#$]) .*)$', text):
            if line.startswith(tuple(others)):
                continue
            prompt, _, command = line.partition(' ')
            if prompt == 'MariaDB>':
                command = f"mariadb -e '{command}'"
            # What has been deleted is damaged then.
            yield re.sub(r'(repository verify.*)', r'\1 || test $? = 1',
                         command) + '\n'

    def run_page(self, script):
        """Run a part of the page; what was printed."""
        script = script.replace('manila_backup', self.cloud.database.name)
        script = script.replace('--owner manila-backup', '--owner postgres')
        done = subprocess.run(
            ['bash', '-euo', 'pipefail', '-c', script], cwd=self.place,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=self.environ)
        self.assertEqual(0, done.returncode, f'{script}\n{done.stdout}')
        return done.stdout

    def back_up(self, share):
        backup = self.cloud.create_backup(share)['id']
        self.cloud.wait_backup(backup, 'available')
        return backup

    def delete(self, backup):
        self.cloud.ask(202, 'DELETE', f'/share-backups/{backup}')
        self.cloud.wait_backup(backup, None)

    def test_as_the_page_says(self):
        dump, back = self.commands()
        self.cloud.start()
        share = self.cloud.create_share()['id']
        path = self.cloud.share_path(share)
        self.fill(path, 20, 3000)
        kept, deleted = self.back_up(share), self.back_up(share)
        self.run_page(dump)
        self.delete(deleted)
        content = self.fill(path, 20, 3000, 1)
        new = self.back_up(share)
        for each in self.cloud.processes:
            each.stop()
        self.cloud.engine.dispose()

        said = self.run_page(back)
        for wanted in (rf'{kept} .*\bknown\b', rf'{new} .* would be imported ',
                       rf'{new} .* imported ', rf'(?m)^{kept} sound',
                       rf'(?m)^{deleted} damaged', rf'(?m)^{new} sound'):
            self.assertRegex(said, wanted)

        self.cloud.start()
        self.fill(path, 20, 3000, 2)
        self.cloud.wait_backup(kept, 'available')
        self.cloud.ask(202, 'POST', f'/share-backups/{new}/action',
                       {'restore': None})
        self.cloud.wait_share(share, 'available')
        self.assertEqual(content, self.content(path))
        self.cloud.wait_backup(deleted, 'error')
        self.delete(deleted)


class PostgreSQLTest(MariaDBTest):

    server = 'postgresql'
    prompts = ('$ ',)

    def to_connect(self):
        host, port = databases.address(databases.POSTGRESQL)
        return {'PGHOST': host, 'PGPORT': str(port), 'PGUSER':
                sa.make_url(databases.POSTGRESQL).username}
