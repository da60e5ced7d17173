# SPDX-License-Identifier: Apache-2.0
"""Backups that continue the one before, of a share on a real btrfs, beside
others of the same snapshot that look at everything."""

import os
import shutil

import testtools

from manila_backup.copying import manifest
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from manila_backup.drivers.posix import driver
from manila_backup.drivers.posix import metadata
from manila_backup.drivers import progress
from manila_backup.fs import dirent
from manila_backup.fs import handles
from manila_backup.shares import base
from manila_backup.shares import local
from tests.functional import disks


def entries(directory):
    """Read what a manifest says.

    :returns: (dict of a path to what its line has, but for numbers of
        directories, and the group of names that it is in; the Manifest).
    """
    fd = manifest.open_in(directory)
    try:
        found = manifest.Manifest(fd)
        said = {}
        for span in found.directories:
            for path, entry in found.described(span):
                said[path] = entry._replace(extra=None)
        for span in found.blocks:
            for path, text, links in found.groups(span):
                names = sorted([
                    handles.join(path, text.split(b' ', 2)[1]),
                    *(handles.join(below, link.split(b' ')[1])
                      for below, link in links)])
                entry = (text if text[:2] == b'U ' else
                         dirent.parse(text)._replace(name=b''))
                for name in names:
                    said[name] = entry, names
        return said, found
    finally:
        os.close(fd)


class Continued(testtools.TestCase):
    """A share ``a``, a repository, and one beside it."""

    EVERY = 100
    SIZE = 400 * disks.MIB

    def setUp(self):
        super().setUp()
        self.disk = self.useFixture(disks.Disk(self.SIZE, 'btrfs'))
        self.shares = os.path.join(self.disk.path, 'shares')
        self.source = local.LocalShares(self.shares, 'auto')
        self.share = base.ShareRef('a', 'p1')
        self.source.create(self.share)
        self.repository = self.make_repository()
        self.driver = self.make_driver(self.repository, self.EVERY)
        self.beside = self.make_driver(self.repository + '-beside', 1)
        self.progress = progress.Progress()
        self.number = 0
        self.taken = []

    def make_repository(self):
        return os.path.join(self.disk.path, 'repository')

    def make_driver(self, path, every, **kwargs):
        found = driver.PosixDriver(path, 2, full_scan_every=every, **kwargs)
        found.check(create=True)
        return found

    def at(self, *names):
        return os.path.join(self.shares, 'a', *names)

    def write(self, *names, data=b'x'):
        with open(self.at(*names), 'wb') as file:
            file.write(data)

    def folder(self, place, path=None):
        return os.path.join(path or self.repository, place.project_id,
                            place.share_id, place.backup_id)

    def back_up(self, continues=None, **kwargs):
        """Make the next backup, and check it.

        :param continues: bool, whether it is to continue the one before;
            None if it may.
        :returns: (its place, the Result).
        """
        self.number += 1
        place = case.place(self.number)
        job = base.Job('op', place.backup_id, 1)
        with self.source.use(self.share, job, self.progress) as view:
            self.assertEqual(base.SNAPSHOT, view.kind)
            self.driver.lineage = view.lineage
            result = self.driver.backup(place, 1, view.path, {}, None,
                                        progress.Progress())
            self.driver.publish(place, 1)
            shutil.rmtree(self.folder(place, self.beside.path),
                          ignore_errors=True)
            whole = self.beside.backup(place, 1, view.path, {}, None,
                                       progress.Progress())
            self.beside.publish(place, 1)
        self.taken.append(place)
        if continues is not None:
            self.assertEqual(continues, self.continues(place))
        self.assertSame(place, result, whole)
        return place, result

    def about(self, place):
        fd = os.open(self.folder(place), handles.DIRECTORY)
        try:
            return metadata.read(fd)
        finally:
            os.close(fd)

    def continues(self, place):
        return bool((self.about(place).get('lineage') or {}).get(
            'since_scan'))

    def assertSame(self, place, result, whole):
        """A backup says and has what one does that looks at everything."""
        self.assertEqual(
            (whole.files, whole.bytes, whole.problem_count, whole.missing,
             sorted(whole.problems)),
            (result.files, result.bytes, result.problem_count,
             result.missing, sorted(result.problems)))
        said = []
        for path in (self.beside.path, self.repository):
            directory = os.open(self.folder(place, path), handles.DIRECTORY)
            try:
                said.append(entries(directory))
            finally:
                os.close(directory)
        (wanted, one), (got, other) = said
        self.assertEqual(wanted, got)
        self.assertEqual((one.entries, one.bytes, one.stored_entries),
                         (other.entries, other.bytes, other.stored_entries))
        self.assertEqual(
            *(trees.snapshot(os.path.join(self.folder(place, path), 'data'))
              for path in (self.beside.path, self.repository)))
        self.assertSound(place)

    def assertSound(self, place):
        self.assertEqual([], self.driver.verify(place, progress.Progress()))


class Elsewhere(Continued):
    """The repository is on another btrfs, so that only the share counts
    generations there."""

    def make_repository(self):
        self.other = self.useFixture(disks.Disk(self.SIZE, 'btrfs'))
        return os.path.join(self.other.path, 'repository')
