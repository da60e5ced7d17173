# SPDX-License-Identifier: Apache-2.0
"""Measurements of the repositories."""

from unittest import mock

from oslo_db import exception as db_exc

from manila_backup.db import repositories
from manila_backup.engine import child
from manila_backup.maintenance import space
from tests.unit import base


class SpaceTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.conf.set_override(
            'repository', 'rest:https://me:se@cret@store.example/b',
            'restic')
        self.driver = mock.Mock(LOCATION=('restic', 'repository'))
        self.worker = mock.Mock(
            conf=self.conf, host='here', database=self.database,
            drivers={'restic': self.driver})
        self.space = space.Space(self.worker)

    def measure(self, **answer):
        with mock.patch.object(self.space, '_ask', **answer):
            self.space._measure('restic', self.driver)

    def row(self):
        found, = self.database.read(repositories.list_all)
        row, = found.hosts
        return row

    def test_found(self):
        self.measure(return_value=(3, 4))
        self.worker.metrics.space.assert_called_once_with('restic', 3, 4)
        row = self.row()
        self.assertEqual(
            ('rest:https://store.example/b', 3, 4, None),
            (row.location, row.used_bytes, row.free_bytes, row.problem))

    def test_driver_that_can_not_tell(self):
        self.driver.LOCATION = None
        self.measure(return_value=None)
        self.worker.metrics.space.assert_not_called()
        self.assertEqual((None, None, None), (
            self.row().location, self.row().used_bytes,
            self.row().measured_at))

    def test_failure(self):
        self.measure(return_value=(3, 4))
        self.measure(side_effect=child.ChildDied('no answer'))
        self.assertEqual((3, 'no answer'),
                         (self.row().used_bytes, self.row().problem))

    def test_nothing_is_noted_once_it_is_to_end(self):
        self.space._ended.set()
        self.measure(return_value=None)
        self.assertEqual([], self.database.read(repositories.list_all))

    def test_without_a_database(self):
        gone = db_exc.DBConnectionError('refused')
        with mock.patch.object(self.database, 'write', side_effect=gone):
            self.measure(return_value=(3, 4))
        self.worker.metrics.space.assert_called_once_with('restic', 3, 4)
