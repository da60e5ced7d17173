# SPDX-License-Identifier: Apache-2.0
"""Notifications of an audit."""

import datetime
from unittest import mock

import testtools

from manila_backup.db import backups as db_backups
from manila_backup.db import models
from manila_backup.db import rows
from manila_backup.db import usage as db_usage
from manila_backup.engine.tasks import backup_delete
from manila_backup import exception
from manila_backup import states
from manila_backup.telemetry import usage
from tests import statuses
from tests.unit import base


def at(text):
    return datetime.datetime.fromisoformat(text)


class PeriodsTestCase(testtools.TestCase):

    def test_last(self):
        now = at('2026-03-01T10:20:30.400000')
        for name, begin, end in (
                ('hour', '2026-03-01T09:00', '2026-03-01T10:00'),
                ('day', '2026-02-28T00:00', '2026-03-01T00:00'),
                ('month', '2026-02-01T00:00', '2026-03-01T00:00'),
                ('year', '2025-01-01T00:00', '2026-01-01T00:00')):
            self.assertEqual((at(begin), at(end)),
                             usage.last_period(name, now))

    def test_beginning_after_its_end(self):
        self.assertRaises(exception.ConfigurationError, usage.Audit, None,
                          at('2026-03-01'), at('2026-03-01'))


class AuditTestCase(base.TestCase):

    BEGIN, END = at('2026-02-01'), at('2026-03-01')

    def backup(self, created_at):
        share = self.share()
        backup = self.admission.backups.create(base.MEMBER, share.id)
        self.finish_all()
        self.database.write(statuses.put, models.share_backups, backup.id,
                            {'status': states.Backup.AVAILABLE})
        self.database.write(rows.update, models.share_backups, backup.id,
                            {'created_at': at(created_at)})
        return backup.id

    def delete(self, backup_id, finished_at):
        """As a worker does."""
        self.admission.backups.delete(base.MEMBER, backup_id)
        operation = self.operation()
        task = backup_delete.BackupDelete(
            mock.Mock(), operation, None, self.get_backup(backup_id))
        self.database.write(task.succeeded, None)
        self.finish_all()
        self.database.write(rows.update, models.operations, operation.id,
                            {'finished_at': at(finished_at)})

    def audit(self, actions=False):
        """(event, id) of what is told."""
        self.events = list(usage.Audit(
            self.database, self.BEGIN, self.END).events(actions))
        return [(event.removeprefix('share_backup.'), payload['backup_id'])
                for event, payload in self.events]

    def test_who_existed(self):
        old = self.backup('2025-01-01')
        new = self.backup('2026-02-28T23:59:59')
        self.backup('2026-03-01')
        early, late = self.backup('2026-01-02'), self.backup('2026-01-03')
        gone, later = self.backup('2026-01-04'), self.backup('2026-03-04')
        self.delete(gone, '2026-01-31T23:59:59')
        self.delete(early, '2026-02-02')
        self.delete(late, '2026-03-02')
        self.delete(later, '2026-03-05')
        self.assertEqual([('exists', each) for each in (
            old, new, early, late)], self.audit())
        told = [payload for _event, payload in self.events]
        self.assertEqual([None, None, '2026-02-02T00:00:00.000000', None],
                         [each['deleted_at'] for each in told])
        self.assertEqual(['available', 'available', 'deleted', 'deleting'],
                         [each['status'] for each in told])
        for each in told:
            self.assertEqual(
                ('p1', 'u1', 1, '2026-02-01T00:00:00.000000',
                 '2026-03-01T00:00:00.000000'),
                tuple(each[name] for name in (
                    'tenant_id', 'user_id', 'size', 'audit_period_beginning',
                    'audit_period_ending')))

    def test_actions(self):
        new = self.backup('2026-02-01')
        both = self.backup('2026-02-02')
        self.delete(both, '2026-02-03')
        self.assertEqual(
            [('exists', new), ('create.start', new), ('create.end', new),
             ('exists', both), ('create.start', both), ('create.end', both),
             ('delete.start', both), ('delete.end', both)],
            self.audit(True))

    def test_of_an_earlier_release(self):
        backup_id = self.backup('2026-01-01')
        self.delete(backup_id, '2026-02-02')
        self.database.write(rows.update, models.operations,
                            self.operation().id, {'options': {}})
        self.assertEqual([('exists', backup_id)], self.audit())
        self.assertIsNone(self.events[0][1]['size'])

    def test_pages(self):
        ids = [self.backup('2026-01-01') for _number in range(4)]
        removed = [self.backup(f'2026-01-0{number + 2}')
                   for number in range(3)]
        for each in removed:
            self.delete(each, '2026-02-02')
        for size in (1, 2, 4):
            with mock.patch.object(db_usage, 'PAGE', size):
                told = [each for _event, each in self.audit()]
            self.assertEqual((sorted(ids), sorted(removed)),
                             (sorted(told[:4]), sorted(told[4:])))

    def test_facts_of_a_row(self):
        backup_id = self.backup('2026-01-01')
        facts = usage.facts(self.database.read(db_backups.get, backup_id))
        self.assertEqual((backup_id, 'first', 1,
                          '2026-01-01T00:00:00.000000'),
                         tuple(facts[name] for name in (
                             'backup_id', 'backup_type', 'size',
                             'created_at')))
