# SPDX-License-Identifier: Apache-2.0

import unittest

from hypothesis import given
from hypothesis import strategies

from manila_backup.api import streams


class TestRange(unittest.TestCase):

    def test_ranges(self):
        for header, size, expected in (
                ('bytes=0-0', 10, (0, 1)), ('bytes=3-', 10, (3, 10)),
                ('bytes=3-99', 10, (3, 10)), ('bytes=-3', 10, (7, 10)),
                ('bytes=-99', 10, (0, 10)), ('Bytes = 3-4', 10, (3, 5)),
                (None, 10, None), ('', 10, None), ('bytes=-', 10, None),
                ('bytes=4-3', 10, None), ('bytes=0-1,3-4', 10, None),
                ('lines=0-1', 10, None), ('bytes=a-b', 10, None),
                ('bytes=+1-2', 10, None), ('bytes=١-٢', 10, None),
                (f'bytes={"9" * 20}-', 10, None)):
            self.assertEqual(expected, streams.parse_range(header, size),
                             header)

    def test_nothing_there(self):
        for header, size in (('bytes=10-', 10), ('bytes=-0', 10),
                             ('bytes=0-', 0), ('bytes=-5', 0)):
            with self.assertRaises(streams.Unsatisfiable):
                streams.parse_range(header, size)

    @given(strategies.text(max_size=30), strategies.integers(0, 100))
    def test_whatever_comes(self, text, size):
        try:
            found = streams.parse_range(text, size)
        except streams.Unsatisfiable:
            return
        if found:
            self.assertTrue(0 <= found[0] < found[1] <= size)


class TestDisposition(unittest.TestCase):

    @given(strategies.binary(min_size=1, max_size=40))
    def test_any_name_makes_one_header(self, name):
        said = streams.disposition(name)
        self.assertTrue(said.isascii() and said.isprintable())
        self.assertEqual(2, said.count('"'))
        self.assertEqual(2, said.count(';'))


class TestStream(unittest.TestCase):

    def setUp(self):
        super().setUp()
        self.closed = []

    def stream(self, pieces):
        return streams.Stream([], pieces, lambda: self.closed.append(True))

    def test_pieces(self):
        stream = self.stream([b'a', b'b'])
        stream.begin()
        self.assertEqual([b'a', b'b'], list(stream))
        self.assertEqual([], self.closed)
        stream.close()
        self.assertEqual([True], self.closed)

    def test_nothing(self):
        stream = self.stream([])
        stream.begin()
        self.assertEqual([], list(stream))

    def test_what_fails_at_once(self):
        stream = self.stream(1 / 0 for _ in range(2))
        with self.assertRaises(ZeroDivisionError):
            stream.begin()
        self.assertEqual([True], self.closed)

    def test_what_fails_later(self):
        stream = self.stream(1 // (1 - each) for each in range(2))
        stream.begin()
        with self.assertLogs(streams.LOG, 'WARNING'), \
                self.assertRaises(streams.Broken):
            list(stream)
