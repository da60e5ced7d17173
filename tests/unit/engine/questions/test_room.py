# SPDX-License-Identifier: Apache-2.0

import os
import tempfile
import time
import unittest

from manila_backup.engine.questions import room


class TestRoom(unittest.TestCase):

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.room = room.Room(self.folder, 250)

    def add(self, name, hours, size=100):
        """Add a file that was asked for some hours ago."""
        path = os.path.join(self.folder, name)
        with open(path, 'wb') as target:
            target.write(bytes(size))
        when = time.time() - 3600 * hours
        os.utime(path, (when, when))

    def left(self, asked):
        self.room.tidy(asked)
        return sorted(os.listdir(self.folder))

    def test_what_fits_stays(self):
        self.add('a.1', 90)
        self.add('b.1', 80)
        self.assertEqual(['a.1', 'b.1'], self.left('b'))

    def test_what_was_not_asked_for_the_longest_goes(self):
        self.add('a.1', 3)
        self.add('b', 2)
        self.add('c.1', 1)
        self.assertEqual(['a.1', 'c.1'], self.left('a'))
        self.add('d.1', 0.5)
        self.assertEqual(['a.1', 'd.1'], self.left('d'))

    def test_what_was_asked_for_just_now_stays_however_large(self):
        self.add('a.1', 3, 1000)
        self.add('b.1', 2)
        self.assertEqual(['a.1'], self.left('a'))

    def test_what_is_being_made_stays_and_what_was_left_goes(self):
        for name, hours in (('tmpnew', 1), ('tmpold', 30)):
            path = os.path.join(self.folder, name)
            os.mkdir(path)
            self.add(os.path.join(name, 'contents'), hours, 1000)
            when = time.time() - 3600 * hours
            os.utime(path, (when, when))
        self.add('tmpfile', 30)
        self.add('a.1', 1)
        self.assertEqual(['a.1', 'tmpnew'], self.left('a'))

    def test_no_directory(self):
        room.Room(os.path.join(self.folder, 'none'), 1).tidy('a')
