# SPDX-License-Identifier: Apache-2.0
"""Repositories and shares that lie within one another."""

import os

from manila_backup import exception
from manila_backup.maintenance import nesting
from tests.unit import base


class NestingTestCase(base.TestCase):

    def check(self, shares, repository):
        for name in shares, repository:
            os.makedirs(os.path.join(self.root, name), exist_ok=True)
        self.conf.set_override('path', os.path.join(self.root, shares),
                               'local_shares')
        self.conf.set_override('repository_path',
                               os.path.join(self.root, repository), 'posix')
        nesting.check(self.conf)

    def test_beside_each_other(self):
        self.check('data/shares', 'data/shares2')

    def test_within_one_another(self):
        for shares, repository in (('a', 'a'), ('a', 'a/b/c'), ('a/b', 'a')):
            self.assertRaisesRegex(exception.ConfigurationError,
                                   'lie within one another', self.check,
                                   shares, repository)

    def test_by_a_link(self):
        os.makedirs(os.path.join(self.root, 'a'))
        os.symlink('a', os.path.join(self.root, 'l'))
        self.assertRaises(exception.ConfigurationError, self.check, 'a',
                          'l/repository')

    def test_shares_of_another_service(self):
        self.conf.set_override('source', 'manila', 'shares')
        self.check('a', 'a')
