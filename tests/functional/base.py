# SPDX-License-Identifier: Apache-2.0
"""Common parts of the functional tests."""

import os
import random

import testtools

from tests.functional import cloud


class Content:
    """Content of shares, for tests to make and to compare."""

    def fill(self, path, files, size, seed=0):
        """Fill a directory with files of random content.

        :returns: dict of path below it to content.
        """
        random_ = random.Random(seed)
        made = {}
        for number in range(files):
            name = os.path.join(f'd{number % 10}', f'f{number}')
            os.makedirs(os.path.join(path, f'd{number % 10}'), exist_ok=True)
            made[name] = random_.randbytes(size)
            with open(os.path.join(path, name), 'wb') as file:
                file.write(made[name])
        return made

    def content(self, path):
        """The regular files of a directory, like what :meth:`fill` made."""
        found = {}
        for folder, _, names in os.walk(path):
            for name in names:
                full = os.path.join(folder, name)
                if os.path.islink(full):
                    continue
                with open(full, 'rb') as file:
                    found[os.path.relpath(full, path)] = file.read()
        return found


class TestCase(Content, testtools.TestCase):
    """A test with a cloud of its own.

    :cvar server: the database server, for subclasses to say.
    :cvar options: configuration that differs from the fixture's.
    :cvar cloud_class: the fixture's class.
    """

    server = 'mysql'
    options = {}
    cloud_class = cloud.Cloud

    def setUp(self):
        super().setUp()
        self.cloud = self.useFixture(
            self.cloud_class(self.server, **self.options))
