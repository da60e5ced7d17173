# SPDX-License-Identifier: Apache-2.0

import types

import fixtures

from manila_backup.db import models
from manila_backup.db import rows
from manila_backup.engine import queue
from tests.unit import base


class Claims(base.TestCase):

    def setUp(self):
        super().setUp()
        self.queue = queue.Queue(types.SimpleNamespace(
            database=self.database, capabilities=None))
        #: What was asked for, as (operation's id, whether to wait).
        self.asked = []
        #: What can be had: an id, or an id and that it takes waiting.
        self.free = set()
        self.useFixture(fixtures.MonkeyPatch(
            'manila_backup.engine.attempt.Attempt.claim',
            staticmethod(self._claim)))
        for number in range(12):
            self.database.write(
                rows.insert, models.operations, id=f'{number:02}',
                kind='create', status='queued', live=True, project_id='p',
                backup_id=f'b{number}')

    def _claim(self, worker, id_, again, wait):
        self.asked.append((id_, wait))
        names = {id_, f'{id_} wait'} if wait else {id_}
        return id_ if self.free & names else None

    def test_the_first(self):
        self.free = {'00', '01'}
        self.assertEqual('00', self.queue.claim())
        self.assertEqual([('00', False)], self.asked)

    def test_others_were_faster(self):
        """It looks further than what the first search has found."""
        self.free = {'11'}
        self.assertEqual('11', self.queue.claim())
        self.assertEqual([(f'{number:02}', False) for number in range(12)],
                         self.asked)

    def test_locked_but_not_claimed(self):
        """It is waited for where there is nothing else."""
        self.free = {'03 wait', '08'}
        self.assertEqual('08', self.queue.claim())
        self.free = {'03 wait'}
        self.assertEqual('03', self.queue.claim())

    def test_nothing_is_to_be_had(self):
        self.assertIsNone(self.queue.claim())
        self.assertEqual(12 + 5, len(self.asked))

    def test_nothing_waits(self):
        self.finish_all()
        self.assertIsNone(self.queue.claim())
        self.assertEqual([], self.asked)
