# SPDX-License-Identifier: Apache-2.0

import threading
from unittest import mock

from oslo_db import exception as db_exc
import testtools

from manila_backup.api import faults
from manila_backup.api import gate
from manila_backup import exception


class GateTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.check = mock.Mock()
        self.gate = gate.Gate(self.check)
        self.app = self.gate.wrap(lambda environ, start: ['answer'])

    def test_lets_through_once_it_was_found_well(self):
        self.check.side_effect = db_exc.DBConnectionError('away')
        self.assertFalse(self.gate.look())
        refused = self.assertRaises(faults.Fault, self.app, {}, None)
        self.assertEqual(503, refused.code)
        self.assertIn('Retry-After', refused.headers)
        self.check.side_effect = None
        for _ in range(3):
            self.assertEqual(['answer'], self.app({}, None))
        self.assertEqual(3, self.check.call_count)

    def test_a_wrong_schema_ends_the_start(self):
        self.check.side_effect = exception.ConfigurationError('too old')
        self.assertRaises(exception.ConfigurationError, self.gate.look)
        self.assertRaises(faults.Fault, self.app, {}, None)

    def test_a_look_without_end_does_not_keep_others_waiting(self):
        begun, ends = threading.Event(), threading.Event()
        self.addCleanup(ends.set)

        def check():
            begun.set()
            ends.wait()

        self.check.side_effect = check
        with mock.patch.object(gate, 'FIRST_LOOK', 0.01):
            self.assertFalse(self.gate.look())
        begun.wait()
        self.assertRaises(faults.Fault, self.app, {}, None)

    def test_one_looks_at_a_time(self):
        def meanwhile():
            self.assertRaises(faults.Fault, self.app, {}, None)

        self.check.side_effect = meanwhile
        self.assertEqual(['answer'], self.app({}, None))

    def test_says_once_what_is_wrong(self):
        self.check.side_effect = db_exc.DBConnectionError('away')
        with mock.patch.object(gate.LOG, 'error') as said:
            for _ in range(3):
                self.gate.look()
            self.check.side_effect = db_exc.DBConnectionError('refused')
            self.gate.look()
        self.assertEqual(2, said.call_count)
