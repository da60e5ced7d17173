# SPDX-License-Identifier: Apache-2.0
"""Limits of the hashing that goes on at once, and for whom."""

import threading
from unittest import mock

import bcrypt
from oslotest import base

from manila_backup.api.auth import passwords

#: Longer than anything here takes; it only ends a test that has failed.
PATIENCE = 60


class TestPlaces(base.BaseTestCase):

    def test_one_address_leaves_a_place(self):
        places = passwords.Places(1, 4)
        held = [places._place('192.0.2.1') for _number in range(3)]
        for each in held:
            each.__enter__()
        self.assertRaises(passwords.Busy, places._place('192.0.2.1')
                          .__enter__)
        last = places._place('192.0.2.2')
        last.__enter__()
        self.assertRaises(passwords.Busy, places._place('192.0.2.3')
                          .__enter__)
        for each in (*held, last):
            each.__exit__(None, None, None)
        with places.slot('192.0.2.1'):
            pass
        self.assertEqual({}, dict(places._taken))

    def test_one_place_is_for_whoever_comes(self):
        places = passwords.Places(1, 0)
        with places.slot('192.0.2.1'):
            self.assertRaises(passwords.Busy,
                              places.slot('192.0.2.2').__enter__)
        with places.slot(None):
            pass


class TestPasswords(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.places = passwords.Places(1, 4)
        self.hashed = bcrypt.hashpw(b'right', bcrypt.gensalt(4))

    def _make(self, **hashes):
        return passwords.Passwords(hashes, self.places, 60, 10)

    def test_the_same_at_the_same_time_is_hashed_once(self):
        found = self._make(ann=self.hashed)
        begun, go_on = threading.Event(), threading.Event()
        self.addCleanup(go_on.set)
        checkpw = bcrypt.checkpw

        def slow(password, hashed):
            begun.set()
            go_on.wait(PATIENCE)
            return checkpw(password, hashed)

        answers = []

        def ask():
            answers.append(found.check('ann', b'right', '192.0.2.1'))

        with mock.patch.object(bcrypt, 'checkpw', side_effect=slow) as check:
            threads = [threading.Thread(target=ask) for _number in range(8)]
            threads[0].start()
            self.assertTrue(begun.wait(PATIENCE))
            for each in threads[1:]:
                each.start()
            go_on.set()
            for each in threads:
                each.join(PATIENCE)
        self.assertEqual([True] * 8, answers)
        self.assertEqual(1, check.call_count)

    def test_nobody_is_known(self):
        self.assertFalse(self._make().check('ann', b'right', None))

    def test_malformed_hashes(self):
        for hashed in (b'', b'$2y$', b'$2y$99$x', b'$2y$xx$' + b'.' * 53):
            found = self._make(ann=hashed)
            for name in ('ann', 'eve'):
                self.assertFalse(found.check(name, b'right', None))

    def test_what_is_remembered_has_an_end(self):
        found = self._make(ann=self.hashed)
        with mock.patch.object(passwords, 'MAX_REMEMBERED', 5):
            for number in range(20):
                self.assertFalse(found.check('ann', b'%d' % number, None))
                self.assertTrue(found.check('ann', b'right', None))
        self.assertLessEqual(len(found._wrong._until), 5)
