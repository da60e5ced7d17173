# SPDX-License-Identifier: Apache-2.0
"""As test_api, on PostgreSQL."""

from gabbi import driver

from tests.functional.gabbi import fixtures
from tests.functional.gabbi import test_api


def load_tests(loader, tests, pattern):
    """What unittest's loader calls."""
    return driver.build_tests(
        test_api.GABBITS, loader, intercept=fixtures.application,
        fixture_module=fixtures.on('postgresql'), test_loader_name=__name__)
