# SPDX-License-Identifier: Apache-2.0
"""Keys and secrets of repositories of restic."""

import contextlib
import json
import os
import pickle
import subprocess
from unittest import mock

from manila_backup import conf
from manila_backup.drivers import base
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from manila_backup.drivers.restic import driver
from manila_backup.drivers.restic import repository
from tests.functional.drivers import earlier_keys
from tests.functional.drivers import test_restic


class ResticKeysTest(test_restic.ResticMixin, case.Case):

    # -- what is made and not finished

    def test_a_repository_that_has_but_a_key(self):
        self.driver = self.make_driver('fresh')
        self.driver.check(create=True)
        project = os.path.join(self.repository, 'project')
        subprocess.run(
            ['restic', '--no-cache', '-r', project, 'init', '-q'],
            check=True, env=dict(os.environ, RESTIC_PASSWORD=self.driver.
                                 password('project')))
        os.unlink(os.path.join(project, 'config'))
        trees.many(self.source, 1, 1)
        for number in (1, 2, 3):
            self.backup(case.place(number))
        self.assertEqual(1, len(os.listdir(os.path.join(project, 'keys'))))
        self.assertStored(self.source)

    def test_a_key_is_not_removed_from_beside_content(self):
        trees.many(self.source, 1, 1)
        self.backup()
        project = os.path.join(self.repository, 'project')
        os.unlink(os.path.join(project, 'config'))
        before = os.listdir(os.path.join(project, 'keys'))
        with contextlib.suppress(base.DriverError):
            repository.initialise(self.driver.project('project').restic)
        self.assertLessEqual(set(before), set(os.listdir(
            os.path.join(project, 'keys'))))

    # -- keys

    def test_no_projects_key_opens_anothers(self):
        trees.many(self.source, 1, 1)
        for place in (case.place(), self.elsewhere()):
            self.backup(place)
        keys_ = {project: self.driver.export_key(project)
                 for project in ('project', 'another')}
        for project, other in (('project', 'another'),
                               ('another', 'project')):
            self.bare(project, 'snapshots')
            done = subprocess.run(
                ['restic', '--no-cache', '-r', keys_[project][0], 'cat',
                 'config'], capture_output=True, text=True,
                env=dict(os.environ, RESTIC_PASSWORD=keys_[other][1]))
            self.assertIn('wrong password', done.stderr)
        with self.assertRaisesRegex(base.DriverError, 'no repository'):
            self.driver.export_key('nobody')

    def test_a_person_can_leave(self):
        trees.many(self.source, 2, 3)
        self.backup()
        found = json.loads(self.bare('project', 'snapshots', '--json'))
        content, = (each for each in found if 'content' in each['tags'])
        self.assertEqual('share-1', content['hostname'])
        self.assertIn(f'backup={case.place().backup_id}', content['tags'])
        path = os.path.join(self.scratch, 'left')
        self.bare('project', 'restore', content['id'], '--target', path)
        # Only the share's own attributes stand in the other snapshot.
        os.chmod(path, 0o755)
        for each in (self.source, path):
            os.utime(each, (1, 1))
        self.assertSame(self.source, path)

    def test_a_key_of_castellans(self):
        self.make('keys')
        os.environ['MANILA_BACKUP_TEST_KEYS'] = os.path.join(self.scratch,
                                                             'keys')
        self.addCleanup(os.environ.pop, 'MANILA_BACKUP_TEST_KEYS')
        config = os.path.join(self.scratch, 'conf')
        with open(config, 'w') as file:
            file.write(
                f'[DEFAULT]\nstate_path = {self.scratch}/state\n'
                f'[restic]\nrepository = {self.scratch}/kept\n'
                'key_manager = castellan\n'
                '[key_manager]\nbackend = tests.functional.drivers.'
                'file_keys.FileKeyManager\n')
        trees.many(self.source, 1, 1)
        makers = [driver.ResticDriver.from_conf(conf.load(
            ['--config-file', config], 'test')) for _ in range(2)]
        self.driver, other = makers
        self.driver.check(create=True)
        # Killed, in the middle of it.
        with mock.patch.object(repository.Catalogue, 'add',
                               side_effect=KeyboardInterrupt):
            self.assertRaises(KeyboardInterrupt, self.driver.prepare,
                              case.place(), contextlib.nullcontext, make=True)
        self.driver.prepare(case.place(), contextlib.nullcontext, make=True)
        # As it crosses into the process that copies.
        self.driver = pickle.loads(pickle.dumps(self.driver))
        self.backup()
        self.backup(self.elsewhere())
        kept = set()
        for name in os.listdir(os.environ['MANILA_BACKUP_TEST_KEYS']):
            with open(os.path.join(self.scratch, 'keys', name)) as file:
                kept.add(file.read())
        # Another worker finds them; also in the process that it starts.
        self.driver = pickle.loads(pickle.dumps(other))
        self.assertEqual(kept, {self.driver.export_key(project)[1]
                                for project in ('project', 'another')})
        self.assertStored(self.source, self.elsewhere())

    def test_repositories_with_keys_of_an_earlier_release(self):
        repositories = os.path.join(self.scratch, 'earlier')
        earlier_keys.make(repositories)
        trees.write(repositories + '.password',
                    earlier_keys.SECRET.encode())
        keys_ = os.path.join(repositories, 'project', 'keys')
        before = os.listdir(keys_)
        self.driver = self.make_driver('earlier')
        self.driver.check()
        trees.many(self.source, 2, 3)
        self.backup()
        self.assertStored(self.source)
        self.assertEqual([], self.verify())
        self.assertEqual(before, os.listdir(keys_))

    def test_the_secret_of_another_host(self):
        trees.many(self.source, 1, 1)
        self.backup()
        with open(os.path.join(self.scratch, 'repository.password'),
                  'w') as file:
            file.write('y' * 64)
        self.driver = self.make_driver()
        for run in (self.driver.check, self.restore,
                    lambda: list(self.driver.contents())):
            with self.assertRaisesRegex(base.RepositoryUnavailable,
                                        'password') as caught:
                run()
            self.assertFalse(caught.exception.retryable)

    def test_a_secret_is_not_made_where_there_is_a_repository(self):
        path = os.path.join(self.scratch, 'repository.password')
        self.assertEqual(0o600, os.stat(path).st_mode & 0o777)
        os.unlink(path)
        with self.assertRaisesRegex(base.RepositoryUnavailable, 'password'):
            self.make_driver().check(create=True)
        self.assertFalse(os.path.exists(path))

    def test_nothing_secret_is_shown(self):
        program, log = self.logged()
        self.driver = self.make_driver('fresh', program=program)
        self.driver.check(create=True)
        trees.many(self.source, 1, 1)
        self.backup()
        with open(log) as file:
            said = file.read()
        for each in ('init', 'backup'):
            self.assertIn(each, said)
        self.assertNotIn(self.driver.password('project'), said)
