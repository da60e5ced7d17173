# SPDX-License-Identifier: Apache-2.0
"""Generated trees, as many as there is time for, and large ones."""

import os

import hypothesis

from tests.functional.drivers import faithful

EXAMPLES = int(os.environ.get('MANILA_BACKUP_TEST_EXAMPLES') or 300)

#: Others each time, and what fails is made as small as it can be.
SETTINGS = hypothesis.settings(
    faithful.SETTINGS, derandomize=False, print_blob=True,
    phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink))


class Ext4Test(faithful.Faithful):

    examples = EXAMPLES
    settings = SETTINGS


class XfsTest(Ext4Test):

    filesystem = 'xfs'


class BtrfsTest(Ext4Test):

    filesystem = 'btrfs'


class LargeExt4Test(faithful.Large):

    pass


class LargeXfsTest(faithful.Large):

    filesystem = 'xfs'


class LargeBtrfsTest(faithful.Large):

    filesystem = 'btrfs'
