# SPDX-License-Identifier: Apache-2.0

from tests.functional.drivers import conformance
from tests.functional.drivers import test_nfs


class NfsConformanceTest(test_nfs.NfsMixin, conformance.Conformance):
    """All of it, on an export that the driver mounts."""
