# SPDX-License-Identifier: Apache-2.0

import errno
import os
from unittest import mock

import fixtures
from oslotest import base

from manila_backup.copying import reporting
from manila_backup.fs import handles
from manila_backup.path_restore import links


class Links(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.path = self.useFixture(fixtures.TempDir()).path
        self.fd = os.open(self.path, os.O_RDONLY)
        self.addCleanup(os.close, self.fd)
        target = handles.Descent(self.fd)
        self.addCleanup(target.close)
        self.problems = reporting.Problems()
        self.links = links.Links(target, self.problems)
        self._make('first')
        self._remember(7, 'first')

    def _make(self, name):
        with open(os.path.join(self.path, name), 'w') as file:
            file.write(name)

    def _remember(self, line, name):
        self.links.remember(line, os.fsencode(name),
                            os.stat(os.path.join(self.path, name)))

    def _another(self, line=7):
        return self.links.make(line, self.fd, b'1', b'd/second')

    def test_another_name(self):
        self.assertTrue(self._another())
        self.assertTrue(os.path.samefile(os.path.join(self.path, 'first'),
                                         os.path.join(self.path, '1')))
        self.assertEqual([], self.problems.sentences)

    def test_the_first_name_is_nothing_to_tell(self):
        self.assertFalse(self._another(line=8))
        self.assertEqual([], self.problems.sentences)

    def test_no_more_links(self):
        with mock.patch.object(os, 'link', side_effect=OSError(
                errno.EMLINK, 'Too many links')):
            self.assertFalse(self._another())
        self.assertEqual(
            ['"d/second" is a copy in the share, not a hard link of "first": '
             'Too many links.'], self.problems.sentences)

    def test_somebody_has_put_something_else_there(self):
        os.rename(os.path.join(self.path, 'first'),
                  os.path.join(self.path, 'moved'))
        self._make('first')
        self.assertFalse(self._another())
        self.assertEqual(
            ['"d/second" is a copy in the share, not a hard link of "first": '
             'that has become something else.'], self.problems.sentences)
        self.assertFalse(os.path.exists(os.path.join(self.path, '1')))

    def test_more_than_can_be_remembered(self):
        with mock.patch.object(links, '_MOST', 1):
            for line, name in enumerate(('a', 'b', 'c'), 10):
                self._make(name)
                self._remember(line, name)
            self._remember(7, 'first')
        sentence, = self.problems.sentences
        self.assertIn('"a" and of others after it are copies', sentence)
