# SPDX-License-Identifier: Apache-2.0
"""Text from outside, as it looks in a log."""

import io
import logging

from oslo_log import formatters
from oslotest import base

from manila_backup import conf as config
from manila_backup import context
from manila_backup import logtext


class TestText(base.BaseTestCase):

    def test_is_plain(self):
        for text in ('', 'a b', 'é', '日本', 'a\u200db'):
            self.assertTrue(logtext.is_plain(text), text)
            self.assertEqual(text, logtext.one_line(text))
        for text in ('\n', '\t', '\0', '\x7f', '\x85', '\u2028', '\u202e',
                     '\udc80', 'a\x1b[2K'):
            self.assertFalse(logtext.is_plain(text), repr(text))
            self.assertTrue(logtext.is_plain(logtext.one_line(text)))

    def test_as_python_writes_it(self):
        self.assertEqual(r'a\nb\x1b\u2028',
                         logtext.one_line('a\nb\x1b\u2028'))


class TestLog(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        conf = config.load(['--config-dir', '/dev/null'], 'test',
                           default_config_files=[])
        self.stream = io.StringIO()
        handler = logging.StreamHandler(self.stream)
        handler.setFormatter(formatters.ContextFormatter(
            config=conf, project='test', version='1'))
        self.log = logging.getLogger(f'test-{id(self)}')
        self.log.propagate = False
        self.log.addHandler(handler)
        logtext.apply(self.log)

    def _lines(self):
        return self.stream.getvalue().splitlines()

    def test_message(self):
        self.log.warning('of %s: 100%%', 'x\nERROR forged\x1b[2K')
        line, = self._lines()
        self.assertIn(r'of x\nERROR forged\x1b[2K: 100%', line)

    def test_caller(self):
        self.log.warning('done', extra={'context': context.RequestContext(
            user_id='u\nforged', project_id='p\r', user_name='n\u2028',
            overwrite=False)})
        line, = self._lines()
        self.assertIn(r'u\nforged p\r', line)

    def test_traceback(self):
        try:
            raise ValueError('x\nforged\r\x1b[2K')
        except ValueError:
            self.log.exception('failed')
        text = self.stream.getvalue()
        self.assertIn(r'\x1b[2K', text)
        self.assertNotIn('\r', text)
        # Each line of it says whose it is.
        for line in text.rstrip('\n').split('\n')[1:]:
            self.assertIn(f' ERROR {self.log.name}', line)

    def test_error_that_is_told_beside_the_message(self):
        class Strange(Exception):
            pass

        try:
            raise Strange('x\rforged')
        except Strange:
            self.log.warning('failed')
        line, = self._lines()
        self.assertIn(r'x\rforged', line)

    def test_stack(self):
        self.log.warning('here\n', stack_info=True)
        self.assertIn('\n  File "', self.stream.getvalue())
