# SPDX-License-Identifier: Apache-2.0
"""Restores into shares that are nearly full; ``make fidelity`` has more."""

from tests.functional.drivers import room


class Ext4Test(room.Room):

    pass


class QuotaTest(room.QuotaRoom):

    pass


class TmpfsTest(room.TmpfsRoom):

    pass
