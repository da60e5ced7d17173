# SPDX-License-Identifier: Apache-2.0

import tempfile
import threading
import types
import unittest
from unittest import mock

from manila_backup.bus import questions
from manila_backup.engine.questions import desk

PLACE = ['p', 's', 'b']


class TestPlaces(unittest.TestCase):

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.now = 1000.0
        conf = types.SimpleNamespace(
            state_path=folder.name,
            api=types.SimpleNamespace(question_timeout=0.0),
            backup=types.SimpleNamespace(contents_cache_gigabytes=1))
        self.desk = desk.Desk(conf, {'dead': None, 'alive': None},
                              lambda: self.now)
        self.go = threading.Event()
        self.threads = []
        self.addCleanup(self.end)
        patched = mock.patch.dict(desk.ANSWERS, {
            'hang': self.hang, 'ask': lambda *_: 'answer'})
        patched.start()
        self.addCleanup(patched.stop)
        self.inside = threading.Semaphore(0)

    def end(self):
        self.go.set()
        for each in self.threads:
            each.join()

    def hang(self, *_):
        self.inside.release()
        self.go.wait()

    def hang_some(self, *projects):
        for project in projects:
            thread = threading.Thread(target=self.desk.answer, args=(
                'dead', 'hang', project, {'place': PLACE}))
            thread.start()
            self.threads.append(thread)
            self.inside.acquire()

    def ask(self, driver='alive', project='p9'):
        return self.desk.answer(driver, 'ask', project, {'place': PLACE})

    def test_a_project_has_but_some_places(self):
        self.hang_some('p1', 'p1')
        with self.assertRaisesRegex(questions.Unanswered, 'is busy'):
            self.ask(project='p1')
        self.assertEqual('answer', self.ask(project='p2'))

    def test_a_repository_that_hangs_keeps_no_place(self):
        self.hang_some('p1', 'p1', 'p2', 'p2')
        with self.assertRaisesRegex(questions.Unanswered, 'is busy'):
            self.ask()
        self.now += 31
        for project in ('p1', 'p2', 'p3'):
            self.assertEqual('answer', self.ask(project=project))

    def test_and_gets_no_more_questions(self):
        self.hang_some('p1', 'p1', 'p2', 'p2')
        self.now += 31
        with self.assertRaisesRegex(questions.Unanswered, 'not answer'):
            self.ask('dead')
        self.end()
        self.assertEqual('answer', self.ask('dead'))

    def test_what_nobody_knows(self):
        with self.assertRaises(questions.Refused):
            self.desk.answer('alive', 'sing', 'p1', {'place': PLACE})
