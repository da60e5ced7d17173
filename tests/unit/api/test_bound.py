# SPDX-License-Identifier: Apache-2.0

import threading
from unittest import mock

import testtools

from manila_backup.api import bound
from manila_backup.api import faults


class BoundTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.go_on = threading.Event()
        self.addCleanup(self.go_on.set)
        self.entered = threading.Semaphore(0)

    def _app(self, environ, start_response):
        self.entered.release()
        if environ:
            self.go_on.wait()
        return ['answer']

    def _hold(self, app, count):
        for _ in range(count):
            threading.Thread(target=app, args=({'wait': 1}, None),
                             daemon=True).start()
        for _ in range(count):
            self.entered.acquire()

    def test_nobody_waits_for_those_who_hang(self):
        app = bound.Bound(2).wrap(self._app)
        self._hold(app, 2)
        with mock.patch.object(bound, 'PATIENCE', 0):
            refused = self.assertRaises(faults.Fault, app, {}, None)
        self.assertEqual(503, refused.code)
        self.assertIn('Retry-After', refused.headers)

    def test_requests_queue_while_something_moves(self):
        app = bound.Bound(2).wrap(self._app)
        self._hold(app, 2)
        threading.Timer(0.2, self.go_on.set).start()
        with mock.patch.object(bound, 'PATIENCE', 3600):
            self.assertEqual(['answer'], app({}, None))

    def test_places_are_given_back(self):
        def fail(environ, start_response):
            raise ValueError

        app = bound.Bound(1).wrap(fail)
        with mock.patch.object(bound, 'PATIENCE', 0):
            for _ in range(3):
                self.assertRaises(ValueError, app, {}, None)

    def test_what_is_sent_while_it_comes_keeps_its_place(self):
        app = bound.Bound(1).wrap(
            lambda environ, start_response: iter([b'a', b'b']))
        answer = app({}, None)
        with mock.patch.object(bound, 'PATIENCE', 0):
            self.assertEqual([b'a', b'b'], list(answer))
            self.assertRaises(faults.Fault, app, {}, None)
            answer.close()
            app({}, None).close()

    def test_without_a_limit(self):
        self.assertEqual(self._app, bound.Bound(None).wrap(self._app))
