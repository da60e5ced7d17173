# SPDX-License-Identifier: Apache-2.0
"""Reading of restic's backups without this service, done as it stands in the
documentation."""

import json
import os
import re
import shutil
import subprocess
import tempfile

from tests.functional import base
from tests.functional import cloud

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                    *[os.pardir] * 2, 'doc', 'source', 'admin',
                    'restic-leaving.rst')


def commands():
    """Return what the page has one type, as a script."""
    with open(PAGE) as page:
        found = [line[5:] for line in page
                 if re.match(r' {3}[$>] ', line)]
    return ''.join(found)


class LeavingTest(base.TestCase):

    def setUp(self):
        self.folder = tempfile.mkdtemp(dir=cloud.FOLDER)
        self.addCleanup(subprocess.run, ['rm', '-rf', self.folder],
                        check=True)
        self.options = {'backup__enabled_drivers': 'restic',
                        'restic__repository': os.path.join(self.folder,
                                                           'restic')}
        super().setUp()

    def test_as_the_page_says(self):
        share, backup, content = self.backed_up()
        url, password = self.key('p1')
        # The service is gone, and all it had but the secret.
        secret = os.path.join(self.folder, 'secret')
        shutil.copy(os.path.join(self.cloud.state, 'restic', 'password'),
                    secret)
        place = os.path.join(self.folder, 'place')
        os.mkdir(place)
        said = self.run_page(
            place, PROJECT='p1', SHARE=share, BACKUP=backup['id'], URL=url,
            PASSWORD=password, PASSWORD_FILE=secret)
        self.assertEqual(2, said.count(password), said)
        self.assertIn('no errors were found', said)
        self.assertEqual(content, self.content(os.path.join(place,
                                                            'restored')))
        self.assertEqual(
            {name: value for name, value in content.items()
             if name.startswith('d1/')},
            self.content(os.path.join(place, 'part')))
        with open(os.path.join(place, 'about.json')) as file:
            about = json.load(file)
        self.assertEqual(
            (backup['id'], share, 'a name'),
            (about['backup_id'], about['share_id'],
             about['record']['backup']['name']))

    def backed_up(self):
        """A share's id, a backup of it, and what that has."""
        self.cloud.start()
        share = self.cloud.create_share()['id']
        path = self.cloud.share_path(share)
        content = self.fill(path, 30, 5000)
        backup = self.cloud.create_backup(share, name='a name')
        self.cloud.wait_backup(backup['id'], 'available')
        # Another one, which has to be told from it.
        self.fill(path, 30, 5000, seed=1)
        other = self.cloud.create_backup(share)
        self.cloud.wait_backup(other['id'], 'available')
        return share, backup, content

    def key(self, project):
        """The URL and the password of a project's repository."""
        said = self.cloud.manage('repository', 'key', '--project', project)
        return (re.search(r'\S*/restic/\S+', said)[0],
                re.search(r'\b[0-9a-f]{64}\b', said)[0])

    def run_page(self, place, **values):
        """Run all that the page says; what was printed."""
        tools = os.path.join(self.folder, 'bin')
        os.mkdir(tools)
        program = os.path.join(tools, 'manila-backup-manage')
        # Where the service is installed, its configuration is found.
        with open(program, 'w') as file:
            file.write(f'#!/bin/sh\nexec {cloud.BIN}/manila-backup-manage '
                       f'--config-file {self.cloud.config} "$@"\n')
        os.chmod(program, 0o755)
        done = subprocess.run(
            ['bash', '-euxo', 'pipefail', '-c', commands()], cwd=place,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ,
                 'PATH': f'{tools}{os.pathsep}{os.environ["PATH"]}',
                 'HOME': place, **values})
        self.assertEqual(0, done.returncode, done.stdout)
        if os.environ.get('MANILA_BACKUP_TEST_TRANSCRIPT'):
            with open(os.environ['MANILA_BACKUP_TEST_TRANSCRIPT'],
                      'w') as file:
                file.write(done.stdout)
        # With -x, what is set is said once more.
        return ''.join(line for line in done.stdout.splitlines(True)
                       if not line.startswith('+'))
