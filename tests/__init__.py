# SPDX-License-Identifier: Apache-2.0

import os

from tests import leak_guard
from tests import limits

# Where "make restic" has put one that is new enough.
os.environ['PATH'] = os.pathsep.join((
    os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                 '.tools', 'restic'),
    os.environ.get('PATH', os.defpath)))

leak_guard.watch()
limits.watch()
