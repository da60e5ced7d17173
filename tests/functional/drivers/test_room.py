# SPDX-License-Identifier: Apache-2.0
"""Restores into shares that are nearly full; ``make fidelity`` has more."""

from tests.functional.drivers import room
from tests.functional.drivers import test_restic


class Ext4Test(room.Room):

    pass


class QuotaTest(room.QuotaRoom):

    pass


class TmpfsTest(room.TmpfsRoom):

    pass


class PathsExt4Test(room.PathRoom):

    pass


class PathsQuotaTest(room.PathQuotaRoom):

    pass


class PathsTmpfsTest(room.PathTmpfsRoom):

    pass


class ResticTest(test_restic.ResticMixin, room.Room):
    """The repository and the staging directory have room."""

    def make_driver(self):
        self.share = self.small()
        return super().make_driver()
