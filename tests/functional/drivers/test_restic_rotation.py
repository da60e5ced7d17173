# SPDX-License-Identifier: Apache-2.0
"""Replacing the passwords of restic's repositories."""

import os
import pickle
import signal
import subprocess

from manila_backup import conf
from manila_backup.drivers import base
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from manila_backup.drivers.restic import driver
from manila_backup.drivers.restic import faults
from manila_backup.drivers.restic import keys
from manila_backup.drivers.restic import repository
from tests.functional.drivers import test_restic

# Is restic, but has whoever runs it killed before or after one of the commands
# that change something.
_DEADLY = '''#!/bin/sh
for each in "$@"; do
    case $each in
    add|remove|backup|forget)
        number=$(($(cat {at}/count) + 1))
        echo $number > {at}/count
        if [ $number = "$(cat {at}/before)" ]; then
            kill -9 $PPID
            exit 1
        fi
        restic "$@"
        code=$?
        if [ $number = "$(cat {at}/after)" ]; then
            kill -9 $PPID
        fi
        exit $code
    esac
done
exec restic "$@"
'''

#: How many things a rotation changes: the note in the catalogue, the key, the
#: entry in the catalogue, the old key, the old entry, and the note.
CHANGES = 6


def _rotate(rotating, project_id, progress):
    return rotating.rotate_key(project_id)


class RotationCase(test_restic.ResticMixin, case.Case):

    def setUp(self):
        super().setUp()
        trees.many(self.source, 1, 3)
        self.backup()

    def deadly(self):
        """The path of the program that kills."""
        path = os.path.join(self.scratch, 'deadly')
        with open(path, 'w') as script:
            script.write(_DEADLY.format(at=self.scratch))
        os.chmod(path, 0o700)
        self.die()
        return path

    def die(self, before=0, after=0):
        """Have it kill at a change."""
        for name, value in (('count', 0), ('before', before),
                            ('after', after)):
            with open(os.path.join(self.scratch, name), 'w') as file:
                file.write(f'{value}\n')

    def changes(self):
        with open(os.path.join(self.scratch, 'count')) as file:
            return int(file.read())

    def restic(self, password, *args, name='project'):
        """restic with a password; its exit status."""
        return subprocess.run(
            ['restic', '--no-cache', *args], capture_output=True,
            env=dict(os.environ, RESTIC_PASSWORD=password,
                     RESTIC_REPOSITORY=os.path.join(self.repository, name),
                     HOME=self.scratch)).returncode

    def assertIsThePassword(self, password, old):
        """It is the only one, and nothing of the rotation is left."""
        self.assertNotEqual(password, old)
        self.assertEqual(12, self.restic(old, 'cat', 'config'))
        self.assertEqual(0, self.restic(password, 'cat', 'config'))
        self.assertEqual(1, len(os.listdir(
            os.path.join(self.repository, 'project', 'keys'))))
        self.assertEqual(
            [repository.PROJECT],
            [each.kind for each in self.driver.catalogue().entries(
                'project')])

    def killed(self, rotating):
        """Tell whether it was killed, rather than completing it."""
        process = case.Process(_rotate, rotating, 'project')
        try:
            process.result()
            return False
        except EOFError:
            return True

    def die_everywhere(self, make, steps=range(1, CHANGES + 2)):
        """Have a rotation killed at each step, and completed.

        :param make: makes a driver of a process that has just started.
        :param steps: the numbers of the changes before which it is killed;
            one more than there are: after all of them.
        """
        worker = make()
        old = worker.password('project')
        for before in steps:
            self.die(before=before, after=CHANGES if before > CHANGES else 0)
            rotating = make()
            self.assertTrue(self.killed(rotating), before)
            self.die()
            # A worker that knows the one, and one that has just started.
            for each in worker, make():
                self.assertEqual(2, len(each.project('project').snapshots()))
            if before <= CHANGES:
                self.driver = make()
                done = self.driver.rotate_key('project')
                self.assertEqual(0, done.others)
            self.driver = make()
            new = self.driver.export_key('project')[1]
            self.assertIsThePassword(new, old)
            self.assertEqual(2, len(worker.project('project').snapshots()))
            old = new
            yield before
        self.assertEqual([], self.verify())
        self.assertStored(self.source)
        self.driver = worker
        self.backup(case.place(2))
        self.assertStored(self.source, case.place(2))


