# SPDX-License-Identifier: Apache-2.0

import os
import pickle
import signal
import subprocess
import time

from manila_backup import conf as config
from manila_backup.drivers import base
from manila_backup.drivers.conformance import browsable
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import indexed
from manila_backup.drivers.conformance import path_restores
from manila_backup.drivers.conformance import trees
from manila_backup.drivers.nfs import driver
from manila_backup.drivers.nfs import mount
from tests.functional import disks
from tests.functional.drivers import kept

BIND = 'mount --bind {export} {path}'


class NfsMixin:
    """An export that is a directory of this host."""

    template = BIND

    def make_driver(self, **options):
        self.repository = os.path.join(self.scratch, 'export')
        os.makedirs(self.repository, exist_ok=True)
        options = {'export': self.repository, 'mount_template': self.template,
                   'mount_point_base': os.path.join(self.scratch, 'mounts'),
                   **options}
        loaded = config.load([], 'test', default_config_files=[])
        for name, value in options.items():
            loaded.set_override(name, value, 'nfs')
        made = driver.NfsDriver.from_conf(loaded)
        self.addCleanup(self.unmount, made)
        return made

    def unmount(self, made):
        mine = mount._mounts.pop(made._mount.settings, None)
        if mine:
            mine.close()

    def data(self, place):
        return os.path.join(self.repository, place.project_id,
                            place.share_id, place.backup_id, 'data')


class NfsConformanceTest(NfsMixin, browsable.Browsable):
    """The part of the suite in which the repository is opened in every way;
    "make fidelity" runs all of it. The copying is the posix driver's."""

    KEPT = frozenset((
        'test_everything_and_back',
        'test_restore_undoes_every_change',
        'test_nothing_is_visible_before_it_is_published',
        'test_discard_takes_only_what_was_not_published',
        'test_contents_say_whose_and_how_far',
        'test_delete_removes_every_attempt',
        'test_a_description',
        'test_a_driver_can_be_pickled',
        'test_a_share_that_is_not_there',
        'test_a_share_and_a_repository_within_one_another',
    ))


class NfsIndexedTest(NfsMixin, indexed.Indexed):
    """Looking into backups on a mount."""


class NfsPathsTest(NfsMixin, path_restores.PathRestores):
    """Restores of chosen paths: those in which the index is another way to be
    had."""

    KEPT = frozenset((
        'test_one_file',
        'test_everything_beside',
        'test_many_entries',
        'test_conflicts_that_fail',
        'test_all_but_what_is_damaged_is_restored',
        'test_what_a_killed_process_left',
    ))

    def damage(self, path):
        browsable.flip(os.path.join(os.fsencode(self.data(case.place())),
                                    path))


load_tests = kept.load_tests


