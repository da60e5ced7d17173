# SPDX-License-Identifier: Apache-2.0
"""A share under attack, for as long as it says."""

import os

from tests.functional.drivers import hostile
from tests.functional.drivers import test_posix


class HostileTest(test_posix.PosixMixin, hostile.Hostile):

    seconds = float(os.environ.get('MANILA_BACKUP_TEST_SECONDS') or 60)
