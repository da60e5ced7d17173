# SPDX-License-Identifier: Apache-2.0
"""Databases that are lost are made again from the repository."""

import json
import os
import shutil
import uuid

from manila_backup.db import models
from tests.functional import repositories


class Import:
    """On each database."""

    def lose_the_database(self):
        with self.cloud.engine.connect() as conn:
            for table in reversed(models.Base.metadata.sorted_tables):
                conn.execute(table.delete())
        self.cloud.manage('db', 'sync')

    def _quota(self):
        found = self.cloud.ask(200, 'GET', '/quota-sets/p1/detail',
                               token='admin:admin')['quota_set']
        return {name: found[name]['in_use'] for name in
                ('backups', 'backup_gigabytes', 'shares', 'gigabytes')}

    def test_everything_from_the_repository_alone(self):
        self.cloud.start()
        share = self.cloud.create_share(size=2)
        path = self.cloud.share_path(share['id'])
        made = self.fill(path, 20, 1000)
        backups = self.make_backups(share, 2, name='of n\u00f6te',
                                    description='d')
        gone, = self.make_backups(share)
        self.cloud.ask(202, 'DELETE', f'/share-backups/{gone["id"]}')
        self.cloud.wait_backup(gone['id'], None)
        self.leave(share['id'], f'.partial.{uuid.uuid4()}.1')
        used = self._quota()

        listed = self.repository('list')
        self.assertEqual({each['id'] for each in backups},
                         {each['backup_id'] for each in listed})
        for each in listed:
            self.assertEqual(('p1', share['id'], 20000, True, 'available'),
                             (each['project_id'], each['share_id'],
                              each['bytes'], each['known'],
                              each['status']))
            # They share the files, and each has a manifest of its own.
            self.assertTrue(0 < each['unique_bytes'] < 20000, each)

        self.lose_the_database()
        self.assertEqual({False}, {each['known'] for each in
                                   self.repository('list')})
        self.assertEqual({'unknown'}, {each['done'] for each in
                                       self.repository('sweep')})
        self.assertEqual({'would be imported'}, {
            each['result'] for each in self.repository('import',
                                                       '--dry-run')})
        self.assertEqual([], self.cloud.rows('SELECT id FROM share_backups'))
        self.assertEqual({('imported', 'available'), ('imported', 'known')},
                         {(each['result'], each['share']) for each in
                          self.repository('import')})
        self.assertEqual({'known'}, {each['result'] for each in
                                     self.repository('import')})
        self.assertEqual(used, self._quota())
        for backup in backups:
            now = self.shown(backup)
            for each in (backup, now):
                del each['updated_at']
            self.assertEqual(backup, now)
        shown = self.cloud.ask(200, 'GET', f'/shares/{share["id"]}')['share']
        self.assertEqual((share['name'], share['created_at'], 2),
                         (shown['name'], shown['created_at'], shown['size']))

        shutil.rmtree(os.path.join(path, 'd3'))
        self.cloud.ask(202, 'POST',
                       f'/share-backups/{backups[0]["id"]}/action',
                       {'restore': None})
        self.cloud.wait_share(share['id'], 'available')
        self.assertEqual(made, self.content(path))
        for backup in backups:
            self.cloud.wait_backup(backup['id'], 'available')
            self.cloud.ask(202, 'DELETE', f'/share-backups/{backup["id"]}')
            self.cloud.wait_backup(backup['id'], None)
        self.assertEqual(0, self._quota()['backups'])


class ImportMySQL(Import, repositories.RepositoryTestCase):

    def test_the_shares_are_gone_too(self):
        self.cloud.start()
        share = self.cloud.create_share()
        made = self.fill(self.cloud.share_path(share['id']), 5, 100)
        backup, = self.make_backups(share)
        self.lose_the_database()
        shutil.rmtree(self.cloud.share_path(share['id']))
        found, = self.repository('import')
        self.assertEqual(('imported', 'error'),
                         (found['result'], found['share']))
        fresh = self.cloud.create_share()
        self.cloud.ask(
            202, 'POST', f'/share-backups/{backup["id"]}/action',
            {'restore': fresh['id']})
        self.cloud.wait_share(fresh['id'], 'available')
        self.cloud.wait_backup(backup['id'], 'available')
        self.assertEqual(made, self.content(
            self.cloud.share_path(fresh['id'])))

    def test_a_record_from_one_database_to_another(self):
        self.cloud.start()
        share = self.cloud.create_share()
        backup, = self.make_backups(share, name='old')
        self.cloud.ask(200, 'PUT', f'/share-backups/{backup["id"]}',
                       {'share_backup': {'display_name': 'new'}})
        record = os.path.join(self.cloud.root, 'record')
        with open(record, 'w') as file:
            json.dump(self.repository('export', backup['id']), file)
        self.lose_the_database()
        self.assertEqual('old', self.repository(
            'export', backup['id'])['backup']['name'])
        moved = os.path.join(self.cloud.root, 'moved')
        os.rename(self.cloud.repository, moved)
        found, = self.repository('import', '--repository', moved,
                                 '--record', record)
        self.assertEqual('imported', found['result'])
        self.assertEqual('new', self.shown(backup)['name'])


class ImportPostgreSQL(Import, repositories.RepositoryTestCase):

    server = 'postgresql'
