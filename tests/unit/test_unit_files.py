# SPDX-License-Identifier: Apache-2.0
"""The systemd units: what systemd thinks of them."""

import os
import re
import shutil
import subprocess

import fixtures
import testtools

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))), 'packaging', 'systemd')

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
        self.assertEqual(set(EXPOSURE), {
            each for each in os.listdir(FOLDER)
            if each.endswith('.service')})

    def test_systemd_understands_them(self):
        folder = self.useFixture(fixtures.TempDir()).path
        paths = []
        for name in EXPOSURE:
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
