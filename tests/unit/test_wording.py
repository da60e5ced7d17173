# SPDX-License-Identifier: Apache-2.0

import testtools

from manila_backup import wording


class WordingTest(testtools.TestCase):

    def test_numbers_of_things(self):
        self.assertEqual(
            ['0 backups', '1 backup', '2 backups'],
            [wording.counted(each, 'backup') for each in range(3)])
        self.assertEqual(
            ['0 entries', '1 entry', '2 entries'],
            [wording.entries(each) for each in range(3)])
