# SPDX-License-Identifier: Apache-2.0
"""Indexes of backups in repositories of restic."""

import os
import shutil
import threading

from manila_backup.drivers import base
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import indexed
from manila_backup.drivers.conformance import trees
from tests.functional.drivers import test_restic


class ResticIndexedTest(test_restic.ResticMixin, indexed.Indexed):
    """Backups whose indexes are made when they are asked for."""

    def _indexes(self):
        """The names of the indexes that are kept."""
        return [name for name in os.listdir(self.folder)
                if not name.endswith('.mark')]

    def _broken(self, damage):
        trees.many(self.source, 1, 3)
        self.backup()
        self.index()
        name, = self._indexes()
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
        other, = self._indexes()
        self._broken_by(os.path.join(self.folder, other))

    def _broken_by(self, other):
        trees.many(self.source, 2, 2)
        self.backup()
        self.index()
        mine, = (name for name in self._indexes()
                 if name.startswith(case.place().backup_id))
        shutil.copy(other, os.path.join(self.folder, mine))
        self.assertListed(self.index())

    def test_what_is_dropped(self):
        self.backup()
        self.backup(case.place(2))
        for place in (case.place(), case.place(2)):
            self.index(place)
        self.driver.drop_index(case.place(2), self.folder)
        name, = self._indexes()
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
        self.assertEqual([], self._indexes())

    def test_a_listing_that_has_less(self):
        os.symlink('target', os.path.join(self.source, 'link'))
        self.backup()
        self.driver = self.make_driver(program=self._listing(
            'case "$*" in *--long*) exit 0;; esac'))
        with self.assertRaisesRegex(base.DriverError, 'could not be made'):
            self.index()

    def test_a_directory_that_is_all_that_is_read(self):
        program, log = self.logged()
        trees.many(self.source, 2, 3)
        self.backup()
        self.driver = self.make_driver(program=program)
        for _ in range(2):
            with self.driver.open_directory(case.place(), self.folder,
                                            b'd1') as index:
                self.assertListed(index, b'd1')
        with open(log) as file:
            ran = file.read()
        self.assertEqual(1, ran.count(' cat tree '), ran)
        self.assertNotIn(' ls ', ran)
        self.driver.drop_index(case.place(), self.folder)
        self.assertEqual([], os.listdir(self.folder))

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
