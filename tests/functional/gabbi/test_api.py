# SPDX-License-Identifier: Apache-2.0
"""Runs gabbits/: a YAML file for each operation of the API, to be read as
its documentation. The application is the real one, on SQLite."""

import os

from gabbi import driver

from tests.functional.gabbi import fixtures

GABBITS = os.path.join(os.path.dirname(__file__), 'gabbits')


def load_tests(loader, tests, pattern):
    """What unittest's loader calls."""
    return driver.build_tests(
        GABBITS, loader, intercept=fixtures.application,
        fixture_module=fixtures, test_loader_name=__name__)
