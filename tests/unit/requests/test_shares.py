# SPDX-License-Identifier: Apache-2.0
"""Requests about shares, snapshots, and what else is no backup."""


from manila_backup.db import models
from manila_backup.db import quotas as db_quotas
from manila_backup.db import rows
from manila_backup import exception
from manila_backup import states
from tests import statuses
from tests.unit import base

_Share = states.Share
_Backup = states.Backup


class Shares(base.TestCase):

    def test_delete_with_backups(self):
        share = self.share()
        self.admission.backups.create(base.MEMBER, share.id)
        self.finish_all()
        self.database.write(statuses.put, models.shares, share.id,
                            {'status': 'available'})
        self.assertRaises(exception.Forbidden, self.admission.shares.delete,
                          base.MEMBER, share.id)
        self.assertRaises(exception.Forbidden, self.admission.shares.delete,
                          base.ADMIN, share.id, force=True)
        self.assertRaises(exception.Forbidden,
                          self.admission.shares.unmanage, base.ADMIN,
                          share.id)
        self.assertEqual('available', self.get_share(share.id).status)

    def test_delete_while_busy(self):
        for status in states.SHARE_BUSY:
            share = self.share(status)
            self.assertRaises(exception.Forbidden,
                              self.admission.shares.delete, base.MEMBER,
                              share.id)

    def test_one_directory_is_one_share(self):
        self.share(path='/srv/data')
        self.assertRaises(exception.Conflict, self.share, path='/srv/data')

    def test_paths_that_are_not_plain(self):
        for path in ('data', '/srv/../etc', '/srv//data', '/', '',
                     '/' + 'x' * 1024):
            self.assertRaises(
                exception.InvalidInput, self.admission.shares.manage,
                base.ADMIN, {'share_proto': 'NFS', 'path': path})

    def test_extend(self):
        share = self.share(size=2)
        self.admission.shares.extend(base.MEMBER, share.id, 3)
        self.assertEqual(3, self.get_share(share.id).size)
        for size, shrink in ((3, False), (3, True)):
            self.assertRaises(exception.InvalidInput,
                              self.admission.shares.extend, base.MEMBER,
                              share.id, size, shrink=shrink)
        self.conf.set_override('gigabytes', 3, 'quota')
        self.assertRaises(exception.QuotaExceeded,
                          self.admission.shares.extend, base.MEMBER,
                          share.id, 4)


class Snapshots(base.TestCase):

    def test_life(self):
        share = self.share()
        row = self.admission.snapshots.create(base.MEMBER, share.id, 'name')
        self.assertEqual(('creating', 'name'), (row.status, row.name))
        self.assertEqual(('snapshot_create', row.id),
                         (self.operation().kind,
                          self.operation().snapshot_id))
        # Being made: come back later. Made: not at all.
        self.assertRaises(exception.Conflict, self.admission.backups.create,
                          base.MEMBER, share.id)
        self.admission.snapshots.reset_status(base.ADMIN, row.id, 'available')
        self.assertRaises(exception.InvalidState,
                          self.admission.backups.create, base.MEMBER,
                          share.id)
        self.assertRaises(exception.Forbidden, self.admission.shares.delete,
                          base.MEMBER, share.id)
        self.assertRaises(exception.NotFound,
                          self.admission.snapshots.delete, base.STRANGER,
                          row.id)
        self.admission.snapshots.delete(base.MEMBER, row.id)
        self.assertRaises(exception.InvalidState,
                          self.admission.snapshots.delete, base.MEMBER,
                          row.id)

    def test_deleted_while_it_is_made(self):
        row = self.admission.snapshots.create(base.MEMBER, self.share().id)
        made = self.operation().id
        self.assertIsNotNone(self.claim())
        self.admission.snapshots.reset_status(base.ADMIN, row.id, 'available')
        self.assertRaises(exception.Conflict, self.admission.snapshots.delete,
                          base.MEMBER, row.id)
        # It may have been begun: what is left of it goes first.
        self.assertEqual('cancelling', self.operation(made).status)
        self.assertRaises(exception.Conflict, self.admission.snapshots.delete,
                          base.MEMBER, row.id)

    def test_share_must_be_available(self):
        for status in _Share:
            if status != _Share.AVAILABLE:
                self.assertRaises(
                    exception.InvalidState, self.admission.snapshots.create,
                    base.MEMBER, self.share(status).id)

    def test_quota(self):
        self.conf.set_override('snapshots', 1, 'quota')
        share = self.share()
        self.admission.snapshots.create(base.MEMBER, share.id)
        self.assertRaises(exception.QuotaExceeded,
                          self.admission.snapshots.create, base.MEMBER,
                          share.id)


class Settings(base.TestCase):

    def test_types(self):
        row = self.admission.share_types.create({'name': 'gold',
                                                 'extra_specs': {'a': 'b'}})
        self.assertEqual({'a': 'b'}, row.extra_specs)
        self.assertRaises(exception.Conflict,
                          self.admission.share_types.create,
                          {'name': 'gold'})
        row = self.admission.share_types.update(row.id, {'extra_specs': {}})
        self.assertEqual({}, row.extra_specs)
        share = self.admission.shares.create(base.MEMBER, {
            'size': 1, 'share_proto': 'NFS', 'share_type_id': row.id})
        self.assertRaises(exception.InvalidInput,
                          self.admission.share_types.delete, row.id)
        self.database.write(rows.delete, models.shares, share.id)
        self.admission.share_types.delete(row.id)
        self.assertRaises(exception.NotFound,
                          self.admission.share_types.delete, row.id)

    def test_access_rules(self):
        share = self.share()
        ask = (base.MEMBER, share.id, 'ip', '10.0.0.1')
        row = self.admission.access_rules.allow(*ask)
        self.assertEqual(('rw', 'active'), (row.access_level, row.state))
        self.assertRaises(exception.InvalidInput,
                          self.admission.access_rules.allow, *ask)
        self.assertRaises(exception.NotFound, self.admission.access_rules.deny,
                          base.STRANGER, share.id, row.id)
        self.admission.access_rules.deny(base.MEMBER, share.id, row.id)
        self.assertRaises(exception.NotFound, self.admission.access_rules.deny,
                          base.MEMBER, share.id, row.id)

    def test_quotas(self):
        self.admission.quotas.set('p1', {'backups': 1, 'shares': -1})
        self.admission.quotas.set('p1', {'backups': 2})
        self.assertEqual({'backups': 2, 'shares': -1},
                         self.database.read(db_quotas.limits, 'p1'))
        self.admission.quotas.delete('p1')
        self.assertEqual({}, self.database.read(db_quotas.limits, 'p1'))
        for limits in ({'beer': 1}, {'backups': -2}):
            self.assertRaises(exception.InvalidInput,
                              self.admission.quotas.set, 'p1', limits)