class MountTest(NfsMixin, case.Case):
    """Mounting of the export, its loss, and mounting it again."""

    def setUp(self):
        super().setUp()
        self.point = os.path.join(self.scratch, 'mounts', 'nfs')

    def anew(self, **options):
        """Another mount than the one that every test begins with."""
        self.unmount(self.driver)
        self.driver = self.make_driver(**options)
        return self.driver

    def counted(self, script='exec mount --bind "$1" "$2"'):
        """A template that notes each mount in a file, and that file."""
        log = os.path.join(self.scratch, 'log')
        return (f"sh -c 'echo mounted >>{log}; {script}' sh "
                '{export} {path}', log)

    def lines(self, path):
        with open(path) as file:
            return len(file.readlines())

    def eventually(self, check):
        end = time.monotonic() + 20
        while not check():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.02)

    # -- in order

    def test_nobody_else_sees_it(self):
        trees.many(self.source, 2, 3)
        self.backup()
        with open('/proc/self/mountinfo') as mounts:
            self.assertNotIn(self.point, mounts.read())
        self.assertEqual([], os.listdir(self.point))
        self.assertSame(self.source, self.data(case.place()))
        self.assertEqual(1, len(disks.processes('keeper.py', self.point)))
        self.unmount(self.driver)
        self.assertEqual([], disks.processes('keeper.py', self.point))
        self.assertEqual([], self.verify())

    def test_a_file_system_on_a_loop_device(self):
        image = os.path.join(self.scratch, 'an image; $(of) a "disk"')
        with open(image, 'wb') as file:
            file.truncate(16 << 20)
        subprocess.run(['mkfs.ext4', '-q', image], check=True)
        self.anew(export=image, mount_options='loop,noatime',
                  mount_template='mount -o {options} {export} {path}')
        self.driver.check(create=True)
        trees.everything(self.source)
        self.assertEqual((), self.backup().problems)
        self.restore()
        self.assertSame(self.source, self.target)

    def test_one_mount_for_all_processes(self):
        template, log = self.counted()
        self.anew(mount_template=template).check(create=True)
        trees.many(self.source, 2, 3)
        self.driver = pickle.loads(pickle.dumps(self.driver))
        mine = mount._mounts.pop(self.driver._mount.settings)
        self.addCleanup(mine.close)
        self.backup()       # as another process would
        self.assertEqual(1, self.lines(log))
        self.assertIsInstance(mount._mounts[self.driver._mount.settings],
                              mount._BorrowedMount)

    def test_who_is_killed_leaves_nothing(self):
        self.anew(mount_template='bindfs {export} {path}')
        process = case.Process(self.hold)
        self.eventually(lambda: disks.processes('bindfs', self.point))
        process.kill()
        self.eventually(lambda: not disks.processes('bindfs', self.point)
                        and not disks.processes('keeper.py', self.point))

    def test_who_is_killed_while_it_is_mounted_leaves_nothing(self):
        template, log = self.counted('sleep 1; exec bindfs "$1" "$2"')
        self.anew(mount_template=template)
        process = case.Process(self.hold)
        self.eventually(lambda: os.path.exists(log))
        process.kill()
        self.eventually(
            lambda: not disks.processes('keeper.py', self.point))
        self.eventually(lambda: not disks.processes('bindfs', self.point))

    def hold(self, counted):
        mount._mounts.clear()
        self.driver.check()
        time.sleep(1000)

    # -- not to be mounted

    def assertUnavailable(self, text, made):
        with self.assertRaisesRegex(base.RepositoryUnavailable, text) as got:
            made.check(create=True)
        self.assertTrue(got.exception.retryable)
        self.assertEqual([], os.listdir(self.point))
        self.assertEqual([], disks.processes('keeper.py', self.scratch))

    def test_it_fails(self):
        self.assertUnavailable('gone', self.anew(
            export=os.path.join(self.scratch, 'gone'), mount_attempts=1))
        self.assertUnavailable('No such file', self.anew(
            mount_template='/no/such/command {path}', mount_attempts=1))
        self.assertUnavailable('did not end', self.anew(
            mount_template='sh -c "sleep 1000" {path}', mount_timeout=10))
        self.eventually(lambda: not disks.processes('sh', self.point))

    def test_it_says_that_it_works_and_does_nothing(self):
        self.assertUnavailable('nothing is mounted', self.anew(
            mount_template='true {path}', mount_attempts=1))

    def test_it_works_the_third_time(self):
        template, log = self.counted(
            'test $(wc -l <"$0") = 3 && exec mount --bind "$1" "$2"')
        self.anew(mount_template=template.replace("' sh ", f"' {log} "))
        self.driver.check(create=True)
        self.assertEqual(3, self.lines(log))

    def test_something_else_is_mounted(self):
        self.backup()
        other = self.make('other')
        self.anew(export=other)
        with self.assertRaisesRegex(base.RepositoryUnavailable, 'mounted'):
            self.driver.check()
        self.assertEqual([], os.listdir(other))

    # -- lost

    def lose(self):
        """Have the file system's process die."""
        for pid in disks.processes('bindfs', self.point):
            os.kill(pid, signal.SIGKILL)
        self.eventually(lambda: not disks.processes('bindfs', self.point))

    def fuse(self, **options):
        self.anew(mount_template='bindfs {export} {path}', **options)
        self.driver.check(create=True)

    def test_lost_between_two_operations(self):
        self.fuse()
        trees.many(self.source, 2, 3)
        self.backup()
        self.lose()
        self.assertEqual([], self.verify())
        self.lose()
        self.assertEqual([base.ItemState.PUBLISHED], [
            each.state for each in self.driver.contents()])
        self.assertEqual(1, len(disks.processes('bindfs', self.point)))
        self.assertEqual([], os.listdir(self.point))

    def test_no_answer(self):
        self.fuse(mount_timeout=10)
        self.backup()
        for pid in disks.processes('bindfs', self.point):
            os.kill(pid, signal.SIGSTOP)
            self.addCleanup(os.kill, pid, signal.SIGKILL)
        self.assertEqual([], self.verify())

    def test_lost_in_a_backup(self):
        self.fuse()
        trees.many(self.source, 20, 40)
        process = case.Process(
            self.driver.backup, case.place(), 1, self.source, {}, None)
        process.wait_for_files(200)
        self.lose()
        with self.assertRaises(base.DriverError) as got:
            process.result()
        self.assertTrue(got.exception.retryable, got.exception)
        self.backup(attempt=2)
        self.assertSame(self.source, self.data(case.place()))
        self.assertEqual([], os.listdir(self.point))

    def test_lost_in_a_verification_is_no_damage(self):
        self.fuse()
        trees.many(self.source, 20, 40)
        self.backup()
        process = case.Process(self.driver.verify, case.place())
        process.wait_for_files(50)
        self.lose()
        with self.assertRaises(base.DriverError) as got:
            process.result()
        self.assertNotIsInstance(got.exception, base.DamagedBackup)
        self.assertTrue(got.exception.retryable, got.exception)
        self.assertEqual([], self.verify())
