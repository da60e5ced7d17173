# SPDX-License-Identifier: Apache-2.0
"""The systemd units: what systemd thinks of them."""

import os
import re
import shutil
import subprocess

import fixtures
import testtools

from manila_backup import conf as config

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))

FOLDER = os.path.join(TOP, 'packaging', 'systemd')

UWSGI = os.path.join(TOP, 'etc', 'manila-backup',
                     'manila-backup-api-uwsgi.ini')

#: Upper limits of what "systemd-analyze security" says of a unit, of 10. The
#: administrator's guide has the figures.
EXPOSURE = {
    'manila-backup-api.service': 1.2,
    'manila-backup-api-uwsgi.service': 1.2,
    'manila-backup-worker@.service': 4.4,
}

#: What the API has and a worker can't; its unit says why.
NOT_FOR_WORKERS = {'PrivateDevices', 'PrivateUsers', 'ProtectClock',
                   'ProtectProc', 'RemoveIPC', 'RestrictSUIDSGID'}

HARD = re.compile('(Protect|Private|Remove|Restrict(?!art)|Lock|Memory|NoNew|'
                  'SystemCall|Capability|UMask).*')


def settings(name):
    """The lines of a unit, as a list of (name, value)."""
    with open(os.path.join(FOLDER, name)) as file:
        return re.findall('(?m)^([A-Za-z]+)=(.*)$', file.read())


class UnitFilesTestCase(testtools.TestCase):

    def _analyze(self, *args):
        if not shutil.which('systemd-analyze') or int(subprocess.run(
                ['systemd-analyze', '--version'],
                stdout=subprocess.PIPE).stdout.split()[1]) < 250:
            self.skipTest('systemd 250 is not here')
        return subprocess.run(['systemd-analyze', *args], text=True,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)

    def test_units_are_there(self):
        self.assertEqual({*EXPOSURE, 'manila-backup-api.socket'}, {
            each for each in os.listdir(FOLDER)
            if each.endswith(('.service', '.socket'))})

    def test_systemd_understands_them(self):
        folder = self.useFixture(fixtures.TempDir()).path
        paths = []
        for name in (*EXPOSURE, 'manila-backup-api.socket'):
            with open(os.path.join(FOLDER, name)) as file:
                # Neither the commands nor the user have to be here.
                text = re.sub('(?m)^ExecStart=.*', 'ExecStart=/bin/true',
                              re.sub('(?m)^User=.*', 'User=root',
                                     file.read()))
            paths.append(os.path.join(folder, name.replace('@.', '@1.')))
            with open(paths[-1], 'w') as file:
                file.write(text)
        done = self._analyze('verify', '--recursive-errors=no', '--man=no',
                             *paths)
        self.assertEqual((0, ''), (done.returncode, done.stdout))

    def test_exposure(self):
        for name, limit in EXPOSURE.items():
            done = self._analyze('security', '--offline=yes',
                                 os.path.join(FOLDER, name))
            found = re.search(r'exposure level for .*: ([0-9.]+)',
                              done.stdout)
            self.assertIsNotNone(found, done.stdout)
            self.assertLessEqual(float(found[1]), limit, name)

    def test_workers_are_hardened_as_the_api_is(self):
        api, worker = (
            {name for name, _ in settings(f'manila-backup-{each}.service')
             if HARD.match(name)} for each in ('api', 'worker@'))
        self.assertEqual(NOT_FOR_WORKERS, api - worker)

    def test_api_is_hardened_under_uwsgi_too(self):
        self.assertEqual(*(
            [each for each in settings(f'manila-backup-{name}.service')
             if HARD.match(each[0])] for name in ('api', 'api-uwsgi')))

    def test_systemd_waits_for_what_ends_by_itself(self):
        grace = config.load(['--config-file', os.devnull],
                            'test').backup.shutdown_grace
        with open(UWSGI) as file:
            mercy = int(re.search('(?m)^worker-reload-mercy = (.*)',
                                  file.read())[1])
        self.assertLessEqual(mercy, grace)
        for name in EXPOSURE:
            self.assertLess(grace, float(dict(settings(name))[
                'TimeoutStopSec']), name)
