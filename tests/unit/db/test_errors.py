# SPDX-License-Identifier: Apache-2.0

from oslo_db import exception as db_exc
from oslotest import base
import sqlalchemy as sa

from manila_backup.db import errors


class Translate(base.BaseTestCase):

    def _translated(self, text, kind=sa.exc.OperationalError):
        return errors.translate(kind('UPDATE shares', {}, Exception(text)))

    def test_failed_checks(self):
        """As MySQL tells it, which the functional tests do not have, and
        MariaDB."""
        for text, table in (
                ("(3819, \"Check constraint 'ck_shares_status' is "
                 "violated.\")", None),
                ("(4025, 'CONSTRAINT `ck_shares_status` failed for "
                 "`manila_backup`.`shares`')", 'shares')):
            told = self._translated(text)
            self.assertIsInstance(told, db_exc.DBConstraintError)
            self.assertEqual(('ck_shares_status', table),
                             (told.check_name, told.table))
            self.assertFalse(errors.is_transient(told))

    def test_what_is_let_through_is_of_the_connection(self):
        self.assertIsInstance(
            self._translated('FATAL: the database system is shutting down'),
            db_exc.DBConnectionError)

    def test_one_that_is_lost_while_it_is_set_up(self):
        self.assertIsInstance(
            errors.translate(sa.exc.ResourceClosedError(
                'This Connection is closed')), db_exc.DBConnectionError)
        mistake = sa.exc.ResourceClosedError('This result object does not '
                                             'return rows.')
        self.assertIs(mistake, errors.translate(mistake))

    def test_other_errors_than_of_connections(self):
        mistake = NotImplementedError()
        self.assertIs(mistake, errors.translate(mistake))
        mistake.__cause__ = ValueError()
        self.assertIs(mistake, errors.translate(mistake))

    def test_what_oslo_db_tells_stays(self):
        for exc in (db_exc.DBDuplicateEntry(['name']), db_exc.DBDeadlock(),
                    db_exc.DBError(Exception('something'))):
            self.assertIs(exc, errors.translate(exc))
