# SPDX-License-Identifier: Apache-2.0
"""The state machine of backups, shares and operations on real databases,
where one thing can come in the middle of another."""

import hypothesis
from hypothesis import stateful
from hypothesis import strategies as st
import sqlalchemy as sa
import testtools

from manila_backup import conf as config
from manila_backup.db import engine
from tests.functional import cloud
from tests.unit.engine import state_model

SETTINGS = hypothesis.settings(
    max_examples=state_model.EXAMPLES, stateful_step_count=25,
    deadline=None, derandomize=True, database=None,
    suppress_health_check=list(hypothesis.HealthCheck))

#: Has a connection wait for no lock; and what it then says.
NO_WAITING = {
    'mysql': ('SET SESSION innodb_lock_wait_timeout = 0', '1205'),
    'postgresql': ("SET lock_timeout = '20ms'", 'lock timeout')}


class Blocked(BaseException):
    """It has to wait for what it came in the middle of.

    No Exception: those are tried again, and this one can't help it.
    """


class Machine(state_model.Machine):
    """The first side is interrupted, by the second."""

    def __init__(self):
        super().__init__()
        sa.event.listen(self.side.database.engine, 'before_cursor_execute',
                        self._before)
        self.waiting = None
        self.countdown = 0

    def teardown(self):
        sa.event.remove(self.side.database.engine, 'before_cursor_execute',
                        self._before)
        super().teardown()

    @stateful.rule(one=state_model.ACTIONS, other=state_model.ACTIONS,
                   statements=st.integers(1, 14))
    def race(self, one, other, statements):
        """Two things, the second after so many statements of the first; or
        after it, if it must wait for it."""
        self.racing = True
        self.waiting, self.countdown = other, statements
        self._do(self.side, one)
        if self.waiting:
            self._do(self.sides[1], self.waiting)
        self.racing = False
        self._look()
        self.was = self._statuses()

    def _before(self, *_):
        self.countdown -= 1
        if self.countdown == 0:
            action, self.waiting = self.waiting, None
            try:
                self._do(self.sides[1], action)
            except Blocked:
                self.waiting = action


class StateModelMySQL(testtools.TestCase):

    server = 'mysql'

    def setUp(self):
        super().setUp()
        self.cloud = self.useFixture(cloud.Cloud(self.server))

    def _side(self, name):
        conf = config.load(['--config-file', self.cloud.config], name)
        database = engine.Database(conf)
        self.addCleanup(database.dispose)
        return state_model.Side(conf, database, name)

    def _wait_for_nothing(self, database):
        statement, said = NO_WAITING[self.server]

        def connect(connection, record):
            with connection.cursor() as cursor:
                cursor.execute(statement)
            connection.commit()

        def execute(cursor, statement, parameters, context):
            try:
                cursor.execute(statement, parameters)
            except Exception as exc:
                if said in str(exc):
                    raise Blocked() from exc
                raise
            return True

        sa.event.listen(database.engine, 'connect', connect)
        sa.event.listen(database.engine, 'do_execute', execute)
        database.dispose()

    def test_any_order(self):
        sides = [self._side('w1'), self._side('w2')]
        self._wait_for_nothing(sides[1].database)
        machine = type('Machine', (Machine,), {'sides': sides})
        stateful.run_state_machine_as_test(machine, settings=SETTINGS)


class StateModelPostgreSQL(StateModelMySQL):

    server = 'postgresql'
