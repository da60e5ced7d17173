# SPDX-License-Identifier: Apache-2.0
"""The restic driver on repositories in local directories."""

import atexit
import contextlib
import dataclasses
import functools
import json
import os
import pickle
import shutil
import signal
import subprocess
import tempfile
import threading
from unittest import mock

from manila_backup import conf
from manila_backup.drivers import base
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import indexed
from manila_backup.drivers.conformance import limits
from manila_backup.drivers.conformance import suite
from manila_backup.drivers.conformance import trees
from manila_backup.drivers import progress
from manila_backup.drivers.restic import command
from manila_backup.drivers.restic import driver
from manila_backup.drivers.restic import faults
from manila_backup.drivers.restic import keys
from manila_backup.drivers.restic import repository
from tests.functional.drivers import earlier_keys
from tests.functional.drivers import folding


@functools.cache
def _made():
    """A directory with the repositories of a project that has no backup yet,
    and their secret. restic takes seconds to make one: too long to have it
    done for each test; and with keys of its own making, half a second to open
    one."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    state = os.path.join(folder.name, 'state')
    earlier_keys.make(os.path.join(folder.name, 'repository'))
    trees.write(os.path.join(folder.name, 'password'),
                earlier_keys.SECRET.encode())
    os.chmod(os.path.join(folder.name, 'password'), 0o600)
    made = driver.ResticDriver(
        os.path.join(folder.name, 'repository'),
        command.Settings('restic', {}, os.path.join(state, 'cache'),
                         os.path.join(state, 'share'), 60.0, 20.0),
        keys.Derived(keys.Secret(os.path.join(folder.name, 'password'))),
        state, os.path.join(state, 'staging'))
    made.check(create=True)
    made.prepare(case.place(), contextlib.nullcontext, make=True)
    return folder.name


class ResticMixin:

    LACKS = frozenset((limits.Limit.LONG_PATHS,))

    def setUp(self):
        # In memory where that can be: restic syncs each of its files.
        if os.access('/dev/shm', os.W_OK):
            self.addCleanup(setattr, tempfile, 'tempdir', tempfile.tempdir)
            tempfile.tempdir = '/dev/shm'
        super().setUp()

    def make_driver(self, name='repository', host='host', **kwargs):
        """One on a host with nothing in common with others but the secret."""
        self.repository = os.path.join(self.scratch, name)
        secret = self.repository + '.password'
        if name == 'repository' and not (os.path.exists(secret)
                                         or os.path.exists(self.repository)):
            made = _made()
            shutil.copy2(os.path.join(made, 'password'), secret)
            shutil.copytree(os.path.join(made, name), self.repository)
        state = os.path.join(self.scratch, host)
        settings = command.Settings(
            kwargs.pop('program', 'restic'), {}, os.path.join(state, 'cache'),
            os.path.join(state, 'share'), kwargs.pop('stall', 60.0),
            kwargs.pop('lock', 20.0))
        return driver.ResticDriver(
            kwargs.pop('url', self.repository), settings,
            keys.Derived(keys.Secret(secret)),
            state, os.path.join(state, 'staging'), self.IGNORED, **kwargs)

    def snapshots(self, place):
        return self.driver.project(place.project_id).snapshots(
            place.backup_id)

    def snapshot(self, place, kind=repository.CONTENT):
        """The file of one of a backup's snapshots."""
        found, = (each for each in self.snapshots(place)
                  if each.kind == kind)
        return os.path.join(self.repository, place.project_id, 'snapshots',
                            found.id)

    def packs(self, place):
        """The files with what a backup was the first to need."""
        # Clocks of files are coarse; the next one takes longer to come.
        before = os.stat(self.snapshot(place)).st_mtime_ns + 50_000_000
        found = []
        for where, _, names in os.walk(os.path.join(
                self.repository, place.project_id, 'data')):
            found += [os.path.join(where, name) for name in names]
        return sorted(path for path in found
                      if os.stat(path).st_mtime_ns <= before)

    def bare(self, project_id, *args, **kwargs):
        """Run restic as a person with the exported key does."""
        url, password = self.driver.export_key(project_id)
        return subprocess.run(
            ['restic', '--no-cache', *args], check=True,
            stdout=subprocess.PIPE, text=True, env=dict(
                os.environ, RESTIC_REPOSITORY=url, RESTIC_PASSWORD=password,
                HOME=self.scratch), **kwargs).stdout