class ResticRotationTest(RotationCase):

    def test_killed_at_each_step(self):
        program = self.deadly()

        def make():
            return self.make_driver(program=program)

        for _step in self.die_everywhere(make):
            pass

    def test_that_are_all_steps(self):
        self.driver = self.make_driver(program=self.deadly())
        old = self.driver.export_key('project')[1]
        done = self.driver.rotate_key('project')
        self.assertEqual((1, 0), (done.removed, done.others))
        self.assertEqual(CHANGES, self.changes())
        new = self.driver.export_key('project')[1]
        self.assertIsThePassword(new, old)
        # And again.
        self.driver.rotate_key('project')
        self.assertIsThePassword(self.driver.export_key('project')[1], new)

    def test_other_projects_are_left_alone(self):
        self.backup(self.elsewhere())
        before = self.driver.export_key('another')
        self.driver.rotate_key('project')
        self.assertEqual(before, self.make_driver().export_key('another'))
        self.assertEqual([None, 'another', 'project'],
                         self.driver.key_owners())
        with self.assertRaisesRegex(base.DriverError, 'no repository'):
            self.driver.rotate_key('nobody')

    def test_a_key_that_somebody_has_added(self):
        password = self.driver.export_key('project')[1]
        theirs = os.path.join(self.scratch, 'theirs')
        trees.write(theirs, b'their password')
        self.assertEqual(0, self.restic(password, 'key', 'add',
                                        '--new-password-file', theirs))
        done = self.driver.rotate_key('project')
        self.assertEqual((1, 1), (done.removed, done.others))
        self.assertEqual(0, self.restic('their password', 'cat', 'config'))

    def test_while_somebody_works_with_it(self):
        old = self.driver.export_key('project')[1]
        trees.write(os.path.join(self.source, 'large'), os.urandom(20 << 20))
        self.driver.limits = (1000, 0)
        self.get_ready(case.place(2))
        process = case.Process(self.driver.backup, case.place(2), 1,
                               self.source, {}, None)
        locks = os.path.join(self.repository, 'project', 'locks')
        self.eventually(lambda: os.listdir(locks))
        process.signal(signal.SIGSTOP)
        rotating = self.make_driver(host='elsewhere', lock=0.0)
        with self.assertRaises(faults.Locked):
            rotating.rotate_key('project')
        # Both are good until it is done.
        new = rotating.export_key('project')[1]
        self.assertEqual([0, 0], [
            self.restic(each, 'cat', 'config') for each in (old, new)])
        process.signal(signal.SIGCONT)
        process.result()
        self.driver.publish(case.place(2), 1)
        self.driver = self.make_driver(host='elsewhere')
        self.driver.check()
        self.assertEqual(1, self.driver.rotate_key('project').removed)
        self.assertIsThePassword(new, old)
        self.assertStored(self.source, case.place(2))

    def test_another_secret(self):
        """The file that all passwords are derived from is replaced."""
        path = self.repository + '.password'
        old, new = path + '.old', path + '.new'
        os.rename(path, old)
        trees.write(new, os.urandom(32).hex().encode())

        def make(first, *others):
            made = self.make_driver(host='elsewhere')
            made.passwords = keys.DerivedKeys(
                keys.Secret(first), [keys.Secret(each) for each in others])
            return made

        # Hosts that have both already, and know either as the first.
        for first, other in ((old, new), (new, old)):
            self.driver = make(first, other)
            self.driver.check()
            self.assertEqual([], self.verify())
        self.driver = make(new, old)
        before = [make(old).passwords.catalogue(),
                  self.driver.export_key('project')[1]]
        for each in self.driver.key_owners():
            self.driver.rotate_key(each)
        # As an interrupted one would.
        self.assertEqual(0, self.driver.rotate_key(None).removed)
        self.driver = make(new)
        self.driver.check()
        self.assertStored(self.source)
        for name, password in zip(('.catalogue', 'project'), before):
            self.assertEqual(12, self.restic(password, 'cat', 'config',
                                             name=name))
        worker = make(old, new)
        self.assertEqual(2, len(worker.project('project').snapshots()))
        with self.assertRaises(faults.WrongPassword):
            make(old).check()


class CastellanRotationTest(RotationCase):

    def setUp(self):
        # Before the repository is made.
        self.addCleanup(os.environ.pop, 'MANILA_BACKUP_TEST_KEYS', None)
        super().setUp()

    def make_driver(self):
        path = os.path.join(self.scratch, 'keys')
        if not os.path.exists(path):
            os.mkdir(path)
            os.environ['MANILA_BACKUP_TEST_KEYS'] = path
        self.repository = os.path.join(self.scratch, 'kept')
        config = os.path.join(self.scratch, 'conf')
        with open(config, 'w') as file:
            file.write(
                f'[DEFAULT]\nstate_path = {self.scratch}/state\n'
                f'[restic]\nrepository = {self.repository}\n'
                f'command = {self.deadly()}\nkey_manager = castellan\n'
                '[key_manager]\nbackend = tests.functional.drivers.'
                'file_keys.FileKeyManager\n')
        made = driver.ResticDriver.from_conf(conf.load(
            ['--config-file', config], 'test'))
        # As it crosses into the process that copies.
        return pickle.loads(pickle.dumps(made))

    def kept(self):
        return len(os.listdir(os.environ['MANILA_BACKUP_TEST_KEYS']))

    def test_killed_at_each_step(self):
        def make():
            before = [*self.read()]
            made = self.make_driver()
            self.die(*before)
            return made

        # Around what the key manager does: before a key of it is noted, and
        # after one was removed.
        for step in self.die_everywhere(make, (1, 5)):
            # What is kept and not noted yet is nobody's.
            self.assertEqual(2, self.kept(), step)

    def read(self):
        """Return what :meth:`die` was told last."""
        for name in 'before', 'after':
            with open(os.path.join(self.scratch, name)) as file:
                yield int(file.read())
