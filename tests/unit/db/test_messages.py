# SPDX-License-Identifier: Apache-2.0
"""Queries about messages for users."""

import types

import sqlalchemy as sa

from manila_backup.db import messages as db_messages
from manila_backup.db import sqltime
from manila_backup import messages
from tests.unit import base


class MessagesTestCase(base.TestCase):

    def add(self, seconds=60, project_id='p1'):
        operation = types.SimpleNamespace(
            project_id=project_id, request_id='req-1',
            backup_id='00000000-0000-0000-0000-000000000001')
        self.database.write(
            db_messages.add, operation, messages.Action.DELETE,
            messages.Detail.NOT_DELETED, seconds)

    def list(self, *args, **kwargs):
        return self.database.read(db_messages.list_page, *args, **kwargs)

    def test_kept(self):
        self.add()
        row, = self.list('p1')
        self.assertEqual(row, self.database.read(db_messages.get, row.id,
                                                 'p1'))
        self.assertIsNone(self.database.read(db_messages.get, row.id, 'p2'))
        self.assertEqual([], self.list('p2'))
        self.assertEqual([row], self.list(filters={'detail_id': '906'}))
        self.assertEqual([], self.list(filters={'detail_id': '001'}))
        self.assertEqual([row], self.list(
            filters={'created_since': row.created_at,
                     'created_before': row.created_at}))

    def test_expired(self):
        self.add(-1)
        self.add(-1)
        self.add()
        kept, = self.list()
        self.assertEqual(2, self.database.write(db_messages.purge))
        self.assertEqual(0, self.database.write(db_messages.purge))
        self.assertEqual([kept], self.list())

    def test_expired_is_not_found(self):
        self.add()
        row, = self.list()
        with self.database.writer() as conn:
            conn.execute(sa.update(db_messages.TABLE).values(
                expires_at=sqltime.utcnow()))
        self.assertIsNone(self.database.read(db_messages.get, row.id))


class TextTestCase(base.TestCase):

    def test_text(self):
        self.assertEqual(
            'delete: The backup could not be deleted. Delete it again. '
            'Contact your administrator if that fails as well.',
            messages.text('007', '906'))

    def test_of_a_later_release(self):
        self.assertEqual('delete: ', messages.text('007', '999'))
