# SPDX-License-Identifier: Apache-2.0
"""File systems that do odd things with single entries, and such as are mounted
in a share."""

from tests.functional.drivers import odd
from tests.functional.drivers import test_nfs
from tests.functional.drivers import test_odd
from tests.functional.drivers import test_posix


class OddTest(test_posix.PosixMixin, odd.Odd):

    pass


class MountsTest(test_posix.PosixMixin, odd.Mounts):

    pass


class NfsOddTest(test_nfs.NfsMixin, odd.Odd):
    """The same on an export that the driver mounts."""


class ResticOddTest(test_odd.ResticOddTest):

    pass


class ResticMountsTest(test_odd.ResticMountsTest):

    pass
