# SPDX-License-Identifier: Apache-2.0
"""Backups by restic, through the API and workers."""

import json
import os
import subprocess

from manila_backup.drivers.conformance import trees
from tests.functional import base
from tests.functional import cloud


class Bare:
    """restic by itself, in tests of a cloud that uses it."""

    def key(self, project_id):
        found, = json.loads(self.cloud.manage(
            'repository', 'key', '--project', project_id, '--format', 'json',
            '--driver', 'restic'))
        return found

    def bare(self, key, *args):
        """restic, as a person runs it who has only been given a key."""
        def run():
            done = subprocess.run(
                ['restic', '--no-cache', *args], capture_output=True,
                text=True, env=dict(
                    os.environ, RESTIC_REPOSITORY=key['repository'],
                    RESTIC_PASSWORD=key['password']))
            # Now and then a worker prunes, and has it for itself.
            return None if 'already locked' in done.stderr else done

        return cloud.eventually('to be let in', run)


class ResticServiceTest(Bare, base.TestCase):

    options = {'backup__enabled_drivers': 'posix,restic',
               'restic__repository': '$state_path/restic-repository',
               'restic__prune_interval': 1,
               'backup__progress_interval': 0.1}

    def setUp(self):
        super().setUp()
        self.worker = self.cloud.start()

    def backup(self, share, token='demo:p1', **options):
        found = self.cloud.create_backup(
            share['id'], token=token,
            backup_options={'backup_type': 'restic', **options})
        return found

    def made(self, share, token='demo:p1'):
        found = self.backup(share, token)
        found = self.cloud.wait_backup(found['id'], 'available', token=token)
        self.assertEqual(('restic', '100'),
                         (found['backup_type'], found['progress']))
        return found

    def restore(self, backup):
        self.cloud.ask(202, 'POST', f'/share-backups/{backup["id"]}/action',
                       {'restore': None})
        self.cloud.wait_backup(backup['id'], 'available')
        self.cloud.wait_share(backup['share_id'], 'available')

    def test_life(self):
        share = self.cloud.create_share()
        path = self.cloud.share_path(share['id'])
        trees.everything(path)
        before = trees.snapshot(path)
        first = self.made(share)
        trees.mutate(path)
        second = self.made(share)
        self.restore(first)
        self.assertEqual('', trees.differences(before, trees.snapshot(path)))
        self.assertEqual(
            {first['id'], second['id']},
            {each['backup_id'] for each in json.loads(self.cloud.manage(
                'repository', 'list', '--format', 'json'))})
        self._projects(first)
        self._lost(first, share, path, before)
        self.cloud.ask(202, 'DELETE', f'/share-backups/{second["id"]}')
        self.cloud.wait_backup(second['id'], None)
        cloud.eventually('to be removed', lambda: second['id'] not in
                         self.cloud.manage('repository', 'list'))
        self.assertIn('sound', self.cloud.manage('repository', 'verify',
                                                 first['id']))

    def _projects(self, first):
        """Each has a key of its own, which is all that a person needs."""
        share = self.cloud.create_share(token='demo:p2')
        path = self.cloud.share_path(share['id'])
        made = self.fill(path, 3, 1000)
        self.made(share, token='demo:p2')
        mine, others = self.key('p1'), self.key('p2')
        self.assertIn('wrong password', self.bare(
            dict(mine, password=others['password']), 'snapshots').stderr)
        listed = json.loads(self.bare(others, 'snapshots', '--json').stdout)
        content, = (each for each in listed if 'content' in each['tags'])
        left = os.path.join(self.cloud.root, 'left')
        done = self.bare(others, 'restore', content['id'], '--target', left)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(made, self.content(left))

    def _lost(self, first, share, path, before):
        """The database is lost, and the repository is not."""
        for table in ('operations', 'share_backups'):
            with self.cloud.engine.connect() as conn:
                conn.exec_driver_sql(
                    f"DELETE FROM {table} WHERE project_id = 'p1'")
        self.assertIsNone(self.cloud.show_backup(first['id']))
        said = json.loads(self.cloud.manage('repository', 'import',
                                            '--format', 'json'))
        self.assertEqual({'imported', 'known'},
                         {each['result'] for each in said})
        trees.write(os.path.join(path, 'more'), b'x')
        self.restore(first)
        self.assertEqual('', trees.differences(before, trees.snapshot(path)))

    def test_keys_are_replaced(self):
        share = self.cloud.create_share()
        path = self.cloud.share_path(share['id'])
        before = self.fill(path, 3, 1000)
        first = self.made(share)
        old = self.key('p1')
        self.assertEqual(0, self.bare(old, 'cat', 'config').returncode)
        self.fill(path, 20, 200_000, seed=1)
        second = self.backup(share, limit_upload='1000')
        cloud.eventually('an operation to run', lambda: self.cloud.rows(
            'SELECT id FROM operations WHERE backup_id = :id AND '
            'bytes_done > 0', id=second['id']))
        said, = json.loads(self.cloud.manage(
            'repository', 'rotate-key', '--project', 'p1', '--driver',
            'restic', '--format', 'json'))
        self.assertEqual(('p1', 'rotated', 1, 0, None), tuple(
            said[name] for name in ('project_id', 'result', 'removed',
                                    'others', 'problem')))
        self.cloud.wait_backup(second['id'], 'available')
        self.assertIn('wrong password',
                      self.bare(old, 'cat', 'config').stderr)
        new = self.key('p1')
        self.assertEqual(0, self.bare(new, 'cat', 'config').returncode)
        # The worker that knew the old one, and one that never did.
        self.restore(first)
        self.assertEqual(before, self.content(path))
        self.worker.stop()
        self.worker = self.cloud.start_worker()
        self.made(share)
        said = json.loads(self.cloud.manage(
            'repository', 'rotate-key', '--all', '--driver', 'restic',
            '--format', 'json'))
        self.assertEqual([(None, 0), ('p1', 1)], [
            (each['project_id'], each['removed']) for each in said])
        for args, problem in ((['--project', 'nobody'], 'no key of nobody'),
                              ([], 'give --project'),
                              (['--all', '--driver', 'posix'],
                               'no key of any')):
            self.assertRaisesRegex(AssertionError, problem,
                                   self.cloud.manage, 'repository',
                                   'rotate-key', *args)

    def test_workers_that_die(self):
        share = self.cloud.create_share()
        path = self.cloud.share_path(share['id'])
        made = self.fill(path, 40, 400_000)
        backup = self.backup(share, limit_upload='4000',
                             limit_download='4000')
        self._die(backup, 'create')
        backup = self.cloud.wait_backup(backup['id'], 'available')
        key = self.key('p1')
        cloud.eventually('no lock', lambda: not self.bare(
            key, 'list', 'locks', '--no-lock').stdout)
        self.assertEqual(2, len(json.loads(self.bare(
            key, 'snapshots', '--json').stdout)))
        for name in os.listdir(path):
            subprocess.run(['rm', '-rf', os.path.join(path, name)],
                           check=True)
        self.cloud.ask(202, 'POST', f'/share-backups/{backup["id"]}/action',
                       {'restore': None})
        self._die(backup, 'restore')
        self.cloud.wait_backup(backup['id'], 'available')
        self.assertEqual(made, self.content(path))
        cloud.eventually('no lock', lambda: not self.bare(
            key, 'list', 'locks', '--no-lock').stdout)

    def _die(self, backup, kind):
        """The worker is killed in the middle, and another goes on."""
        cloud.eventually('an operation to run', lambda: self.cloud.rows(
            'SELECT id FROM operations WHERE backup_id = :id AND '
            "kind = :kind AND status = 'running' AND bytes_done > 0",
            id=backup['id'], kind=kind))
        self.worker.kill()
        self.worker = self.cloud.start_worker()
