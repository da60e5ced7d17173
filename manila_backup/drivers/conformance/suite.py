# SPDX-License-Identifier: Apache-2.0
"""The whole suite.

A driver's tests derive from :class:`Conformance`, say how to make the driver,
what can be done to what it stored, and what it can't keep::

    class TapeTest(suite.Conformance):

        LACKS = frozenset((limits.Limit.SOCKETS,))

        def make_driver(self):
            return tape.TapeDriver(os.path.join(self.scratch, 'tape'),
                                   self.IGNORED)

        def damages(self):
            return {'a tape that is torn': self.tear}

They must import this module, not the class: what finds tests would take the
class for tests of nothing.
"""

from manila_backup.drivers.conformance import content
from manila_backup.drivers.conformance import crash_safety
from manila_backup.drivers.conformance import damage
from manila_backup.drivers.conformance import lifecycle


class Conformance(content.Content, lifecycle.Lifecycle, damage.Damage,
                  crash_safety.CrashSafety):
    """All conformance tests of backup drivers."""
