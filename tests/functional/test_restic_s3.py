# SPDX-License-Identifier: Apache-2.0
"""The service with restic's repositories on an S3 server: in order, and
when the way there is busy, cut or gone."""

import os
import re
import subprocess

import testtools

from tests.functional import base
from tests.functional import cloud
from tests.functional import s3


class Refused:
    """Has each object asked for once for nothing, in one way and another.

    :param ways: what to do, as :class:`.s3.Way` has it, in turn.
    """

    def __init__(self, *ways):
        self._ways = ways
        self._seen = set()

    def __call__(self, method, path):
        what = method, path.partition('?')[0]
        if '/data/' not in path or what in self._seen:
            return None
        self._seen.add(what)
        return self._ways[len(self._seen) % len(self._ways)]


class ResticS3Test(base.TestCase):
    """All on one cloud and one server: to make those takes longer than most
    of the tests."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.s3 = s3.S3()
        cls.s3.setUp()
        cls.addClassCleanup(cls.s3.cleanUp)
        cls.way = cls.s3.way
        cls.credentials = os.path.join(cls.s3.folder, 'credentials')
        cls.set_credentials(**cls.s3.environment)
        cls.cloud = cloud.Cloud(
            'mysql', backup__enabled_drivers='restic',
            backup__max_attempts=2,
            restic__repository=cls.way.url('manila'),
            restic__environment_file=cls.credentials,
            restic__stall_timeout=5)
        cls.cloud.setUp()
        cls.addClassCleanup(cls.cloud.cleanUp)
        cls.cloud.tolerate = 'Connection closed|signature'
        cls.worker = cls.cloud.start()

    def setUp(self):
        testtools.TestCase.setUp(self)
        self.addCleanup(setattr, self.way, 'fault', None)
        self.way.done.clear()
        self.way.faults = 0

    @classmethod
    def restart(cls, **credentials):
        """Have the worker begin anew, with what opens the door."""
        if cls.worker.running():
            cls.worker.stop()
        cls.set_credentials(**credentials)
        cls.worker = cls.cloud.start_worker()

    @classmethod
    def set_credentials(cls, **values):
        with open(cls.credentials, 'w') as file:
            os.chmod(cls.credentials, 0o600)
            for each in values.items():
                file.write('{}={}\n'.format(*each))

    def share(self, size=20_000, files=50, token='demo:p1', seed=0):
        """A share with files in it: (id, path, its content)."""
        share = self.cloud.create_share(token=token)['id']
        path = self.cloud.share_path(share)
        return share, path, self.fill(path, files, size, seed)

    def backup(self, share, status='available', token='demo:p1'):
        made = self.cloud.create_backup(share, token=token)
        return self.cloud.wait_backup(made['id'], status, token)

    def restore(self, backup, share, status='available'):
        self.cloud.ask(202, 'POST',
                       f'/share-backups/{backup["id"]}/action',
                       {'restore': None})
        return self.cloud.wait_share(share, status)

    def reason(self, backup):
        return self.cloud.show_backup(backup['id'], 'admin')['fail_reason']

    def change(self, path):
        """Take a file away, change one and add one."""
        names = sorted(self.content(path))
        os.unlink(os.path.join(path, names[0]))
        for name in (names[1], 'another'):
            with open(os.path.join(path, name), 'wb') as file:
                file.write(b'changed')

    # -- in order

    def test_a_life(self):
        share, path, content = self.share(seed=2)
        first = self.backup(share)
        sent = self.way.sent('/data/')
        self.assertGreater(sent, sum(map(len, content.values())))
        second = self.backup(share)
        self.assertLess(self.way.sent('/data/') - sent, sent / 10)
        self.change(path)
        self.restore(first, share)
        self.assertEqual(content, self.content(path))
        self.assertIn(first['id'], self.cloud.manage(
            'repository', 'verify', '--all', '--format', 'json'))
        self.cloud.ask(202, 'DELETE', f'/share-backups/{first["id"]}')
        self.cloud.wait_backup(first['id'], None)
        subprocess.run(['find', path, '-mindepth', '1', '-delete'],
                       check=True)
        self.restore(second, share)
        self.assertEqual(content, self.content(path))
        self.assertNoSecrets()

    def assertNoSecrets(self):
        texts = [each.said() for each in self.cloud.processes]
        texts.append(subprocess.run(
            ['mysqldump', '-u', 'root', '-h', '127.0.0.1',
             self.cloud.database.name], check=True,
            capture_output=True, text=True).stdout)
        _, password = self.key('p1')
        for text in texts:
            for secret in (password, self.s3.secret_key):
                self.assertNotIn(secret, text)

    def key(self, project):
        """The URL and the password of a project's repository."""
        said = self.cloud.manage('repository', 'key', '--project', project)
        return (re.search(r's3:\S+', said)[0],
                re.search(r'\b[0-9a-f]{64}\b', said)[0])

    def test_two_projects(self):
        for token in ('demo:p1', 'demo:p2'):
            share, _, _ = self.share(files=3, token=token)
            self.backup(share, token=token)
        keys = {project: self.key(project) for project in ('p1', 'p2')}
        for project, other in (('p1', 'p2'), ('p2', 'p1')):
            url, password = keys[project]
            self.assertIn('share=', self.bare(url, password).stdout)
            refused = self.bare(url, keys[other][1])
            self.assertNotEqual(0, refused.returncode)
            self.assertIn('wrong password', refused.stderr)

    def bare(self, url, password):
        return subprocess.run(
            ['restic', '--no-cache', 'snapshots'], text=True,
            capture_output=True, env={
                **os.environ, **self.s3.environment,
                'RESTIC_REPOSITORY': url, 'RESTIC_PASSWORD': password})

    # -- on a bad way

    def test_busy_and_cut(self):
        share, path, content = self.share(size=600_000)
        self.way.fault = Refused('busy', 'cut')
        backup = self.backup(share)
        self.assertLess(1, self.way.faults)
        self.change(path)
        self.way.fault = Refused('busy', 'cut answer')
        self.way.faults = 0
        self.restore(backup, share)
        self.assertLess(1, self.way.faults)
        self.assertEqual(content, self.content(path))

    def test_nobody_there(self):
        share, path, content = self.share(files=3)
        backup = self.backup(share)
        self.way.fault = lambda method, path: 'cut'
        failed = self.backup(share, 'error')
        self.assertIn(f'127.0.0.1:{self.way.port}', self.reason(failed))
        # Nothing could be written.
        self.restore(backup, share)
        self.assertIn(f'127.0.0.1:{self.way.port}', self.reason(backup))
        # What could not be read is no damage.
        self.way.fault = None
        self.restore(backup, share)
        self.assertEqual(content, self.content(path))

    def test_wrong_credentials(self):
        share, path, content = self.share(files=3)
        backup = self.backup(share)
        objects = self.s3.objects()
        self.addCleanup(self.restart, **self.s3.environment)
        self.restart(**dict(self.s3.environment,
                            AWS_SECRET_ACCESS_KEY='wrong'))
        failed = self.backup(share, 'error')
        self.assertIn('signature', self.reason(failed))
        self.assertEqual(objects, self.s3.objects())
        self.restart(**self.s3.environment)
        self.change(path)
        self.restore(backup, share)
        self.assertEqual(content, self.content(path))

    # -- killed

    def test_a_killed_worker_sends_nothing_again(self):
        share, path, content = self.share(size=1_500_000, files=60, seed=1)
        size = sum(map(len, content.values()))
        doomed = self.worker

        def lose(method, path):
            """Have some arrive; what is on its way when the worker dies does
            not, even if the server is slow to hear of that."""
            if (method != 'PUT' or '/data/' not in path
                    or self.way.sent('/data/') <= size / 2):
                return None
            cloud.eventually('the death of the worker',
                             lambda: not doomed.running())
            return 'cut'

        self.way.fault = lose
        backup = self.cloud.create_backup(share)
        cloud.eventually('half of it', lambda: self.way.sent(
            '/data/') > size / 2)
        doomed.kill()
        # What arrives is to be found there by whoever carries on.
        cloud.eventually('the end of what was under way',
                         lambda: not self.way.under_way)
        self.way.fault = None
        self.restart(**self.s3.environment)
        self.cloud.wait_backup(backup['id'], 'available')
        self.assertLess(self.way.sent('/data/'), size * 1.3)
        self.change(path)
        self.restore(backup, share)
        self.assertEqual(content, self.content(path))
