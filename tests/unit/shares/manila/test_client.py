# SPDX-License-Identifier: Apache-2.0
"""Answers of Manila, and what becomes of them."""

import pickle
import socket

import testtools

from manila_backup.shares import base
from manila_backup.shares.manila import client
from tests.unit.shares.manila import fake


class TestAnswers(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.manila = self.useFixture(fake.Manila())
        self.manila.add_share()
        self.client = self.manila.client

    def refuse(self, *statuses, method='GET', path='/v2/shares', **headers):
        self.manila.answers[method, path] = [
            (status, headers) for status in statuses]

    def error(self, status, times=9):
        self.refuse(*[status] * times)
        return self.assertRaises(base.ShareError, self.client.share, 's')

    def test_each_status(self):
        for status, kind, retryable in (
                (400, client.Refused, False),
                (401, base.ShareError, True),
                (403, client.Refused, False),
                (404, client.ShareGone, False),
                (409, client.Refused, True),
                (413, client.Refused, True),
                (429, base.ShareError, True),
                (500, base.ShareError, True),
                (503, base.ShareError, True)):
            error = self.error(status)
            self.assertEqual((status, kind, retryable),
                             (status, type(error), error.retryable))
            self.assertEqual(
                f'Manila could not show share s: Not today (HTTP {status}).',
                str(error))
            again = pickle.loads(pickle.dumps(error))
            self.assertEqual((str(error), retryable, error.code),
                             (str(again), again.retryable, again.code))

    def test_overloaded_for_a_while(self):
        for statuses in ((503, 429), (502, 504)):
            self.refuse(*statuses)
            self.assertEqual('s', self.client.share('s')['id'])

    def test_when_to_come_back(self):
        for status in (413, 429, 503):
            self.refuse(status, **{'Retry-After': '0'})
            self.assertEqual('s', self.client.share('s')['id'])
            self.refuse(*[status] * 9, **{'Retry-After': '0'})
            error = self.assertRaises(base.ShareError, self.client.share, 's')
            self.assertIn(f'(HTTP {status})', str(error))

    def test_413_without_that_is_a_quota(self):
        self.refuse(413, method='POST', path='/v2/snapshots')
        self.assertRaises(client.Refused, self.client.create_snapshot, 's',
                          'n', 'd')
        self.assertEqual(1, len(self.manila.changes()))

    def test_what_makes_something_is_sent_again_too(self):
        self.refuse(503, method='POST', path='/v2/resource-locks')
        self.client.lock('share', 's', 'delete', 'reason')
        self.assertEqual(2, len(self.manila.changes()))
        self.assertEqual(1, len(self.manila.locks))

    def test_nobody_there(self):
        with socket.socket() as found:
            found.bind(('127.0.0.1', 0))
            url = f'http://127.0.0.1:{found.getsockname()[1]}/v2'
        nobody = client.Manila(self.manila.make_settings(url), attempts=1)
        error = self.assertRaises(base.ShareError, nobody.share, 's')
        self.assertTrue(error.retryable)
        self.assertIn('could not be reached to show share s', str(error))

    def test_somebody_else(self):
        self.manila.version = None
        error = self.assertRaises(base.ShareError, self.client.share, 's')
        self.assertIn('does not support version 2', str(error))

    def test_what_is_no_answer_of_manila(self):
        self.client.share('s')
        self.manila.answer = lambda *_: (200, {'other': 1})
        error = self.assertRaises(base.ShareError, self.client.share, 's')
        self.assertIn('is not Manila\'s', str(error))
        self.assertTrue(error.retryable)

    def test_an_address_that_is_none(self):
        error = self.assertRaises(
            base.ShareError, self.client.allow, 's', 'ip', 'not an address',
            'ro', {})
        self.assertFalse(error.retryable)


class TestVersions(testtools.TestCase):

    def used(self, version):
        manila = self.useFixture(fake.Manila(version))
        manila.add_share()
        manila.client.share('s')
        return max(each for each in manila.versions if each)

    def test_the_newest_that_both_know(self):
        self.assertEqual('2.82', self.used('2.97'))
        self.assertEqual('2.81', self.used('2.81'))
        self.assertEqual('2.45', self.used('2.45'))

    def test_too_old(self):
        manila = self.useFixture(fake.Manila('2.44'))
        error = self.assertRaises(base.ShareError, manila.client.share, 's')
        self.assertIn('up to 2.44; 2.45 is needed', str(error))
