# SPDX-License-Identifier: Apache-2.0
"""Generated trees, in short; ``make fidelity`` has more of them."""

from tests.functional.drivers import faithful


class Ext4Test(faithful.Faithful):

    pass


class XfsTest(faithful.Faithful):

    filesystem = 'xfs'


class BtrfsTest(faithful.Faithful):

    filesystem = 'btrfs'


class ElsewhereTest(faithful.Elsewhere):

    pass


class BoundedTest(faithful.Bounded):

    pass
