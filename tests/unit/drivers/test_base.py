# SPDX-License-Identifier: Apache-2.0
"""Interface that drivers of others may rely on."""

import warnings

from oslotest import base

from manila_backup.drivers import base as drivers


class FormerNames(base.BaseTestCase):

    def test_lead_to_the_new_ones(self):
        for former, name in (('Place', 'BackupReference'),
                             ('Stored', 'RepositoryItem'),
                             ('StoredState', 'ItemState'),
                             ('Report', 'Result'), ('Description', 'Info')):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter('always')
                found = getattr(drivers, former)
            self.assertIs(getattr(drivers, name), found)
            self.assertEqual([DeprecationWarning],
                             [each.category for each in caught])
            self.assertIn(f'is called {name} now', str(caught[0].message))

    def test_others_there_are_none(self):
        self.assertRaises(AttributeError, getattr, drivers, 'Placement')
