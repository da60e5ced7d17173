# SPDX-License-Identifier: Apache-2.0
"""http_basic while others try passwords, with a real server."""

import base64
import os
import threading
import urllib.error
import urllib.request

import bcrypt
import fixtures
import testtools

from tests.functional import cloud

#: As "htpasswd -B -C 10" makes them.
COST = 10


class HttpBasic(testtools.TestCase):

    def setUp(self):
        super().setUp()
        folder = self.useFixture(fixtures.TempDir()).path
        hashed = bcrypt.hashpw(b'right', bcrypt.gensalt(COST)).decode()
        options = {'auth_strategy': 'http_basic'}
        for option, text in (
                ('user_file', f'ann:{hashed}\nbob:{hashed}\n'),
                ('role_file', 'ann: {project: p1, roles: [member]}\n'
                              'bob: {project: p1, roles: [member]}\n')):
            options[f'http_basic__{option}'] = os.path.join(folder, option)
            with open(os.path.join(folder, option), 'w') as file:
                file.write(text)
        self.cloud = self.useFixture(cloud.Cloud('mysql', **options))
        self.api = self.cloud.start_api()

    def _get(self, user, password):
        """The status of a request, and seconds after which to try again."""
        token = base64.b64encode(f'{user}:{password}'.encode()).decode()
        request = urllib.request.Request(
            f'http://127.0.0.1:{self.cloud.port}/v2/share-backups', headers={
                'Authorization': f'Basic {token}',
                'X-OpenStack-Manila-API-Version': '2.91'})
        try:
            with urllib.request.urlopen(request,
                                        timeout=cloud.PATIENCE) as answer:
                return answer.status, None
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code, exc.headers.get('Retry-After')

    def test_many_wrong_passwords(self):
        self.assertEqual((200, None), self._get('ann', 'right'))
        end = threading.Event()
        found = set()

        def guess(number):
            name = ('ann', 'bob', 'eve')[number % 3]
            for attempt in range(100000):
                if end.is_set():
                    return
                found.add(self._get(name, f'{number}-{attempt}'))

        threads = [threading.Thread(target=guess, args=(number,))
                   for number in range(16)]
        for each in threads:
            each.start()
        try:
            cloud.eventually('some are too many',
                             lambda: (503, '1') in found)
            for _number in range(50):
                self.assertEqual((200, None), self._get('ann', 'right'))
            # Who is not known yet gets in, if he tries again.
            cloud.eventually('bob gets in', lambda: self._get(
                'bob', 'right') == (200, None))
        finally:
            end.set()
            for each in threads:
                each.join(cloud.PATIENCE)
        self.assertEqual({(401, None), (503, '1')}, found)

    def test_names_make_no_lines_of_the_log(self):
        for name in ('x\n2026 ERROR forged', 'x\rforged', 'x\x1b[2Kforged',
                     'x\u2028forged'):
            self.assertEqual((401, None), self._get(name, 'y'))
        self.assertEqual((401, None), self._get('plain', 'y'))
        self.assertIn('plain', self.api.said())
        self.assertNotIn('forged', self.api.said())
