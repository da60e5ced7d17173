# SPDX-License-Identifier: Apache-2.0

from tests.functional.drivers import odd
from tests.functional.drivers import test_posix
from tests.functional.drivers import test_restic


class PosixOddTest(test_posix.PosixMixin, odd.Odd):

    pass


class PosixMountsTest(test_posix.PosixMixin, odd.Mounts):

    pass


class ResticMountsTest(test_restic.ResticMixin, odd.Mounts):

    pass


class ResticOddTest(test_restic.ResticMixin, odd.Odd):

    KEEPS_UNLISTED = False
