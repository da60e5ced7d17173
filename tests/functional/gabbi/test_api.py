# SPDX-License-Identifier: Apache-2.0
"""Runs gabbits/: YAML files to be read as the API's documentation, one for
each operation, for each role and for each microversion that changes share
backups. The application is the real one, on SQLite."""

import os

from gabbi import driver

from tests.functional.gabbi import fixtures
from tests.functional.gabbi import handlers

GABBITS = os.path.join(os.path.dirname(__file__), 'gabbits')


def build(loader, name, module=fixtures):
    """Make the tests of the gabbits.

    :param name: str, what the tests' names begin with: the calling module's.
    :param module: with the fixtures that the gabbits name.
    """
    return driver.build_tests(
        GABBITS, loader, intercept=fixtures.application,
        fixture_module=module, test_loader_name=name,
        response_handlers=[handlers.ForbiddenStrings])


def load_tests(loader, tests, pattern):
    """Load the gabbits: unittest's loader calls it."""
    return build(loader, __name__)
