# SPDX-License-Identifier: Apache-2.0
"""Restores into shares that are nearly full, on larger file systems."""

from tests.functional.drivers import room


class XfsTest(room.XfsRoom):

    pass


class BtrfsTest(room.BtrfsRoom):

    pass


class PathsXfsTest(room.PathXfsRoom):

    pass


class PathsBtrfsTest(room.PathBtrfsRoom):

    pass
