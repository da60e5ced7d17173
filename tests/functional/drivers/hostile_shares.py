# SPDX-License-Identifier: Apache-2.0
"""Counterpart of :mod:`.hostile`, which is for drivers, for shares: somebody
changes the way to one, or what is in one, while it is used.

In short with every run of the functional tests, and at length by
``make fidelity``.
"""

import os
import shutil
import subprocess
import tempfile
import time
from unittest import mock

from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from manila_backup.drivers.posix import driver as posix
from manila_backup.drivers import progress
from manila_backup.engine import child
from manila_backup.fs import spools
from manila_backup.shares import base as shares
from manila_backup.shares import local
from tests.functional.drivers import hostile


class Taker:
    """Takes snapshots of shares, and looks like a driver to a test."""

    def __init__(self, path):
        self.shares = local.LocalShares(path)

    def check(self, create):
        self.shares.identify_root([])

    def prepare(self, *args, **kwargs):
        pass

    publish = prepare

    def backup(self, place, attempt, source, options, record, counted):
        return self.shares.create_snapshot(
            shares.ShareRef('share', 'p', source), place.backup_id, attempt,
            counted)

    def verify(self, place, counted):
        return []

    def delete(self, place, counted):
        self.shares.remove_snapshot(shares.ShareRef('share', 'p'),
                                    place.backup_id, counted)


class HostileSnapshots(hostile.Hostile):
    """A share that somebody changes while a snapshot of it is made."""

    # Nothing is restored from one.
    test_a_target_that_changes_all_the_time = None
    test_a_device_in_the_place_of_a_file = None

    def make_driver(self):
        return Taker(os.path.join(self.scratch, 'shares'))

    def data(self, place):
        return self.driver.shares.snapshot_directory(
            shares.ShareRef('share', 'p'), place.backup_id)

    def planted(self, name, plant):
        """Make a snapshot while something is put in the place of a file
        or directory just after that was seen."""
        put = spools.Spool.put
        path = os.path.join(self.source, name)

        def put_and_plant(spool, thing):
            if os.path.exists(path) and not os.path.exists(path + '.away'):
                os.rename(path, path + '.away')
                plant(path)
            return put(spool, thing)

        self.watch.events()
        with mock.patch.object(spools.Spool, 'put', put_and_plant):
            # As a worker does, which could end it.
            running = case.Process(self.driver.backup, case.place(), 1,
                                   self.source, {}, None)
            running.result()
        self.assertEqual(set(), self.watch.events())
        self.assertEqual(self.outside, self.facts())
        return os.path.join(self.data(case.place()), name)

    def test_a_fifo_in_the_place_of_a_file(self):
        trees.write(os.path.join(self.source, 'f'), b'x')
        found = self.planted('f', os.mkfifo)
        self.assertTrue(os.path.exists(found))
        self.assertFalse(os.path.isfile(found))

    def test_a_link_in_the_place_of_a_directory(self):
        os.mkdir(os.path.join(self.source, 'd0'))
        trees.write(os.path.join(self.source, 'd0', 'f0'), b'x')
        found = self.planted('d0', lambda path: os.symlink(
            os.path.join(self.canary, 'd0'), path))
        self.assertFalse(os.path.islink(found))
        if os.path.exists(os.path.join(found, 'f0')):
            with open(os.path.join(found, 'f0'), 'rb') as file:
                self.assertEqual(b'x', file.read())


