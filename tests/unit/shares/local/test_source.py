# SPDX-License-Identifier: Apache-2.0

import os

import fixtures
from oslotest import base

from manila_backup.drivers import progress
from manila_backup.shares import base as shares
from manila_backup.shares import local


class LocalShares(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.root = os.path.realpath(self.useFixture(
            fixtures.TempDir()).path)
        self.source = local.LocalShares(os.path.join(self.root, 'shares'))
        self.progress = progress.Progress()
        self.made = shares.ShareRef('a-share', 'p1')

    def adopted(self, path=None):
        path = path or os.path.join(self.root, 'data')
        os.makedirs(path, exist_ok=True)
        with open(os.path.join(path, 'file'), 'w') as file:
            file.write('kept')
        return shares.ShareRef('adopted', 'p1', path)

    def test_create_and_remove(self):
        self.source.create(self.made)
        self.source.create(self.made)
        path = self.source.directory(self.made)
        outside = self.adopted().path
        os.symlink(outside, os.path.join(path, 'link'))
        os.makedirs(os.path.join(path, *['deep'] * 50))
        self.source.remove(self.made, self.progress)
        self.source.remove(self.made, self.progress)
        self.assertFalse(os.path.exists(path))
        self.assertEqual(['file'], os.listdir(outside))

    def test_adopted_directory_is_emptied_but_stays(self):
        share = self.adopted()
        self.assertEqual(self.source.adopt(share),
                         self.source.identify(share))
        self.source.remove(share, self.progress)
        self.assertEqual([], os.listdir(share.path))

    def test_what_can_not_be_adopted(self):
        self.source.create(self.made)
        data = self.adopted().path
        os.symlink(data, os.path.join(self.root, 'link'))
        for path in (os.path.join(self.root, 'missing'),
                     os.path.join(data, 'file'),
                     os.path.join(self.root, 'link'),
                     self.root,
                     self.source.path,
                     os.path.join(self.source.path, 'a-share')):
            self.assertRaises(shares.ShareError, self.source.adopt,
                              shares.ShareRef('x', 'p1', path))

    def test_what_is_gone_or_replaced_by_a_link(self):
        error = self.assertRaises(shares.ShareError, self.source.identify,
                                  self.made)
        self.assertTrue(error.retryable)
        os.mkdir(self.source.path)
        os.symlink('/etc', os.path.join(self.source.path, 'a-share'))
        self.assertRaises(shares.ShareError, self.source.identify, self.made)

    def test_snapshot_holds_what_the_share_held(self):
        self.source.create(self.made)
        path = os.path.join(self.source.directory(self.made), 'f')
        with open(path, 'w') as file:
            file.write('then')
        # What an attempt that was killed left is in nobody's way.
        left = self.source.snapshot_directory(self.made, 'snap') + '.1'
        os.makedirs(left)
        self.source.create_snapshot(self.made, 'snap', 2, self.progress)
        self.source.create_snapshot(self.made, 'snap', 3, self.progress)
        with open(path, 'w') as file:
            file.write('now')
        copy = self.source.snapshot_directory(self.made, 'snap')
        with open(os.path.join(copy, 'f')) as file:
            self.assertEqual('then', file.read())
        self.source.remove_snapshot(self.made, 'snap', self.progress)
        self.assertEqual([], os.listdir(os.path.dirname(copy)))
