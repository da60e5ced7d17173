# SPDX-License-Identifier: Apache-2.0

import contextlib
from unittest import mock

from oslotest import base

from manila_backup.contents import item
from manila_backup.engine.questions import files
from manila_backup import quoting

_WHERE = b'n' * 200 * 1024


class PathsTest(base.BaseTestCase):
    """Paths of some 100 KB: an answer has room for a few of them only."""

    def setUp(self):
        super().setUp()
        self.index = mock.Mock()
        self.index.digest.return_value = None
        self.driver = mock.Mock()
        for opened in self.driver.open_index, self.driver.open_directory:
            opened.return_value = contextlib.nullcontext(self.index)
        self.items = [item.Item(_WHERE, b'%03d' % number)
                      for number in range(100)]
        self.room = quoting.MOST_BYTES // (len(_WHERE) + 4)

    def test_listed(self):
        self.index.page.return_value = self.items
        answer = files.list_files(self.driver, None, '', 'path', None, 100)
        self.assertTrue(answer['more'])
        self.assertEqual([f'{number:03}' for number in range(self.room)],
                         [each['name'] for each in answer['files']])

    def test_found(self):
        self.index.search.return_value = self.items, None
        answer = files.find_files(self.driver, None, '', '.', None, 100, 1)
        self.assertEqual(self.room, len(answer['files']))
        self.assertEqual(answer['files'][-1]['path'], answer['after'])

    def test_one_has_room(self):
        one = item.Item(_WHERE * 100, b'name')
        self.index.page.return_value = [one, one]
        answer = files.list_files(self.driver, None, '', 'path', None, 1)
        self.assertEqual((1, True), (len(answer['files']), answer['more']))

    def test_all_that_are_short(self):
        short = [each._replace(directory=b'd') for each in self.items]
        self.index.page.return_value = short
        self.index.search.return_value = short, None
        answer = files.list_files(self.driver, None, '', 'd', None, 100)
        self.assertEqual((100, False), (len(answer['files']),
                                        answer['more']))
        answer = files.find_files(self.driver, None, '', '.', None, 100, 1)
        self.assertEqual((100, None), (len(answer['files']),
                                       answer['after']))
