# SPDX-License-Identifier: Apache-2.0

import json
import os
import shutil
import uuid

from manila_backup.db import models
from manila_backup.db import usage
from manila_backup.drivers import base as drivers
from manila_backup.engine import records
from manila_backup.maintenance import imports
from manila_backup.maintenance import inspection
from manila_backup.shares import base as shares
from tests.unit import base
from tests.unit import repository


class Imports(repository.TestCase):

    def run_import(self, **kwargs):
        """Dict of backup id to (result, share)."""
        work = imports.Import(self.conf, self.database, self.tools.drivers,
                              self.tools.source, **kwargs)
        found = [work.one(*each) for each in inspection.Inspection(
            self.database, self.tools.drivers).published()]
        self.reasons = [each.reason for each in found]
        return {each.backup_id: (each.result, each.share) for each in found}

    def everything(self):
        """Return what the tables say of backups and shares."""
        def read(conn, table):
            return [{name: value for name, value in row._mapping.items()
                     if name != 'updated_at'}
                    for row in conn.execute(
                        table.select().order_by(table.c.id)).all()]

        return {table.name: self.database.read(read, table)
                for table in (models.share_backups, models.shares)}

    def usage(self):
        return self.database.read(usage.of_project, 'p1')

    def test_what_no_database_takes(self):
        row = self.make_backup()
        place = drivers.BackupReference(row.project_id, row.share_id, row.id)
        record = records.of_rows(row, self.get_share(row.share_id))
        self.assertIsNotNone(records.valid(record, place))
        record['share']['properties'] = {'key': 'a\0b'}
        self.assertIsNone(records.valid(record, place))
        for id_ in ('p\udcff', 'p\0'):
            self.assertFalse(records.is_possible(
                drivers.BackupReference(id_, row.share_id, row.id)))

    def test_everything_is_as_it_was(self):
        share = self.make_share(size=3)
        for name in ('one', 'n\u00e4me \U0001f4be', None):
            row = self.make_backup(share, name=name, description='d')
            self.set_backup(row.id, progress=100, host='here')
        other = self.make_backup()
        self.set_backup(other.id, progress=100, host='here')
        before, used = self.everything(), self.usage()
        for each in before['shares']:
            each['share_type_id'] = self.default_type()
            each['identity'] = self.tools.source.identify(
                shares.ShareRef(each['id'], 'p1'))
        for each in before['share_backups']:
            self.assertEqual(('complete', 'file', 2, 7), tuple(
                each[name] for name in ('result', 'point_in_time', 'entries',
                                        'content_bytes')))
            # No repository tells.
            each['completed_at'] = None
            each['requested_by'] = 'import'
        self.forget()
        self.assertEqual(0, self.usage()['backups'])
        dry = self.run_import(dry_run=True)
        self.assertEqual([('would be imported', 'available')] * 4,
                         list(dry.values()))
        self.assertEqual([], self.everything()['share_backups'])
        self.assertEqual(
            {'imported'}, {each[0] for each in self.run_import().values()})
        self.assertEqual(before, self.everything())
        self.assertEqual(used, self.usage())
        self.assertEqual((4, 10), (used['backups'],
                                   used['backup_gigabytes']))
        self.assertEqual({('known', 'known')},
                         set(self.run_import().values()))
        self.assertEqual(before, self.everything())

    def default_type(self):
        return self.database.read(lambda conn: conn.execute(
            models.share_types.select()).one()).id

    def test_the_share_is_gone(self):
        row = self.make_backup()
        shutil.rmtree(self.tools.source.path)
        self.forget()
        self.assertEqual({row.id: ('imported', 'error')}, self.run_import())
        self.assertEqual('error', self.get_share(row.share_id).status)
        self.assertEqual('available', self.get_backup(row.id).status)

    def test_an_adopted_share(self):
        path = os.path.join(self.root, 'adopted')
        row = self.make_backup(self.make_share(path=path,
                                               include_mounts=True))
        self.forget()
        self.assertEqual({row.id: ('imported', 'available')},
                         self.run_import())
        share = self.get_share(row.share_id)
        self.assertEqual((path, True), (share.path, share.include_mounts))
        # Its directory is a share's again.
        self.forget()
        self.share(path=path)
        self.assertEqual({row.id: ('imported', 'error')}, self.run_import())
        self.assertIsNone(self.get_share(row.share_id).path)

    def test_the_share_is_known(self):
        share = self.make_share()
        row = self.make_backup(share)
        self.database.write(lambda conn: [
            conn.execute(table.delete()) for table in
            (models.share_backups, models.operations)])
        self.assertEqual({row.id: ('imported', 'known')}, self.run_import())

    def test_without_a_record(self):
        share = self.make_share(size=5)
        row = self.make_backup(share)
        place = self.place(row)
        said = self.driver.describe(place)
        for record in (None, {}, {'version': 2}, [], 'x',
                       dict(said.record, backup=None)):
            self.assertIsNone(records.valid(record, place))
        work = imports.Import(self.conf, self.database, self.tools.drivers,
                              self.tools.source)
        self.forget()
        self.driver.describe = lambda place: drivers.Info(
            said.created_at, said.files, 2 * (1 << 30) + 1)
        self.assertEqual('imported', work.one('posix', place).result)
        found = self.get_backup(row.id)
        self.assertEqual((3, None, 'available', row.share_id, 'p1'),
                         (found.size, found.name, found.status,
                          found.share_id, found.project_id))
        self.assertEqual(3, self.get_share(row.share_id).size)

    def test_what_was_deleted_stays_deleted(self):
        row = self.make_backup()
        self.database.write(lambda conn: conn.execute(
            models.share_backups.delete()))
        self.assertEqual({row.id: ('refused', None)}, self.run_import())
        self.assertIn('deleted', self.reasons[0])

    def test_what_is_damaged_or_strange_is_refused(self):
        row, strange = self.make_backup(), self.make_backup()
        folder = self.folder(self.place(row))
        with open(os.path.join(folder, row.id, 'manifest'), 'a') as file:
            file.write('x')
        os.rename(os.path.join(self.folder(self.place(strange)), strange.id),
                  os.path.join(folder, 'strange'))
        moved = str(uuid.uuid4())
        shutil.copytree(os.path.join(folder, row.id),
                        os.path.join(folder, moved))
        self.forget()
        self.assertEqual(
            dict.fromkeys((row.id, 'strange', moved), ('refused', None)),
            self.run_import())
        self.assertEqual([], self.everything()['share_backups'])
        self.assertNotIn(None, self.reasons)

    def test_an_export_has_what_was_changed_since(self):
        row = self.make_backup(name='old')
        self.admission.backups.update(base.MEMBER, row.id, {'name': 'new'})
        share = self.get_share(row.share_id)
        record = json.loads(json.dumps(records.of_rows(
            self.get_backup(row.id), share)))
        self.forget()
        work = imports.Import(self.conf, self.database, self.tools.drivers,
                              self.tools.source)
        place = self.place(row)
        self.assertEqual('imported', work.one('posix', place, record).result)
        self.assertEqual('new', self.get_backup(row.id).name)

    def test_a_record_is_of_one_backup(self):
        row, other = self.make_backup(), self.make_backup()
        record = self.driver.describe(self.place(row)).record
        self.assertIsNotNone(records.valid(record, self.place(row)))
        self.assertIsNone(records.valid(record, self.place(other)))
        for part, name, value in (('backup', 'size', 'x'),
                                  ('backup', 'name', 'x' * 300),
                                  ('backup', 'created_at', 'yesterday'),
                                  ('backup', 'created_at',
                                   '2030-01-01T00:00:00'),
                                  ('share', 'id', other.share_id),
                                  ('share', 'properties', {'a': 1})):
            bad = dict(record, **{part: dict(record[part], **{name: value})})
            self.assertIsNone(records.valid(bad, self.place(row)), name)
        more = dict(record, backup=dict(record['backup'], status='error'))
        self.assertEqual('live', record.pop('copied_from'))
        self.assertEqual(record, records.valid(more, self.place(row)))
