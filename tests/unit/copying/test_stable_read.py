# SPDX-License-Identifier: Apache-2.0

import errno
import os
import tempfile
from unittest import mock

import testtools

from manila_backup.copying import stable_read
from manila_backup.fs import content


class OpenFileTestCase(testtools.TestCase):
    """Something that is denied may be a device, or have been one a moment ago.
    """

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, 'f')
        self.directory = os.open(folder.name, os.O_RDONLY)
        self.addCleanup(os.close, self.directory)
        self.put()

    def put(self):
        """Another file in the place of the one that is there."""
        with open(self.path + '.new', 'x') as file:
            file.write('x')
        os.rename(self.path + '.new', self.path)

    def open(self, *before):
        """Open it; what is called at each attempt but the last raises."""
        attempts, real = list(before), os.open

        def denied(*args, **kwargs):
            if attempts:
                attempts.pop(0)()
                raise OSError(errno.EACCES, '')
            return real(*args, **kwargs)

        with mock.patch.object(os, 'open', denied):
            os.close(stable_read.open_file(self.directory, 'f'))

    def nothing(self):
        pass

    def test_denied(self):
        self.assertRaises(PermissionError, self.open,
                          *[self.nothing] * 2)

    def test_something_else_meanwhile(self):
        self.open(self.nothing)

    def test_others_all_the_time(self):
        self.assertRaises(content.Changed, self.open, self.put, self.put)

    def test_something_else(self):
        def plant():
            os.unlink(self.path)
            os.mkfifo(self.path)

        self.assertRaises(stable_read.Other, self.open, plant)
        os.unlink(self.path)
        self.assertRaises(stable_read.Other, self.open, self.nothing)
