# SPDX-License-Identifier: Apache-2.0
"""Numbers, times and states in words, and in pictures."""

import datetime

import testtools

from manila_backup import states
from manila_backup.ui import due
from manila_backup.ui.pages import overview
from manila_backup.ui import pictures
from manila_backup.ui import words

NOW = datetime.datetime(2026, 3, 1, 12)


class WordsTest(testtools.TestCase):

    def test_sizes(self):
        self.assertEqual(
            ['–', '0 B', '1023 B', '1.0 KiB', '1.5 MiB', '100 GiB',
             '2048 PiB'],
            [words.size(each) for each in (
                None, 0, 1023, 1024, 3 << 19, 100 << 30, 1 << 61)])

    def test_numbers_of_things(self):
        self.assertEqual(
            ['0 backups', '1 backup', '1\u202f000 backups', '– backups'],
            [words.counted(each, 'backup') for each in (0, 1, 1000, None)])
        self.assertEqual(['1 entry', '2 entries'],
                         [words.entries(each) for each in (1, 2)])

    def test_schedules(self):
        for cron, said in (
                ('30 2 * * *', 'every day at 02:30'),
                ('0 * * * *', 'every hour at minute 0'),
                ('15 */6 * * *', 'every 6 hours at minute 15'),
                ('0 2,14 * * mon-fri',
                 'on Mondays to Fridays at 02:00 and 14:00'),
                ('0 3 * * 0', 'on Sundays at 03:00'),
                ('0 3 * * 7,sat', 'on Sundays and Saturdays at 03:00'),
                ('0 3 1,15 * *', 'on day 1 and 15 of each month at 03:00'),
                ('0 3 L * *', 'on the last day of each month at 03:00')):
            self.assertEqual(said, due.due(cron))
        # No words are better than wrong ones.
        for cron in ('* * * * *', '0 */5 * * *', '0 1-3 * * *', '0 3 1 * 0',
                     '0 3 * * mon#1', '0 3 * jan *', '*/30 3 * * *',
                     '0 3 * * L5', '0 3 */2 * *', '0 3 ? * *'):
            self.assertIsNone(due.due(cron), cron)

    def test_times(self):
        self.assertEqual('2026-02-01 03:04',
                         words.time('2026-02-01T03:04:59.5'))
        self.assertEqual(
            ['–', '10 s ago', '1 minute ago', '2 hours ago', 'in 3 days'],
            [words.ago(each, NOW) for each in (
                None, '2026-03-01T11:59:50.000000', '2026-03-01T11:59:00Z',
                '2026-03-01T10:00:00', '2026-03-04T12:00:00')])

    def test_every_state_has_a_mood(self):
        for each in (*states.Backup, *states.Result, *states.Operation):
            mood = words.mood(str(each))
            if mood == 'busy':
                self.assertIn(str(each), (
                    'creating', 'deleting', 'restoring', 'queued',
                    'cancelling', 'running'))

    def test_percent(self):
        operation = {'bytes_done': 5, 'bytes_total': 10, 'files_done': 1,
                     'files_total': 4}
        self.assertEqual(50, words.percent(operation))
        self.assertEqual(25, words.percent({**operation, 'bytes_total': 0}))
        self.assertEqual(100, words.percent({**operation, 'bytes_done': 11}))
        self.assertIsNone(words.percent(dict.fromkeys(operation)))

    def test_quote(self):
        self.assertEqual('%2Fa%25FF%20b%3F', words.quote('/a%FF b?'))


class PicturesTest(testtools.TestCase):

    def test_timeline(self):
        marks = pictures.timeline([
            {'created_at': '2026-03-01T00:00:00', 'status': 'available',
             'result': 'incomplete'},
            {'created_at': '2026-02-28T12:00:00', 'status': 'available',
             'result': 'complete'},
            {'created_at': '2026-03-02T00:00:00', 'status': 'error'}], NOW)
        self.assertEqual(
            [(14, 'good'), (500, 'doubtful'), (986, 'bad')],
            [(mark.x, mark.mood) for mark in marks])
        self.assertEqual([], pictures.timeline([], NOW))

    def test_calendar(self):
        rules = [{'name': 'late', 'cron': '30 23 * * 1',
                  'timezone': 'Europe/Berlin'},
                 {'name': 'first', 'cron': '30 2 1 * *', 'timezone': 'UTC'}]
        (title, weeks), (following, _) = pictures.months(
            rules, datetime.date(2026, 12, 5))
        self.assertEqual(('December 2026', 'January 2027'),
                         (title, following))
        due = {day: names for week in weeks for day, names in week if names}
        self.assertEqual({1: ['first'], 7: ['late'], 14: ['late'],
                          21: ['late'], 28: ['late']}, due)
        self.assertTrue(all(len(week) == 7 for week in weeks))


class UseTest(testtools.TestCase):
    """Bytes that are stored, day by day."""

    TODAY = datetime.date(2026, 3, 1)

    def _by_day(self, **stored):
        return overview._by_day([
            {'day': f'2026-{day[1:3]}-{day[3:]}', 'stored_bytes': size}
            for day, size in stored.items()], self.TODAY)

    def test_days_without_backups(self):
        """They have what was stored before, at least of a week."""
        found = self._by_day(d0227=5, d0301=2)
        self.assertEqual(7, len(found))
        self.assertEqual(
            [(0, 0), (5, 5), (5, 0), (7, 2)],
            [(stored, added) for _day, stored, added in found[-4:]])
        self.assertEqual(self.TODAY, found[-1][0])

    def test_long_ago(self):
        """Backups of before the first day that is shown count."""
        found = self._by_day(d0101=3)
        self.assertEqual(60, len(found))
        found = overview._by_day([
            {'day': '2020-01-01', 'stored_bytes': 3}], self.TODAY)
        self.assertEqual(overview.DAYS, len(found))
        self.assertEqual({(3, 0)}, {each[1:] for each in found})

    def test_limits(self):
        """A limit is drawn where that leaves something to be seen."""
        days = [(self.TODAY, 10, 5)]
        for limit, height, line in ((None, 96, None), (1000, 96, None),
                                    (20, 48, 96), (5, 96, 48), (0, 96, 0)):
            drawn = pictures.use(days, limit)
            self.assertEqual((height, line),
                             (drawn.bars[0][2], drawn.limit_height))
        # Nothing is stored at all.
        self.assertEqual(0, pictures.use([(self.TODAY, 0, 0)],
                                         None).bars[0][2])
