# SPDX-License-Identifier: Apache-2.0
"""A share under attack, for as long as it says."""

import os

from tests.functional.drivers import hostile
from tests.functional.drivers import hostile_shares
from tests.functional.drivers import test_posix


SECONDS = float(os.environ.get('MANILA_BACKUP_TEST_SECONDS') or 60)


class HostileTest(test_posix.PosixMixin, hostile.Hostile):

    seconds = SECONDS


class HostileSnapshotsTest(hostile_shares.HostileSnapshots):

    seconds = SECONDS


class HostileWaysTest(hostile_shares.HostileWays):

    seconds = SECONDS


class BtrfsHostileWaysTest(hostile_shares.BtrfsHostileWays):

    seconds = SECONDS


class BtrfsDirectoryWaysTest(hostile_shares.BtrfsDirectoryWays):

    seconds = SECONDS
