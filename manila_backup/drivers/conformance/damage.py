# SPDX-License-Identifier: Apache-2.0
"""Tests that damage in a repository is detected and not restored."""

from manila_backup.drivers import base
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees


class Damage(case.Case):

    def damages(self):
        """List the kinds of damage for a published backup of
        :func:`.trees.many`.

        :returns: dict of what it is to a function of the backup's place,
            which does that to the content of this backup, and of no other.
        """
        raise NotImplementedError

    def test_damage_of_every_kind(self):
        for number, what in enumerate(sorted(self.damages())):
            with self.subTest(what=what):
                self.scratch = self.make(f'{number}')
                self.driver = self.make_driver()
                self.driver.check(create=True)
                self._damaged(what)

    def _damaged(self, what):
        source, other, target = map(self.make, ('one', 'other', 'into'))
        trees.many(source, 3, 5)
        trees.many(other, 3, 5, seed=1)
        trees.many(target, 2, 2, seed=7)
        self.backup(case.place(1), source=source)
        self.backup(case.place(2), source=other)
        self.damages()[what](case.place(1))
        self.assertTrue(self.verify(case.place(1)))
        before = trees.snapshot(target)
        with self.assertRaises(base.DamagedBackup):
            self.restore(case.place(1), target=target)
        self.assertSame(before, target)
        # It is nobody else's.
        self.assertStored(other, case.place(2))
        self.delete(case.place(1))
        self.assertStored(other, case.place(2))

    def test_a_backup_that_is_not_there(self):
        self.assertEqual(1, len(self.verify()))
        self.prepare(case.place(), 1)
        self.assertEqual(1, len(self.verify()))
