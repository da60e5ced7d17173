# SPDX-License-Identifier: Apache-2.0

from manila_backup.db import models
from manila_backup.db import named_locks
from tests.unit import base


class Turns(base.TestCase):

    def _take(self, holder, ttl=30, **kwargs):
        return self.database.write(named_locks.take, 'x', holder, ttl,
                                   **kwargs)

    def _write(self, function, *args):
        return self.database.write(function, 'x', *args)

    def test_one_at_a_time(self):
        self.assertTrue(self._take('a'))
        self.assertFalse(self._take('b'))
        self.assertEqual('a', self.database.read(named_locks.holder, 'x'))
        self.assertTrue(self._write(named_locks.renew, 'a', 30))
        self.assertFalse(self._write(named_locks.renew, 'b', 30))
        self._write(named_locks.end, 'b')
        self.assertFalse(self._take('b'))
        self._write(named_locks.end, 'a')
        self.assertIsNone(self.database.read(named_locks.holder, 'x'))
        self.assertTrue(self._take('b'))

    def test_whose_lease_ran_out_has_lost_it(self):
        self.assertTrue(self._take('a', ttl=-1))
        self.assertTrue(self._take('b'))
        self.assertFalse(self._write(named_locks.renew, 'a', 30))

    def test_other_turns_are_others(self):
        self.assertTrue(self._take('a'))
        self.assertTrue(self.database.write(named_locks.take, 'y', 'b', 30))

    def test_not_more_often_than_every_so_often(self):
        # Nobody ever had it: as if it had just ended.
        self.assertFalse(self._take('a', every=3600))
        self.assertTrue(self._take('a'))
        self._write(named_locks.end, 'a')
        self.assertFalse(self._take('a', every=3600))
        self.database.write(lambda conn: conn.execute(
            models.named_locks.update().values(
                ended_at=named_locks.sqltime.utc_in(-3601))))
        self.assertTrue(self._take('a', every=3600))
