# SPDX-License-Identifier: Apache-2.0

import os
import threading
import types
import unittest
from unittest import mock

from manila_backup.bus import questions
from manila_backup import context


class Here(unittest.TestCase):
    """A worker in the same process."""

    def setUp(self):
        super().setUp()
        conf = types.SimpleNamespace(api=types.SimpleNamespace(
            threads=4, question_timeout=60))
        transport = types.SimpleNamespace()
        with mock.patch.object(questions.rpc, 'messaging'):
            self.asker = questions.Asker(conf, transport, None)
        self.addCleanup(self.asker.close)
        self.conf = conf
        self.go = threading.Event()
        self.addCleanup(self.go.set)
        self.asker.answer_here(types.SimpleNamespace(
            drivers={'mine': None}, host='here', questions=self))
        self.context = context.RequestContext(project_id='p1')

    def answer(self, driver, question, project_id, arguments):
        """Stand for the worker's desk."""
        if question == 'hang':
            self.go.wait()
        if question == 'nice':
            return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        if question == 'none':
            raise questions.Missing('There is none.')
        return [driver, question, project_id, arguments]

    def test_is_asked_without_a_bus(self):
        self.assertEqual(
            (['mine', 'ask', 'p1', {'path': 'a'}], 'here'),
            self.asker.ask_one(self.context, 'mine', 'ask', path='a'))

    def test_gives_way_to_those_who_copy(self):
        mine = os.getpriority(os.PRIO_PROCESS, 0)
        self.assertEqual((max(mine, 10), 'here'), self.asker.ask_one(
            self.context, 'mine', 'nice'))
        self.assertEqual(mine, os.getpriority(os.PRIO_PROCESS, 0))

    def test_what_it_has_not(self):
        with self.assertRaisesRegex(questions.Missing, 'There is none'):
            self.asker.ask(self.context, 'mine', 'none')

    def test_takes_no_longer_than_others(self):
        self.conf.api.question_timeout = 0.01
        with self.assertRaisesRegex(questions.Unanswered, 'takes long'):
            self.asker.ask(self.context, 'mine', 'hang')

    def test_of_another_host_or_driver(self):
        with mock.patch.object(
                self.asker, '_call', return_value={'result': 'bus'}):
            for driver, host in (('mine', 'there'), ('other', None)):
                self.assertEqual(('bus', None), self.asker.ask_one(
                    self.context, driver, 'ask', host=host))
