# SPDX-License-Identifier: Apache-2.0

from tests.functional.drivers import odd
from tests.functional.drivers import test_posix


class PosixOddTest(test_posix.PosixMixin, odd.Odd):

    pass


class PosixMountsTest(test_posix.PosixMixin, odd.Mounts):

    pass
