# SPDX-License-Identifier: Apache-2.0
"""The state machine of backups, shares and operations on SQLite."""

import hypothesis
from hypothesis import stateful

from tests.unit import base
from tests.unit.engine import state_model

SETTINGS = hypothesis.settings(
    max_examples=state_model.EXAMPLES, stateful_step_count=25,
    deadline=None, derandomize=True, database=None,
    suppress_health_check=list(hypothesis.HealthCheck))


class StateModel(base.TestCase):

    def test_any_order(self):
        sides = [state_model.Side(self.conf, self.database, name)
                 for name in ('w1', 'w2')]
        machine = type('Machine', (state_model.Machine,), {'sides': sides})
        stateful.run_state_machine_as_test(machine, settings=SETTINGS)