class ResticConformanceTest(ResticMixin, suite.Conformance):

    def damages(self):
        return {
            'a bit flipped': self._flip,
            'what has its data cut off': lambda place: [
                os.truncate(path, os.stat(path).st_size // 2)
                for path in self._packs(place)],
            'what has its data removed': lambda place: [
                os.unlink(path) for path in self._packs(place)],
            'its snapshot removed': lambda place: os.unlink(
                self.snapshot(place)),
        }

    def _packs(self, place):
        found = self.packs(place)
        self.assertTrue(found)
        for path in found:
            os.chmod(path, 0o600)
        # Or what the cache has is as good.
        subprocess.run(['rm', '-rf', self.driver.settings.cache], check=True)
        return found

    def _flip(self, place):
        for path in self._packs(place):
            with open(path, 'r+b') as file:
                file.seek(os.stat(path).st_size // 3)
                byte = file.read(1)
                file.seek(-1, os.SEEK_CUR)
                file.write(bytes((byte[0] ^ 1,)))


class ResticIndexedTest(ResticMixin, indexed.Indexed):
    """Backups whose indexes are made when they are asked for."""

    def _broken(self, damage):
        trees.many(self.source, 1, 3)
        self.backup()
        self.index()
        name, = os.listdir(self.folder)
        damage(os.path.join(self.folder, name))
        self.assertListed(self.index())

    def test_an_index_that_is_not_there(self):
        self._broken(os.unlink)

    def test_an_index_that_is_cut_off(self):
        self._broken(lambda path: os.truncate(path, 90))

    def test_an_index_of_another_snapshot(self):
        trees.many(self.source, 1, 1)
        self.backup(case.place(2))
        self.index(case.place(2))
        other, = os.listdir(self.folder)
        self._broken_by(os.path.join(self.folder, other))

    def _broken_by(self, other):
        trees.many(self.source, 2, 2)
        self.backup()
        self.index()
        mine, = (name for name in os.listdir(self.folder)
                 if name.startswith(case.place().backup_id))
        shutil.copy(other, os.path.join(self.folder, mine))
        self.assertListed(self.index())

    def test_what_is_dropped(self):
        self.backup()
        self.backup(case.place(2))
        for place in (case.place(), case.place(2)):
            self.index(place)
        self.driver.drop_index(case.place(2), self.folder)
        name, = os.listdir(self.folder)
        self.assertTrue(name.startswith(case.place().backup_id + '.'))

    def test_links_that_look_like_a_listing(self):
        said = (b'x\n-rw-r--r--     0     0      0 2026-11-29 09:44:46 /e\n'
                b'-rw-r--r--     0     0      0 2026-11-29 09:44:46 /a -> b')
        for name in (b'd\nd', b'd\xff -> ', b'e -> f'):
            path = os.path.join(os.fsencode(self.source), name)
            os.mkdir(path)
            for target in (b'\nb', b'c -> d', b'-> ', said):
                os.symlink(target, path + b'/l\n' + target.split(b'/')[0])
            os.symlink(said, path + b'\xfe -> a')
        self.backup()
        self.assertListed(self.index())

    def test_what_could_not_be_read_is_missing(self):
        paths = b'd/sparse', b'd\xff/sparse'
        for path in paths:
            full = os.path.join(os.fsencode(self.source), path)
            os.mkdir(os.path.dirname(full))
            with open(full, 'wb') as file:
                file.write(b'x')
                file.truncate(1 << 40)
        self.backup()
        index = self.index()
        self.assertListed(index)
        for path in paths:
            found = index.entry(path)
            self.assertEqual((False, 'unknown'),
                             (found.is_stored, found.type))

    def test_nothing_is_left_of_one_that_can_not_be_made(self):
        trees.many(self.source, 1, 3)
        self.backup()
        self.driver = self.make_driver(program=self._listing('exit 1'))
        with self.assertRaises(base.DriverError):
            self.index()
        self.assertEqual([], os.listdir(self.folder))

    def test_a_listing_that_has_less(self):
        os.symlink('target', os.path.join(self.source, 'link'))
        self.backup()
        self.driver = self.make_driver(program=self._listing(
            'case "$*" in *--long*) exit 0;; esac'))
        with self.assertRaisesRegex(base.DriverError, 'could not be made'):
            self.index()

    def test_one_is_made_at_a_time(self):
        trees.many(self.source, 1, 3)
        self.backup()
        begun, end = (os.path.join(self.scratch, name)
                      for name in ('begun', 'end'))
        for path in (begun, end):
            os.mkfifo(path)
        self.driver = self.make_driver(program=self._listing(
            f'echo >{begun}; read -r _ <{end}'))
        opened = []

        def look():
            with self.driver.open_index(case.place(), self.folder) as index:
                opened.append(index.about()['entries'])

        first = threading.Thread(target=look)
        first.start()
        try:
            with open(begun, 'rb') as said:
                said.read()
            with self.assertRaisesRegex(base.DriverError, 'is being made'):
                self.index()
        finally:
            trees.write(end, b'\n')
            first.join()
        self.assertEqual([4], opened)
        look()
        self.assertEqual([4, 4], opened)

    def _listing(self, instead):
        """A program that is restic, but for how it lists snapshots."""
        path = os.path.join(self.scratch, 'program')
        with open(path, 'w') as script:
            script.write('#!/bin/sh\ncase " $* " in *" ls "*) '
                         f'{instead};; esac\nexec restic "$@"\n')
        os.chmod(path, 0o700)
        return path


class ResticFoldingTest(ResticMixin, folding.Together):
    pass


class ResticTest(ResticMixin, case.Case):
    """What only this driver promises."""

    def elsewhere(self, number=1):
        return base.BackupReference('another', 'share-2',
                                    case.place(number).backup_id)

    def logged(self):
        """A program that writes down what it is run as, and is restic."""
        path = os.path.join(self.scratch, 'logged')
        log = os.path.join(self.scratch, 'log')
        with open(path, 'w') as script:
            script.write(f'#!/bin/sh\necho "$*" >>{log}\n'
                         'exec restic "$@"\n')
        os.chmod(path, 0o700)
        return path, log

    def test_what_is_written_to_meanwhile_is_told(self):
        trees.many(self.source, 2, 3)
        busy = os.path.join(self.source, 'busy')
        trees.write(busy, b'')
        over = threading.Event()

        def write():
            with open(busy, 'ab', buffering=0) as file:
                while not over.wait(0.001):
                    file.write(b'x')

        writer = threading.Thread(target=write)
        writer.start()
        try:
            report = self.backup(still=False)
        finally:
            over.set()
            writer.join()
        said, = report.problems
        self.assertIn('"busy" was written to while it was read', said)
        self.assertEqual(0, self.backup(case.place(2)).problem_count)

    def test_frozen_while_it_published(self):
        trees.many(self.source, 1, 3)
        place = case.place()
        self.prepare(place, 1)
        text = self.driver.prepared(place, 1).read()
        trees.write(os.path.join(self.source, 'later'), b'')
        self.backup(attempt=2)
        # It had read what to publish, thaws only now, and goes on.
        self.driver.project('project').mark(place, 1, repository.PUBLISHED,
                                            text)
        self.assertIn(('published', None), self.states())
        self.assertStored(self.source)
        self.assertEqual(5, self.driver.describe(place).files)
        self.driver.discard(place, 0)       # as a sweep does
        self.assertEqual([('published', None)], self.states())
        self.assertStored(self.source)

    def test_a_mark_of_before_does_not_publish(self):
        trees.many(self.source, 1, 3)
        place = case.place()
        self.prepare(place, 1)
        text = self.driver.prepared(place, 1).read()
        # It removes what the first has stored; only then, that thaws.
        self.prepare(place, 2)
        self.driver.project('project').mark(place, 1, repository.PUBLISHED,
                                            text)
        self.driver.publish(place, 2)
        self.driver.discard(place, 2)
        self.assertEqual([('published', None)], self.states())
        self.assertStored(self.source)

    def test_discarding_leaves_a_restore_its_lock(self):
        trees.write(os.path.join(self.source, 'large'), os.urandom(30 << 20))
        self.backup()
        self.driver.limits = (0, 10000)
        locks = os.path.join(self.repository, 'project', 'locks')
        process = case.Process(self.driver.restore, case.place(), 1,
                               self.target)
        self.eventually(lambda: os.listdir(locks))
        before = os.listdir(locks)
        self.driver.discard(case.place(), 1)
        self.assertEqual(before, os.listdir(locks))
        process.result()
        self.assertSame(self.source, self.target)

    def test_a_state_path_with_a_symbolic_link_in_it(self):
        os.mkdir(os.path.join(self.scratch, 'elsewhere'))
        os.symlink('elsewhere', os.path.join(self.scratch, 'linked'))
        self.driver = self.make_driver(host='linked')
        trees.many(self.source, 1, 1)
        os.mkdir(os.path.join(self.source, *self.IGNORED))
        trees.write(os.path.join(self.source, *self.IGNORED, 'file'), b'x')
        self.backup()
        self.assertStored(trees.snapshot(self.source, self.IGNORED))
        said = self.bare('project', 'ls', 'latest', '--tag', 'content')
        self.assertIn('/d0', said)
        self.assertNotIn(self.IGNORED[0], said)

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

    # -- what can't be read

    def test_a_repository_that_is_not_mounted(self):
        trees.many(self.source, 1, 1)
        self.backup()
        os.rename(self.repository, self.repository + '.away')
        other = self.make_driver()
        for driver_ in (self.driver, other):
            self.driver = driver_
            for run in (driver_.check, self.backup,
                        lambda: self.backup(self.elsewhere()), self.restore,
                        self.delete, lambda: list(self.driver.contents())):
                with self.assertRaisesRegex(base.RepositoryUnavailable,
                                            'mounted'):
                    run()
        self.assertFalse(os.path.exists(self.repository))

    def test_what_restic_can_not_read(self):
        trees.write(os.path.join(self.source, 'readable'), b'x')
        trees.deep(self.source, 20, 'n' * 250)
        report = self.backup()
        self.assertIn('could not be read', report.problems[0])
        self.restore()
        with open(os.path.join(self.target, 'readable')) as file:
            self.assertEqual('x', file.read())
        self.driver.on_unreadable = 'error'
        with self.assertRaisesRegex(base.DriverError, 'on_unreadable'):
            self.backup(case.place(2))

    def test_a_file_of_too_many_holes(self):
        path = os.path.join(self.source, 'holes and data')
        trees.write(path, b'x')
        os.truncate(path, 1 << 42)
        trees.write(os.path.join(self.source, 'other'), b'x')
        report = self.backup()
        self.assertEqual(1, report.files)
        self.assertIn('"holes and data"', report.problems[0])
        self.restore()
        self.assertEqual(['other'], os.listdir(self.target))
        self.driver.on_unreadable = 'error'
        with self.assertRaisesRegex(base.DriverError, 'holes and data'):
            self.backup(case.place(2))

    def test_links_out_of_the_share(self):
        outside = self.make('outside')
        trees.write(os.path.join(outside, 'secret'), b'x')
        os.symlink(outside, os.path.join(self.source, 'link'))
        self.assertEqual(1, self.backup().files)
        os.mkdir(os.path.join(self.target, 'link'))
        self.restore()
        self.assertSame(self.source, self.target)

    # -- room and time

    def test_what_did_not_change_is_not_stored_again(self):
        trees.many(self.source, 5, 20)
        first = self.backup()
        again = self.backup(case.place(2))
        self.assertEqual(first.bytes, again.bytes)
        self.assertGreater(first.stored_bytes, first.bytes // 2)
        self.assertLess(again.stored_bytes, first.bytes // 20)

    def test_a_killed_backup_does_not_send_again(self):
        program, log = self.logged()
        self.driver = self.make_driver(program=program)
        trees.write(os.path.join(self.source, 'large'), os.urandom(60 << 20))
        slow = {'limit_upload': '20000'}
        process = case.Process(self.driver.backup, case.place(), 1,
                               self.source, slow, None)
        data = os.path.join(self.repository, 'project', 'data')
        self.eventually(lambda: self._size(data) > 30 << 20)
        process.kill()
        stored = self._size(data)
        self.assertTrue(self.bare('project', 'list', 'locks', '--no-lock'))
        report = self.backup(attempt=2)
        self.assertLess(report.stored_bytes, (61 << 20) - stored)
        self.assertStored(self.source)
        # And what it had locked is free.
        self.assertFalse(self.bare('project', 'list', 'locks', '--no-lock'))
        with open(log) as file:
            self.assertIn('--limit-upload=20000', file.read())

    def _size(self, path):
        return sum(os.stat(os.path.join(where, name)).st_size
                   for where, _, names in os.walk(path) for name in names
                   if len(name) == 64)

    def test_a_request_may_only_ask_for_less(self):
        self.driver.limits = (1000, 0)
        self.assertEqual((1000, 0), self.driver.limited({}))
        self.assertEqual((10, 7), self.driver.limited(
            {'limit_upload': '10', 'limit_download': '7'}))
        self.assertEqual((1000, 0), self.driver.limited(
            {'limit_upload': '2000'}))

    def test_pruning_makes_room(self):
        trees.write(os.path.join(self.source, 'large'), os.urandom(8 << 20))
        self.backup()
        trees.write(os.path.join(self.source, 'large'), b'small')
        self.backup(case.place(2))
        self.delete()
        data = os.path.join(self.repository, 'project', 'data')
        self.assertGreater(self._size(data), 8 << 20)
        self.assertEqual([], self.driver.maintain(progress.Progress()))
        self.assertLess(self._size(data), 1 << 20)
        self.assertStored(self.source, case.place(2))

    # -- locks

    @contextlib.contextmanager
    def working(self):
        """Somebody else who works with the repository."""
        url, password = self.driver.export_key('project')
        with subprocess.Popen(
                ['restic', '--no-cache', 'backup', '--stdin'],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                env=dict(os.environ, RESTIC_REPOSITORY=url,
                         RESTIC_PASSWORD=password)) as process:
            locks = os.path.join(self.repository, 'project', 'locks')
            self.eventually(lambda: os.listdir(locks))
            try:
                yield process
            finally:
                process.kill()

    def test_a_delete_beside_a_backup(self):
        trees.many(self.source, 1, 3)
        self.backup(case.place(1))
        self.backup(case.place(2))
        with self.working() as process:
            self.delete(case.place(1))
            self.assertEqual([('published', None), ('trash', None)],
                             self.states())
            with self.assertRaisesRegex(base.DriverError, 'is not in'):
                self.restore(case.place(1))
            self.driver.settings = dataclasses.replace(
                self.driver.settings, lock=0.2)
            with self.assertRaises(faults.Locked):
                self.driver.discard(case.place(1), 0)
            said, = self.driver.maintain(progress.Progress())
            self.assertIn('in use', said)
            process.stdin.close()
            process.wait()
        self.assertEqual([], self.driver.maintain(progress.Progress()))
        self.assertEqual([('published', None)], self.states())
        self.assertStored(self.source, case.place(2))

    def test_locks_of_dead_processes_of_this_host_go(self):
        trees.many(self.source, 1, 3)
        self.backup()
        with self.working():
            pass
        locks = os.path.join(self.repository, 'project', 'locks')
        self.assertEqual(1, len(os.listdir(locks)))
        self.assertEqual([], self.driver.maintain(progress.Progress()))
        self.assertEqual([], os.listdir(locks))

    def test_who_is_killed_while_it_prunes_keeps_nobody_out(self):
        for number in (1, 2):
            trees.many(self.source, 3, 100, seed=number, size=60_000)
            self.backup(case.place(number))
        kept = trees.snapshot(self.source)
        self.delete(case.place(1))
        locks = os.path.join(self.repository, 'project', 'locks')
        process = case.Process(self.driver.maintain)

        def locked():       # not what is to become a lock
            return [name for name in os.listdir(locks) if len(name) == 64]

        while not locked():
            self.assertTrue(process._process.is_alive())
        process.signal(signal.SIGSTOP)
        name, = locked()
        self.assertTrue(json.loads(self.bare(
            'project', 'cat', 'lock', name, '--no-lock'))['exclusive'])
        process.kill()
        self.driver = self.make_driver(host='another')
        self.driver.check()
        self.backup(case.place(3))
        self.assertEqual([], os.listdir(locks))
        for number in (2, 3):
            self.assertStored(kept, case.place(number))

    def test_a_check_keeps_nobody_out(self):
        trees.many(self.source, 1, 3)
        self.backup()
        self.driver.settings = dataclasses.replace(
            self.driver.settings, lock=0.0)
        with self.working():
            self.assertEqual([], self.verify())
        locks = os.path.join(self.repository, 'project', 'locks')
        before = set(os.listdir(locks))
        process = case.Process(self.driver.verify, case.place())
        seen = set()
        while process._process.is_alive():
            seen.update(os.listdir(locks))
        self.assertEqual([], process.result())
        self.assertEqual(before, seen | before)

    def test_it_hangs(self):
        path = os.path.join(self.scratch, 'hangs')
        with open(path, 'w') as script:
            script.write('#!/bin/sh\n[ "$1" = version ] && exec restic '
                         'version\nexec sleep 1000\n')
        os.chmod(path, 0o700)
        self.driver = self.make_driver(program=path, stall=1.0)
        with self.assertRaisesRegex(base.RepositoryUnavailable,
                                    'neither') as caught:
            self.backup()
        self.assertTrue(caught.exception.retryable)

    def test_no_program(self):
        with self.assertRaisesRegex(base.RepositoryUnavailable, '/nowhere'):
            self.make_driver(program='/nowhere').check()
