# SPDX-License-Identifier: Apache-2.0
"""The restic driver in a worker that is not root."""

import os
import subprocess

from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from tests.functional.drivers import test_restic

_USER = 4711

# Whoever can write to a parent of the share puts another directory in its
# place, just before restic begins.
_SWAPPING = '''#!/bin/sh
case " $* " in
*" restore "*)
    mv '{0}/above' '{0}/moved'
    ln -s elsewhere '{0}/above'
    ;;
esac
exec restic "$@"
'''


def _as_user(function, *args):
    def run(*args):
        os.setgroups([])
        os.setgid(_USER)
        os.setuid(_USER)
        return function(*args)
    return case.Process(run, *args).result()


class ResticUnprivilegedTest(test_restic.ResticMixin, case.Case):

    def setUp(self):
        super().setUp()
        at = os.path.join(self.scratch, '')
        for name in ('above/share/d', 'elsewhere/share'):
            os.makedirs(at + name)
        trees.write(at + 'above/share/d/file', b'content')
        with open(at + 'swapping', 'w') as script:
            script.write(_SWAPPING.format(self.scratch))
        os.chmod(at + 'swapping', 0o755)
        self.share = at + 'above/share'
        self.give()

    def give(self):
        subprocess.run(['chown', '-R', f'{_USER}:{_USER}', self.scratch],
                       check=True)

    def driver_of_user(self, **kwargs):
        driver = self.make_driver(host='user', **kwargs)
        self.give()
        return driver

    def run_backup(self):
        driver = self.driver_of_user()
        place = case.place()

        def run(counted):
            self.driver = driver
            self.get_ready(place)
            report = driver.backup(place, 1, self.share, {}, None, counted)
            driver.publish(place, 1)
            return report

        self.assertEqual((), _as_user(run).problems)

    def test_there_and_back(self):
        self.run_backup()
        driver = self.driver_of_user()
        before = trees.snapshot(self.share)
        for target in (self.target, self.share):
            trees.write(os.path.join(self.share, 'extra'), b'')
            report = _as_user(driver.restore, case.place(), 1, target)
            self.assertEqual((), report.problems)
            self.assertSame(before, target)

    def test_a_parent_that_is_swapped_before_restic_begins(self):
        self.run_backup()
        before = trees.snapshot(self.share)
        subprocess.run(['rm', '-r', self.share + '/d'], check=True)
        driver = self.driver_of_user(
            program=os.path.join(self.scratch, 'swapping'))
        report = _as_user(driver.restore, case.place(), 1, self.share)
        self.assertEqual((), report.problems)
        at = os.path.join(self.scratch, '')
        self.assertSame(before, at + 'moved/share')
        self.assertEqual([], os.listdir(at + 'elsewhere/share'))
