# SPDX-License-Identifier: Apache-2.0

from manila_backup.drivers.conformance import browsable
from tests.functional.drivers import test_nfs


class NfsConformanceTest(test_nfs.NfsMixin, browsable.Browsable):
    """All of it, on an export that the driver mounts."""
