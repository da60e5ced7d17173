# SPDX-License-Identifier: Apache-2.0
"""File systems that do odd things with single entries, and such as are mounted
in a share."""

from tests.functional.drivers import kept
from tests.functional.drivers import mounted
from tests.functional.drivers import odd
from tests.functional.drivers import test_nfs
from tests.functional.drivers import test_odd
from tests.functional.drivers import test_posix


class OddTest(test_posix.PosixMixin, odd.Odd):

    pass


class MountsTest(test_posix.PosixMixin, mounted.Mounts):

    pass


class PathsAndMountsTest(test_posix.PosixMixin, mounted.PathsAndMounts):

    pass


class NfsOddTest(test_nfs.NfsMixin, odd.Odd):
    """Odd entries on an export that the driver mounts."""


class ResticOddTest(test_odd.ResticOddTest):

    pass


class ResticMountsTest(test_odd.ResticMountsTest):

    pass


class ResticPathsAndMountsTest(test_odd.ResticPathsAndMountsTest):

    pass


load_tests = kept.load_tests
