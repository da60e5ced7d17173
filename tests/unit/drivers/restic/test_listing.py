# SPDX-License-Identifier: Apache-2.0

import io
import json
import stat
import unittest

from hypothesis import given
from hypothesis import strategies

from manila_backup.drivers.restic import listing

_FILE, _LINK = stat.S_IFREG | 0o644, stat.S_IFLNK | 0o777

# Of what could be taken for something else.
_parts = strategies.lists(strategies.sampled_from(
    (b'a', b'\n', b' -> ', b'\xff', b'\xfe', '\ufffd'.encode(), b'/b',
     b'\n-rw-r--r--     0     0      0 2026-11-29 09:44:46 /a')),
    min_size=1, max_size=4).map(lambda parts: b'x' + b''.join(parts))


def shown(path):
    """A path as restic's JSON has it."""
    return ''.join(
        '\ufffd' if '\udc80' <= char <= '\udcff' else char
        for char in path.decode(errors='surrogateescape')).encode()


def node(path, mode=_FILE, size=0):
    return listing.Node(shown(path), mode, 1, 2, size, 0)


def text(path, size=0, target=None):
    """Return what restic says of an entry as text."""
    said = b'-rw-r--r--     1     2 %6d 2026-11-29 09:44:46 /%b' % (size, path)
    return said + (b'' if target is None else b' -> ' + target) + b'\n'


def joined(nodes, said):
    return [found[1:] for found in listing.joined(
        iter(nodes), io.BytesIO(said))]


class TestJoined(unittest.TestCase):

    head = b'snapshot 80e0 of [/x\n/y] at 2026-11-29 by root@host:\n'

    def test_nothing(self):
        self.assertEqual([], joined([], self.head))
        self.assertEqual([], joined([], b''))

    @given(strategies.lists(_parts, min_size=1, max_size=6, unique=True))
    def test_files_of_any_name(self, paths):
        self.assertEqual(
            [(path, None) for path in paths],
            joined([node(path, size=7) for path in paths],
                   self.head + b''.join(text(path, 7) for path in paths)))

    def test_targets_of_links(self):
        wanted = [(b'a', b'b'), (b'b\n\xff', b'c\nd'), (b'c \xff', b' -> '),
                  (b'd', b'e\n\n'), (b'e -> f', b'\xff\n'), (b'f', b'')]
        self.assertEqual(wanted, joined(
            [node(path, _LINK) for path, _ in wanted],
            self.head + b''.join(text(path, 0, target)
                                 for path, target in wanted)))

    def test_what_does_not_match(self):
        for said in (b'', text(b'a'), text(b'b') + text(b'a'),
                     text(b'a') + text(b'b') + text(b'c'),
                     text(b'a') + b'more\n' + text(b'b'),
                     text(b'a') + text(b'b', 3),
                     text(b'a') + text(b'"b"')):
            with self.assertRaises(listing.Unmatched, msg=said):
                joined([node(b'a'), node(b'b')], said)
        with self.assertRaises(listing.Unmatched):
            joined([node(b'a', _LINK)], text(b'a'))


class TestLines(unittest.TestCase):

    def lines(self, written):
        lines = listing.Lines(None)
        self.addCleanup(lines.close)
        lines.write(b'of before/what counts')
        lines.clear()
        for each in written:
            lines.write(each)
        self.assertEqual(written, list(lines))
        self.assertEqual(written, list(lines))
        return lines

    @given(strategies.lists(strategies.lists(strategies.sampled_from(
        (b'a', b'/', b' ', b'7', b'\0', b'b/c', b'\xff\r')),
        max_size=8).map(b''.join), max_size=6))
    def test_come_back(self, written):
        self.lines(written)

    def test_of_long_paths(self):
        where = b'/' + b'/'.join([b'n' * 250] * 16)
        lines = self.lines([b'-rw- %4d %b/%d' % (number, where, number)
                            for number in range(5000)])
        self.assertLess(lines._file.seek(0, 2), 5000 * 25 + len(where))


class TestParse(unittest.TestCase):

    def parse(self, **others):
        return listing.parse(json.dumps({
            'path': '/d/x', 'type': 'file', 'mtime': '2026-11-29T09:44:46Z',
            'mode': 0o644, **others}))

    def test_modes(self):
        self.assertEqual(stat.S_IFREG | 0o4644,
                         self.parse(mode=1 << 23 | 0o644).mode)
        self.assertEqual(stat.S_IFDIR | 0o1777, self.parse(
            type='dir', mode=1 << 31 | 1 << 20 | 0o777).mode)
        self.assertEqual(0, self.parse(type='irregular').mode)

    def test_times(self):
        self.assertEqual(1795945486_000000000, self.parse().mtime)
        self.assertEqual(0, self.parse(mtime='12345-01-01T00:00:00Z').mtime)

    def test_the_snapshot(self):
        self.assertIsNone(listing.parse(b'{"struct_type": "snapshot"}'))
