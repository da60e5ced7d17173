# SPDX-License-Identifier: Apache-2.0
"""The restic driver on repositories in local directories."""

import atexit
import contextlib
import functools
import os
import shutil
import subprocess
import tempfile
import threading

from manila_backup.drivers import base
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import limits
from manila_backup.drivers.conformance import suite
from manila_backup.drivers.conformance import trees
from manila_backup.drivers import progress
from manila_backup.drivers.restic import command
from manila_backup.drivers.restic import driver
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
        command.ResticSettings('restic', {}, os.path.join(state, 'cache'),
                               os.path.join(state, 'share'), 60.0, 20.0),
        keys.DerivedKeys(keys.Secret(os.path.join(folder.name, 'password'))),
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
        settings = command.ResticSettings(
            kwargs.pop('program', 'restic'), {}, os.path.join(state, 'cache'),
            os.path.join(state, 'share'), kwargs.pop('stall', 60.0),
            kwargs.pop('lock', 20.0))
        return driver.ResticDriver(
            kwargs.pop('url', self.repository), settings,
            keys.DerivedKeys(keys.Secret(secret)),
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


class ResticFoldingTest(ResticMixin, folding.Folding):
    pass


class ResticTest(ResticMixin, case.Case):
    """Promises of this driver alone."""

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
