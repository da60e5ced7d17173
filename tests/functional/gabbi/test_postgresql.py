# SPDX-License-Identifier: Apache-2.0
"""As test_api, on PostgreSQL."""

from tests.functional.gabbi import fixtures
from tests.functional.gabbi import test_api


def load_tests(loader, tests, pattern):
    """Load the gabbits: unittest's loader calls it."""
    return test_api.build(loader, __name__, fixtures.on('postgresql'))
