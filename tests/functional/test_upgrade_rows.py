# SPDX-License-Identifier: Apache-2.0
"""Rows that the oldest release that may be upgraded from has made, as this
release's API shows and treats them: it tells nothing that nobody recorded
then."""

import os

from tests.functional import cloud
from tests.functional import test_dying_workers
from tests.functional import test_upgrade

EXTENSION = {'OpenStack-API-Version':
             'shared-file-system 2.91, shared-file-system-backup 1.2'}

#: What was not recorded of a backup.
UNKNOWN = (
    'result', 'entries', 'content_bytes', 'stored_bytes', 'warning_count',
    'missing_count', 'taken_at', 'point_in_time', 'completed_at', 'duration',
    'requested_by', 'verified_at', 'verified_result', 'status_code',
    'status_reason', 'policy_id', 'rule_id', 'due_at')


class Upgraded(test_dying_workers.DyingWorkersTestCase):

    cloud_class = test_upgrade.Cloud
    options = {**test_dying_workers.DyingWorkersTestCase.options,
               'backup__scan_interval': 1, 'report_interval': 0.2,
               'backup__max_attempts': 1}

    def setUp(self):
        super().setUp()
        self.old_api = self.cloud.processes[-1]

    def ask(self, path, status=200, method='GET', body=None, **kwargs):
        return self.cloud.ask(status, method, path, body, headers=EXTENSION,
                              **kwargs)

    def replace_api(self):
        self.cloud.expand()
        self.assertEqual(0, self.old_api.stop())
        self.cloud.start_api()

    def backed_up(self, share):
        return self.cloud.wait_backup(
            self.cloud.create_backup(share['id'])['id'], 'available')

    def shown(self, backup):
        return self.ask(f'/share-backups/{backup["id"]}')['share_backup']

    def operation(self, backup, kind):
        found, = self.ask(
            f'/share-backup-operations?backup_id={backup["id"]}&kind={kind}')[
                'share_backup_operations']
        return found


class RowsMySQL(Upgraded):

    FILES, SIZE = 20, 1000

    def test_of_before(self):
        self.cloud.tolerate += '|attempt [0-9]+ failed'
        share, made = self._big_share()
        kept = self.backed_up(share)
        self.cloud.ask(202, 'POST', f'/share-backups/{kept["id"]}/action',
                       {'restore': None})
        self.cloud.wait_share(share['id'], 'available')
        without = self.cloud.create_share()
        os.rmdir(self.cloud.share_path(without['id']))
        failed = self.cloud.wait_backup(
            self.cloud.create_backup(without['id'])['id'], 'error')
        self.replace_api()

        self._backups(kept, failed)
        self._operations(kept, failed)
        self._sums()
        self._questions(kept, failed)
        self._by_a_new_worker(share, kept, made)

    def _backups(self, kept, failed):
        listed = self.ask('/share-backups/detail')['share_backups']
        self.assertEqual([self.shown(each) for each in (failed, kept)],
                         listed)
        for each in listed:
            self.assertEqual(dict.fromkeys(UNKNOWN),
                             {name: each[name] for name in UNKNOWN})
            self.assertEqual(('demo', {}), (each['user_id'],
                                            each['metadata']))
        self.assertEqual(['0', '100'],
                         [each['progress'] for each in listed])
        # Who asks for one of a kind does not get those of which none is known.
        for query in ('result=complete', 'result=incomplete',
                      'requested_by=user'):
            self.assertEqual([], self.ask(f'/share-backups?{query}')[
                'share_backups'])

    def _operations(self, kept, failed):
        for backup, kind, status, files in (
                (kept, 'create', 'done', 30), (kept, 'restore', 'done', None),
                (failed, 'create', 'failed', 0)):
            found = self.operation(backup, kind)
            self.assertEqual((status, 1), (found['status'],
                                           found['attempt']))
            self.assertLessEqual(found['started_at'], found['finished_at'])
            if files is not None:
                # Ten of them are directories.
                self.assertEqual((files, max(0, files - 10) * 1000), (
                    found['files_done'], found['bytes_done']))
            self.assertEqual([None] * 5, [found[name] for name in (
                'bytes_per_second', 'estimated_end_at', 'status_code',
                'status_reason', 'share_changed')])

    def _sums(self):
        usage, = self.ask('/share-backup-usage')['share_backup_usage']
        self.assertEqual((2, 2, 0, 0, 2), tuple(usage[name] for name in (
            'backups', 'gigabytes', 'content_bytes', 'stored_bytes',
            'unmeasured_backups')))
        quota = self.ask('/share-backup-quotas/p1/detail')[
            'share_backup_quota']
        self.assertEqual([2, 2, 0], [quota[name]['in_use'] for name in (
            'backups', 'backup_gigabytes', 'backup_stored_gigabytes')])

    def _questions(self, kept, failed):
        """Check what only workers of this release can tell."""
        path = f'/share-backups/{kept["id"]}'
        self.assertEqual({'warnings': [], 'complete': False}, self.ask(
            f'/share-backups/{failed["id"]}/warnings'))
        # Which an old one is not: nobody could have it drain.
        self.assertEqual([], self._services())
        self.cloud.start_worker()
        service, = self._services()
        self.assertEqual(('enabled', 'up'),
                         (service['status'], service['state']))
        self.assertEqual({'warnings': [], 'complete': True},
                         self.ask(f'{path}/warnings'))
        files = self.ask(f'{path}/files?search=f*')['files']
        self.assertEqual((20, 20000), (
            len(files), sum(each['size'] for each in files)))

    def _services(self):
        return self.ask('/share-backup-services', token='admin:p1')[
            'share_backup_services']

    def _by_a_new_worker(self, share, kept, made):
        """Check that what is done to them now is told of in full, and that
        what nobody knows stays unknown."""
        self.assertEqual(0, self.worker.stop())
        self.cloud.ask(202, 'POST', f'/share-backups/{kept["id"]}/action',
                       {'restore': None})
        self.cloud.wait_share(share['id'], 'available')
        self.assertEqual(made, self.content(
            self.cloud.share_path(share['id'])))
        restored = self.ask(
            f'/share-backup-operations?backup_id={kept["id"]}&limit=1')[
                'share_backup_operations'][0]
        self.assertEqual(('restore', 'done', False), (
            restored['kind'], restored['status'],
            restored['share_changed'] is None))
        self.assertEqual(dict.fromkeys(UNKNOWN), {
            name: self.shown(kept)[name] for name in UNKNOWN})
        after = self.shown(self.backed_up(share))
        self.assertEqual(('complete', 20000, 0), (
            after['result'], after['content_bytes'], after['missing_count']))


