# SPDX-License-Identifier: Apache-2.0
"""Base of the tests of what must not lead out of a root."""

import os
import tempfile

import testtools


class TestCase(testtools.TestCase):
    """A tree, and another one beside it that nothing must reach.

    :ivar root: int, descriptor of ``root``, in which is ``a/b/c``; beside it
        is ``outside``, with ``b`` in it.
    """

    def setUp(self):
        super().setUp()
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        os.makedirs(self.path('root/a/b/c'))
        os.makedirs(self.path('outside/b'))
        self.root = os.open(self.path('root'), os.O_RDONLY)
        self.addCleanup(os.close, self.root)

    def path(self, name):
        return os.path.join(self.directory.name, name)
