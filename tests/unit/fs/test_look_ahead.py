# SPDX-License-Identifier: Apache-2.0

import threading
from unittest import mock

from oslotest import base

from manila_backup.fs import at_once
from manila_backup.fs import look_ahead


class Entry:
    """As much of an os.DirEntry as is needed."""

    def __init__(self, name, wait=lambda: None, is_directory=False):
        self.name = name
        self.asked = []
        self._wait = wait
        self._is_directory = is_directory

    def is_dir(self, follow_symlinks):
        return self._is_directory

    def stat(self, follow_symlinks):
        self.asked.append(threading.current_thread())
        self._wait()


class LookAhead(base.BaseTestCase):

    def _entries(self, listing, slow=True):
        with mock.patch.object(at_once, 'SLOW_NS',
                               0 if slow else 1 << 62):
            return list(look_ahead.entries(iter(listing)))

    def test_many_at_once_where_answers_take_long(self):
        """None is answered before eight of them have been asked for."""
        before = threading.active_count()
        together = threading.Barrier(8)
        listing = [Entry(number) for number in range(4)] + [
            Entry(number, together.wait) for number in range(4, 4 + 8 * 20)]
        self.assertEqual(listing, self._entries(listing))
        self.assertEqual({1}, {len(entry.asked) for entry in listing})
        self.assertEqual(before, threading.active_count())

    def test_no_threads_where_they_do_not(self):
        listing = [Entry(number) for number in range(100)]
        self.assertEqual(listing, self._entries(listing, slow=False))
        self.assertEqual({threading.current_thread()}, {
            thread for entry in listing for thread in entry.asked})

    def test_directories_are_not_asked_for(self):
        listing = [Entry(number, is_directory=True) for number in range(50)]
        self.assertEqual(listing, self._entries(listing))
        self.assertEqual([], [entry for entry in listing if entry.asked])

    def test_errors_of_entries_are_left_to_who_uses_them(self):
        listing = [Entry(number, mock.Mock(side_effect=PermissionError))
                   for number in range(50)]
        self.assertEqual(listing, self._entries(listing))

    def test_an_error_of_the_listing_comes_after_what_it_had(self):
        def listing():
            yield from first
            raise OSError

        first = [Entry(number) for number in range(700)]
        found = look_ahead.entries(listing())
        self.assertEqual(first, [next(found) for _ in first])
        self.assertRaises(OSError, next, found)

    def test_nothing_is_left_out(self):
        for count in (0, 1, 4, 5, 511, 512, 513, 1024):
            listing = [Entry(number) for number in range(count)]
            for slow in (False, True):
                self.assertEqual(listing, self._entries(listing, slow))