class HostileWays(hostile.Hostile):
    """Somebody swaps the directories above an adopted share, and the share,
    for links to where only root may go."""

    test_a_share_that_changes_all_the_time = None
    test_a_target_that_changes_all_the_time = None
    test_a_device_in_the_place_of_a_file = None

    def make_driver(self):
        return posix.PosixDriver(os.path.join(self.scratch, 'repository'), 2)

    def make_share(self, path):
        os.mkdir(path)

    def make_source(self):
        return local.LocalShares(os.path.join(self.scratch, 'shares'))

    def assertOwn(self, place):
        """Assert that a backup has nothing but what was in the share."""
        found = tempfile.mkdtemp(dir=self.scratch)
        self.restore(place, target=found)
        for name in os.listdir(found):
            self.assertEqual('f0', name)
            with open(os.path.join(found, name), 'rb') as file:
                self.assertEqual(b'the share\'s', file.read())
        shutil.rmtree(found)

    def test_ways_that_change_all_the_time(self):
        path = os.path.join(self.source, 'above', 'd0')
        os.mkdir(os.path.dirname(path))
        self.make_share(path)
        trees.write(os.path.join(path, 'f0'), b'the share\'s')
        source = self.make_source()
        source.identify_root([])
        share = shares.ShareRef('share', 'p', path)
        share = shares.ShareRef('share', 'p', path, source.adopt(share))
        done = dict.fromkeys(('backup', 'restore', 'snapshot', 'remove'), 0)

        def attempt(name, function, *args):
            try:
                function(*args)
                done[name] += 1
            except shares.ShareError:
                pass

        def backup(place):
            self.get_ready(place)
            child.back_up(self.driver, source, share,
                          shares.Job('op', place.backup_id, 1), place, {},
                          {}, progress.Progress())
            self.driver.publish(place, 1)
            self.assertOwn(place)

        def restore():
            child.restore(self.driver, source, share,
                          shares.Job('op', 'r', 1, False), first,
                          progress.Progress())

        first = case.place(1)
        backup(first)

        def run(number):
            place = case.place(number + 1)
            attempt('backup', backup, place)
            attempt('restore', restore)
            attempt('snapshot', source.create_snapshot, share,
                    f's-{number}', 1, progress.Progress())
            attempt('remove', source.remove, share, progress.Progress())
            self.driver.delete(place, progress.Progress())

        self.under_attack(self.source, run, swap_ways)
        # The attacker was stopped in the middle.
        _put_back(self.source)
        run(1_000_000)
        self.assertTrue(all(done.values()), done)
        self.assertNothingHeld(source, share)

    def assertNothingHeld(self, source, share):
        """Assert that what was left can be removed, and has been."""
        for _, backup_id, number in list(source.held()):
            source.release(share, shares.Job('op', backup_id, number))
        self.assertEqual([], list(source.held()))


class Holding(local.LocalShares):
    """One that notes what kinds of views it has given."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.kinds = set()

    def hold(self, *args, **kwargs):
        view = super().hold(*args, **kwargs)
        self.kinds.add(view.kind)
        return view


class BtrfsHostileWays(HostileWays):
    """Hostile ways to a share that is a subvolume of its own, whose snapshots
    are made beside it: in a directory that is swapped, too."""

    place = 'scratch'

    def make(self, name):
        if name == 'source':
            self.disk = self.loop(300 << 20, 'btrfs')
        path = os.path.join(
            self.scratch if name == 'target' else self.disk, name)
        os.mkdir(path)
        return path

    def make_share(self, path):
        subprocess.run(['btrfs', '-q', 'subvolume', 'create', path],
                       check=True)

    def make_source(self):
        return Holding(os.path.join(getattr(self, self.place), 'shares'))

    def assertNothingHeld(self, source, share):
        super().assertNothingHeld(source, share)
        self.assertIn(shares.SNAPSHOT, source.kinds)
        said = subprocess.run(
            ['btrfs', 'subvolume', 'list', '-s', self.disk], check=True,
            capture_output=True, text=True).stdout
        self.assertEqual('', said)


class BtrfsDirectoryWays(BtrfsHostileWays):
    """A share that is a directory, of which only the whole file system can
    have a snapshot, with what is outside in it; made where others are."""

    place = 'disk'

    def make_share(self, path):
        os.mkdir(path)


def swap_ways(root, canary, devices):
    """Swap what is above a share, and the share, until killed."""
    os.chdir(root)
    while True:
        try:
            for name, target in (('above', canary),
                                 ('above/d0', os.path.join(canary, 'd0'))):
                os.rename(name, name + '.away')
                os.symlink(target, name)
                time.sleep(0.001)
                os.unlink(name)
                os.rename(name + '.away', name)
                time.sleep(0.001)
        except OSError:
            pass


def _put_back(root):
    for name in 'above', 'above/d0':
        path = os.path.join(root, name)
        if os.path.lexists(path + '.away'):
            if os.path.lexists(path):
                os.unlink(path)
            os.rename(path + '.away', path)
