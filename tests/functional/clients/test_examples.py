# SPDX-License-Identifier: Apache-2.0
"""The examples in the documentation, command by command."""

import os
import re
import shlex
import signal

from testtools import content

from tests.functional.clients import test_plugin
from tests.functional import cloud
from tests.functional import disks
from tests.functional import test_dying_workers
from tests.functional import test_incomplete
from tests import simulated_clock

_USER = os.path.join(test_plugin.ROOT, 'doc', 'source', 'user')


class ExampleTestCase(test_plugin.PluginTestCase):
    """A test of a page with examples.

    :cvar page: str, its file.
    """

    page = ''

    def read(self):
        """Return the page's text."""
        with open(os.path.join(_USER, self.page)) as file:
            return file.read()

    @staticmethod
    def steps(text):
        """Iterate over what a text has users do.

        :returns: iterator of (what is entered, or a remark that begins with
            ``#``; the lines that are shown to come of it).
        """
        entered, shown = None, []
        for line in text.splitlines():
            if line.startswith(('   $ ', '   # ')):
                if entered:
                    yield entered, shown
                entered, shown = line[3:].removeprefix('$ '), []
            elif line.startswith('   '):
                shown.append(line[3:])
        yield entered, shown

    def run_as_written(self, entered, fails=False):
        """Run a command.

        :returns: str, what it said.
        """
        program, *args = shlex.split(entered)
        self.assertEqual('openstack', program)
        done = self.run_openstack(*args, env={
            **os.environ, **self.endpoint(), **self.credentials})
        said = done.stdout + done.stderr
        self.addDetail(entered, content.text_content(said))
        self.assertEqual(fails, bool(done.returncode), f'{entered}: {said}')
        return said


class PolicyDay(ExampleTestCase):
    """A policy's day, while an hour goes by in some seconds."""

    SPEED = 360

    page = 'policies.rst'

    options = {'policies__interval': 0.2, 'policies__retry_interval': 60}

    def prepare(self):
        simulated_clock.write(self.cloud.root, self.real(), self.SPEED)

    def real(self):
        (now,), = self.cloud.rows('SELECT UTC_TIMESTAMP(6)')
        return now

    def test_as_documented(self):
        _, _, section = self.read().partition('\nA day\n')
        section = section[:section.index('\nWhat is kept\n')]
        said = {}
        for entered, _shown in self.steps(section):
            if entered.startswith('# '):
                cloud.eventually('three runs and a deletion',
                                 self.three_runs)
                self.stop_the_clock()
            else:
                said[entered.partition(' ')[2]] = self.run_as_written(entered)
        self.assertEqual(8, len(said))
        kept = said['share backup list']
        self.assertGreaterEqual(kept.count('available'), 2)
        self.assertRegex(said['share backup coverage list'],
                         r'home +\| True +\| gold .* kept ')
        self.assertIn('1 backup would be deleted', said[
            'share backup policy simulate gold --keep last=1'])

    def three_runs(self):
        done = self.cloud.rows("SELECT id FROM backup_runs "
                               "WHERE status = 'done'")
        gone = self.cloud.rows("SELECT id FROM operations WHERE kind = "
                               "'delete' AND status = 'done'")
        return len(done) >= 3 and gone

    def stop_the_clock(self):
        """Let the tables stay as they are."""
        simulated_clock.write(self.cloud.root, simulated_clock.shown(
            self.cloud.root, self.real()), 0)
        cloud.eventually('nothing that runs', lambda: not self.cloud.rows(
            "SELECT id FROM backup_runs WHERE status IN ('due', 'queued') "
            'UNION SELECT id FROM operations WHERE live'))


class WhatGoesWrong(ExampleTestCase):
    """On a file system that has room for the share, and for little else."""

    page = 'examples.rst'

    def setUp(self):
        self.disk = disks.Disk(128 * disks.MIB)
        self.disk.setUp()
        # Before anything else is set up: it is the last to go.
        self.addCleanup(self.disk.cleanUp)
        self.options = {'local_shares__path': self.disk.path,
                        'local_shares__point_in_time': 'live',
                        'backup__max_attempts': 1,
                        # Nothing takes over what stands still for a while.
                        'backup__lease_ttl': 60}
        super().setUp()
        self.cloud.tolerate = 'attempt [0-9]+ failed|Backup .*: '

    def test_as_documented(self):
        share = self.openstack('share', 'create', 'NFS', '1', '--name',
                               'projects', '--wait')
        self.share = os.path.join(self.disk.path, share['id'])
        made = self.fill(self.share, 4, 5000)
        around = [('--name monday', self.write, self.write_no_more),
                  ('--name unwanted', self.stand_still, self.is_running),
                  ('cancel unwanted', None, self.go_on),
                  ('delete unwanted', self.stand_still, self.is_running),
                  ('cancel unwanted', None, self.go_on),
                  ('restore tuesday', self.leave_no_room, self.make_room)]
        for entered, shown in self.steps(self.read()):
            before = after = None
            if around and around[0][0] in entered:
                _, before, after = around.pop(0)
            if before:
                before()
            # A table is what it says if all is well.
            fails = bool(shown) and not shown[0].startswith('+')
            said = self.run_as_written(entered, fails)
            self.assertEqual(len(shown), len(said.splitlines()), said)
            for wanted, line in zip(shown, said.splitlines()):
                self.assertRegex(line.rstrip(), '^{}$'.format(
                    '.+'.join(map(re.escape, wanted.split('…')))))
            if after:
                after()
        self.assertEqual([], around)
        self.assertLessEqual(made.items(), self.content(self.share).items())

    def write(self):
        """Write to the database all the time, from now on."""
        self.writer = test_incomplete.writing(
            os.path.join(self.share, 'd1', 'base.db'))
        self.addCleanup(self.write_no_more)

    def write_no_more(self):
        with self.writer:
            self.writer.kill()

    def stand_still(self):
        """Let operations begin, and then get no further."""
        self.stopped = test_dying_workers.children()
        self.assertTrue(self.stopped)
        self._tell(signal.SIGSTOP)
        self.addCleanup(self._tell, signal.SIGCONT)

    def _tell(self, number):
        for each in self.stopped:
            os.kill(each, number)

    def is_running(self):
        cloud.eventually('it to begin', lambda: self.cloud.rows(
            "SELECT id FROM operations WHERE status = 'running' AND live"))

    def go_on(self):
        self._tell(signal.SIGCONT)
        cloud.eventually('the end', lambda: not self.cloud.rows(
            'SELECT id FROM operations WHERE live'))

    def leave_no_room(self):
        os.unlink(os.path.join(self.share, 'd1', 'base.db'))
        self.ballast = self.disk.fill()

    def make_room(self):
        os.unlink(self.ballast)
