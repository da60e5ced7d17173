# SPDX-License-Identifier: Apache-2.0
"""Damage of any kind to what is stored."""

from tests.fidelity import test_faithful
from tests.functional.drivers import damage
from tests.functional.drivers import test_posix


class DamageTest(test_posix.PosixMixin, damage.Damage):

    examples = test_faithful.EXAMPLES
    settings = test_faithful.SETTINGS
