# SPDX-License-Identifier: Apache-2.0

from tests.functional.drivers import still


class StillExt4Test(still.Still):

    pass


class StillXfsTest(still.StillXfs):

    pass


class StillBtrfsTest(still.StillBtrfs):

    pass
