# SPDX-License-Identifier: Apache-2.0
"""Code that a process of the service runs first in functional tests: Python
looks for a module of this name on its path.

The processes that it starts for copying know no database, and are left alone.
"""

import os
import sys

if os.path.basename(''.join(sys.orig_argv[1:2])).startswith('manila-backup-'):
    from tests import lock_order
    from tests import simulated_clock

    lock_order.install()
    simulated_clock.install(sys.orig_argv)
