# SPDX-License-Identifier: Apache-2.0
"""Writers of a status, and what they may write."""

import ast
import os

import sqlalchemy as sa

import manila_backup
from manila_backup.db import models
from manila_backup.db import rows
from manila_backup.db import transitions
from manila_backup import exception
from manila_backup import states
from tests.unit import base

_Share, _Override = states.Share, states.Override


class Transitions(base.TestCase):

    def setUp(self):
        super().setUp()
        self.row = self.share()

    def write(self, function, *args, **kwargs):
        return self.database.write(function, models.shares, self.row.id,
                                   *args, **kwargs)

    def assert_illegal(self, function, *args, **kwargs):
        self.assertRaises(exception.IllegalTransition, self.write, function,
                          *args, **kwargs)
        self.assertEqual(self.row, self.get_share(self.row.id))

    def test_nothing_else_writes_one(self):
        self.assert_illegal(rows.update, {'status': 'error', 'size': 2})

    def test_change(self):
        change = transitions.change
        self.assert_illegal(change, _Share.ERROR, old=_Share.AVAILABLE)
        self.assert_illegal(change, _Share.BACKUP_CREATING,
                            old=[_Share.AVAILABLE, _Share.ERROR])
        self.assert_illegal(change, 'deleting')
        self.assert_illegal(change, states.Backup.DELETING)
        self.assertFalse(self.write(change, _Share.DELETING,
                                    old=_Share.ERROR))
        self.assertFalse(self.write(change, _Share.DELETING, size=100))
        self.assertTrue(self.write(change, _Share.DELETING, {'size': 2}))
        found = self.get_share(self.row.id)
        self.assertEqual(('deleting', 2), (found.status, found.size))

    def test_create(self):
        self.assertRaises(
            exception.IllegalTransition, self.database.write,
            transitions.create, models.shares, _Share.DELETING, id='x')

    def test_many_are_sent_at_once(self):
        """PyMySQL would send one after the other if a function were among
        the values."""
        sent = []
        sa.event.listen(self.database.engine, 'before_cursor_execute',
                        lambda *args: sent.append(args[2:]))
        self.database.write(
            transitions.create_all, models.shares, _Share.AVAILABLE, [{
                'id': str(each), 'project_id': 'p1', 'source': 'local',
                'size': 1, 'share_proto': 'NFS'} for each in range(3)])
        (statement, values, _, many), = [
            each for each in sent if 'INTO shares ' in each[0]]
        self.assertTrue(many)
        self.assertEqual(3, len(values))
        self.assertRegex(statement, r' VALUES \((\?, )*\?\)$')

    def test_remove(self):
        remove = transitions.remove
        self.assert_illegal(remove, _Share.ERROR)
        self.assertFalse(self.write(remove, _Share.DELETING))
        self.assertTrue(self.write(remove, _Share.AVAILABLE))

    def test_override(self):
        override = transitions.override
        self.assert_illegal(override, 'available', _Override.SHARE_RESET,
                            'available')
        self.assert_illegal(override, 'error', _Override.FORCE_DELETE,
                            'deleting')
        self.assert_illegal(override, 'available', _Override.FORCE_DELETE,
                            'available')
        self.assertRaises(
            exception.IllegalTransition, self.database.write, override,
            models.share_backups, 'x', 'error_deleting',
            _Override.RESET_STATUS, 'available')
        self.assertFalse(self.write(override, 'error',
                                    _Override.RESET_STATUS, 'deleting'))
        self.assertTrue(self.write(override, 'extending_error',
                                   _Override.RESET_STATUS, 'available'))
        # What no release has ever heard of.
        self.assertFalse(self.write(override, 'available',
                                    _Override.RESET_STATUS, 'lost'))

    def test_every_table_with_a_status_is_known(self):
        self.assertEqual(
            sorted(table.name for table in
                   models.Base.metadata.tables.values()
                   if 'status' in table.c),
            sorted(table.name for table in transitions.STATUSES))


class Writers(base.TestCase):
    """No code passes by :mod:`manila_backup.db.transitions`."""

    #: What writes into the database, and takes columns by name.
    WRITES = {'insert', 'values', 'insert_once', 'bulk_insert'}

    def test_of_a_status(self):
        root = os.path.dirname(manila_backup.__file__)
        found = []
        for folder, _, names in os.walk(root):
            for name in names:
                path = os.path.relpath(os.path.join(folder, name), root)
                if name.endswith('.py') and path not in (
                        'db/transitions.py', 'db/rows.py'):
                    with open(os.path.join(folder, name)) as file:
                        found += self._writers(path, file.read())
        self.assertEqual([], found)

    def test_is_able_to_find_one(self):
        for code in ('rows.swap(conn, table, 1, {}, {})',
                     'rows.insert(conn, table, id=1, status=2)',
                     'sa.update(table).where(x).values(status=1)',
                     'sa.update(table).values({"status": 1})'):
            self.assertEqual(['x:1'], self._writers('x', code), code)
        self.assertEqual([], self._writers(
            'x', 'rows.delete(conn, table, 1, status=2)'))

    def _writers(self, path, code):
        """The places in some code that write a status, as a list of str."""
        found = []
        for node in ast.walk(ast.parse(code)):
            if not isinstance(node, ast.Call) or not isinstance(
                    node.func, ast.Attribute):
                continue
            named = {each.arg for each in node.keywords} | {
                getattr(key, 'value', None) for each in node.args
                if isinstance(each, ast.Dict) for key in each.keys}
            if node.func.attr == 'swap' or (
                    node.func.attr in self.WRITES and 'status' in named):
                found.append(f'{path}:{node.lineno}')
        return found
