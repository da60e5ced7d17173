# SPDX-License-Identifier: Apache-2.0
"""The metadata of backups."""

from manila_backup.db import backup_metadata
from manila_backup.db import models
from manila_backup.db import rows
from manila_backup import exception
from manila_backup.requests import backup_metadata as requests
from tests.unit import base


class TestMetadata(base.TestCase):

    def setUp(self):
        super().setUp()
        self.backup = self.make({'team': 'blue'})

    def make(self, metadata=None):
        return self.admission.backups.create(
            base.MEMBER, self.share().id, metadata=metadata).id

    def set(self, metadata, **kwargs):
        return self.admission.backup_metadata.set(
            base.MEMBER, self.backup, metadata, **kwargs)

    def read(self):
        return self.database.read(backup_metadata.of_backup, self.backup)

    def test_set_and_replace(self):
        self.assertEqual({'team': 'blue'}, self.read())
        for metadata, replace, expected in (
                ({'a': '1'}, False, {'team': 'blue', 'a': '1'}),
                ({}, False, {'team': 'blue', 'a': '1'}),
                ({'team': 'red'}, False, {'team': 'red', 'a': '1'}),
                ({'Team': 'x', 'a': '2'}, True, {'Team': 'x', 'a': '2'}),
                ({}, True, {})):
            self.assertEqual(expected, self.set(metadata, replace=replace))
            self.assertEqual(expected, self.read())

    def test_not_too_many(self):
        most = {f'k{number}': 'v' for number in range(requests.MOST)}
        self.set(most, replace=True)
        self.assertRaises(exception.InvalidInput, self.set, {'more': 'v'})
        self.set({'k0': 'w'})
        self.assertEqual({**most, 'k0': 'w'}, self.read())

    def test_of_many(self):
        """More backups than one statement asks for."""
        others = [str(number) for number in range(backup_metadata._BATCH)]
        self.assertEqual(
            {self.backup: {'team': 'blue'}},
            self.database.read(backup_metadata.of_backups,
                               [*others, self.backup]))

    def test_others_backups(self):
        self.assertRaises(
            exception.NotFound, self.admission.backup_metadata.set,
            base.STRANGER, self.backup, {})
        self.assertRaises(
            exception.NotFound, self.admission.backup_metadata.delete,
            base.STRANGER, self.backup, 'team')
        self.admission.backup_metadata.delete(base.ADMIN, self.backup, 'team')
        self.assertEqual({}, self.read())

    def test_goes_with_its_backup(self):
        with self.database.writer() as conn:
            rows.delete(conn, models.share_backups, self.backup)
        self.assertEqual({}, self.read())
        self.assertRaises(exception.NotFound, self.set, {'team': 'blue'})
