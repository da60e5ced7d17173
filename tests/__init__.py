# SPDX-License-Identifier: Apache-2.0

import os

from tests import leak_guard
from tests import limits

# Where "make restic" has put one that is new enough.
os.environ['PATH'] = os.pathsep.join((
    os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                 '.tools', 'restic'),
    os.environ.get('PATH', os.defpath)))

#: Where tests keep what they make: in memory where that can be. What they are
#: about is not the disk, and its moods cost minutes.
FOLDER = os.environ.get('MANILA_BACKUP_TEST_DIR') or (
    '/dev/shm' if os.access('/dev/shm', os.W_OK) else None)

leak_guard.watch()
limits.watch()
