# SPDX-License-Identifier: Apache-2.0

import os
import tempfile
from unittest import mock

from oslotest import base

from manila_backup.fs import spools


class InMemory(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        with tempfile.TemporaryFile() as file:
            self.spool = spools.Spool(os.dup(file.fileno()), in_memory=True)
        self.addCleanup(self.spool.close)

    def test_what_is_too_much_is_in_the_file(self):
        things = [b'x' * size for size in (10, 40, 60, 5, 200, 1)]
        with mock.patch.object(spools, '_IN_MEMORY', 100):
            places = [self.spool.put(each) for each in things]
            self.assertEqual(things, [self.spool.get(*place)
                                      for place in places])
        beyond = [place for place in places if place[0] >= 100]
        # No thing is in both.
        self.assertEqual(100, min(beyond)[0])
        self.assertLess(max(sum(place) for place in places
                            if place not in beyond), 101)
        self.assertEqual(self.spool.size, os.fstat(self.spool.fd).st_size)

    def test_nothing_is_in_the_file_before(self):
        self.spool.get(*self.spool.put([1, 2, 3]))
        self.assertEqual(0, os.fstat(self.spool.fd).st_size)
