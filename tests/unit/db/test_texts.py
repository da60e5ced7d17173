# SPDX-License-Identifier: Apache-2.0

from oslotest import base

from manila_backup.db import models
from manila_backup.db import texts


class Fit(base.BaseTestCase):

    def test_what_fits_stays(self):
        for text in (None, '', 'plain', '備份', '\U0001f4be', 'a\nb\tc'):
            self.assertEqual(text, texts.fit(text))
        exact = 'x' * texts.MAX_BYTES
        self.assertEqual(exact, texts.fit(exact))

    def test_is_cut_by_bytes_at_a_character(self):
        for char in ('x', 'ж', '備', '\U0001f4be'):
            for size in range(20_000, 20_008):
                found = texts.fit(char * 30_000, size=size)
                used = len(found.encode())
                self.assertLessEqual(used, size)
                self.assertGreater(used, size - len(char.encode()))
                self.assertEqual(texts.CUT, found[-1])
                self.assertEqual({char}, set(found[:-1]))

    def test_is_cut_by_characters(self):
        self.assertEqual('備' * 254 + texts.CUT, texts.fit('備' * 300, 255))
        self.assertEqual('備' * 255, texts.fit('備' * 255, 255))

    def test_what_no_database_takes(self):
        self.assertEqual('a\\x00b\\xff\\ud800',
                         texts.fit('a\0b\udcff\ud800'))
        # Spelled out first, cut then.
        self.assertEqual('\\x0' + texts.CUT, texts.fit('\0\0', 4))


class FitList(base.BaseTestCase):

    def test_all(self):
        self.assertEqual('a\nb', texts.fit_list(['a', 'b']))
        self.assertEqual('', texts.fit_list([]))

    def test_how_many_more(self):
        self.assertEqual('a\nb\n... and 3 more.',
                         texts.fit_list(['a', 'b'], 5))
        found = texts.fit_list(['備' * 30] * 10, 12, 300)
        self.assertEqual(['備' * 30] * 3 + ['... and 9 more.'],
                         found.splitlines())

    def test_never_too_long(self):
        for size in range(40, 400):
            for length in (1, 7, 40, 300):
                found = texts.fit_list(['ж' * length] * 30, 1000, size)
                self.assertLessEqual(len(found.encode()), size)
                self.assertEqual('more.', found[-5:])

    def test_one_that_is_too_long_alone(self):
        found = texts.fit_list(['x' * 100, 'y'], size=60).splitlines()
        self.assertEqual('x', found[0][0])
        self.assertEqual('... and 1 more.', found[1])


class Columns(base.BaseTestCase):

    def test_what_is_there_to_be_read_fits(self):
        """Columns of any length have the type that cuts it."""
        for table in models.Base.metadata.sorted_tables:
            for column in table.c:
                if (getattr(column.type, 'length', 0) is None
                        or column.name in ('name', 'description', 'host',
                                           'availability_zone')
                        and table.name not in (
                            'share_types', 'turns', 'places',
                            'daily_budgets')):
                    self.assertIsInstance(column.type, texts.Said,
                                          str(column))

    def test_what_something_is_found_by_is_never_cut(self):
        for table in models.Base.metadata.sorted_tables:
            for column in table.c:
                if column.name.endswith('id') and column.name != 'request_id':
                    self.assertNotIsInstance(column.type, texts.Said,
                                             str(column))
