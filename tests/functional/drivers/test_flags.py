# SPDX-License-Identifier: Apache-2.0
"""Inode flags and project ids, on each file system."""

from tests.functional.drivers import flags


class Ext4Test(flags.Flags):

    pass


class XfsTest(flags.Projects):

    pass


class BtrfsTest(flags.NoCopyOnWrite):

    pass