class RowsPostgreSQL(RowsMySQL):

    server = 'postgresql'


class CancelsMySQL(Upgraded):
    """Cancelling what the old worker does."""

    def cancel(self, backup):
        self.ask(f'/share-backups/{backup["id"]}/action', 202, 'POST',
                 {'cancel': None})

    def wait_cancelled(self, backup, kind):
        def check():
            found = self.operation(backup, kind)
            return found['status'] == 'cancelled' and found

        return cloud.eventually('the operation to be cancelled', check)

    def test_creation(self):
        share, _made = self._big_share()
        backup = self._caught_backup(share['id'])
        self.replace_api()
        self.assertIsNone(self.operation(backup, 'create')[
            'bytes_per_second'])
        self.cancel(backup)
        self.wait_cancelled(backup, 'create')
        self.cloud.wait_share(share['id'], 'available')
        shown = self.shown(backup)
        self.assertEqual(('error', 'cancelled', None), (
            shown['status'], shown['status_code'], shown['result']))
        cloud.eventually('no leftovers', lambda: not any(
            backup['id'] in name for _, folders, files in os.walk(
                self.cloud.repository) for name in folders + files))

    def test_restore(self):
        share, made = self._big_share()
        path = self.cloud.share_path(share['id'])
        backup = self.backed_up(share)
        for name in made:
            os.unlink(os.path.join(path, name))
        others = self._children()
        self.cloud.ask(202, 'POST', f'/share-backups/{backup["id"]}/action',
                       {'restore': None})
        self.assertTrue(self._catch(backup['id'], others, 'restore'))
        self.replace_api()
        self.cancel(backup)
        # Whether anything was written, the old one does not say.
        self.assertIsNone(self.wait_cancelled(backup, 'restore')[
            'share_changed'])
        self.cloud.wait_share(share['id'], 'backup_restoring_error')
        self.assertEqual('available', self.shown(backup)['status'])
        # The owner's way back.
        self.cloud.ask(202, 'POST', f'/share-backups/{backup["id"]}/action',
                       {'restore': None})
        self.cloud.wait_share(share['id'], 'available')
        self.assertEqual(made, self.content(path))

    def test_what_it_never_began(self):
        share = self.cloud.create_share()
        self.assertEqual(0, self.worker.stop())
        backup = self.cloud.create_backup(share['id'])
        self.replace_api()
        self.cancel(backup)
        self.assertEqual('cancelled',
                         self.operation(backup, 'create')['status'])
        self.cloud.wait_share(share['id'], 'available')
        self.assertEqual('cancelled', self.shown(backup)['status_code'])


class CancelsPostgreSQL(CancelsMySQL):

    server = 'postgresql'
