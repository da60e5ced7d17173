# SPDX-License-Identifier: Apache-2.0

from urllib import parse

from oslotest import base

from manila_backup import logtext
from manila_backup import quoting


class QuotingTest(base.BaseTestCase):

    def test_every_byte_comes_back(self):
        for path in (b'plain', b'100%', b'%41', b'\xff\xfe', 'näme'.encode(),
                     b'\xe2\x82', bytes(range(1, 256)),
                     '\u202e\u2028\x85'.encode()):
            text = quoting.quote(path)
            text.encode()
            self.assertTrue(logtext.is_plain(text), text)
            self.assertEqual(path, quoting.unquote(text))
            self.assertEqual(path, parse.unquote_to_bytes(text))

    def test_what_can_be_read_stays(self):
        self.assertEqual('näme%25 a/b', quoting.quote('näme% a/b'.encode()))
        self.assertEqual('a%0A%1Bb', quoting.quote(b'a\n\x1bb'))

    def test_without_userinfo(self):
        for text, left in (
                (None, None), ('/srv/a@b', '/srv/a@b'),
                ('rest:https://me:pass@host/a@b', 'rest:https://host/a@b'),
                ('rest:https://me:p@ss@host/', 'rest:https://host/'),
                ('at "https://me:p@host/a": no', 'at "https://host/a": no')):
            self.assertEqual(left, quoting.without_userinfo(text))
