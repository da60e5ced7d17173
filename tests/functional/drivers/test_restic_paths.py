# SPDX-License-Identifier: Apache-2.0
"""Restores of chosen paths out of repositories of restic."""

import json
import os
import socket
import subprocess

from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import path_restores
from manila_backup.path_restore import selection
from tests.functional.drivers import kept
from tests.functional.drivers import test_restic

_Conflict = selection.Conflict


class ResticPathsTest(test_restic.ResticMixin, path_restores.PathRestores):
    """Restores of chosen paths: those in which restic has a part. From there
    on, all is as with the posix driver; without ``KEPT``, all of them pass."""

    KEPT = frozenset((
        'test_one_file',
        'test_everything_beside',
        'test_hard_links_among_what_is_chosen',
        'test_odd_names',
        'test_nothing_of_that_path',
        'test_no_such_backup',
        'test_damage_elsewhere_is_in_nobodys_way',
        'test_all_but_what_is_damaged_is_restored',
        'test_nothing_but_what_is_damaged',
        'test_a_directory_that_is_damaged',
        'test_nothing_else_is_listed',
        'test_paths_that_can_not_be_listed_by_themselves',
        'test_conflicts_that_fail',
        'test_links_in_the_way',
        'test_what_a_killed_process_left',
        'test_many_entries',
    ))

    def damage(self, path):
        directory, _, name = os.fsdecode(path).rpartition('/')
        tree = json.loads(self.bare(
            'project', 'cat', 'tree', f'{self._content()}:/{directory}'))
        node, = (each for each in tree['nodes'] if each['name'] == name)
        self._flip(node['content'][0])

    def _content(self):
        return os.path.basename(self.snapshot(case.place()))

    def _flip(self, blob):
        """Change a bit in the middle of a blob."""
        for index in self.bare('project', 'list', 'index').split():
            for pack in json.loads(self.bare(
                    'project', 'cat', 'index', index))['packs']:
                for each in pack['blobs']:
                    if each['id'] == blob:
                        self._flip_at(pack['id'], each['offset']
                                      + each['length'] // 2)

    def _flip_at(self, pack, offset):
        path = os.path.join(self.repository, 'project', 'data', pack[:2],
                            pack)
        os.chmod(path, 0o600)
        with open(path, 'r+b') as file:
            file.seek(offset)
            byte = file.read(1)
            file.seek(offset)
            file.write(bytes((byte[0] ^ 1,)))

    def test_nothing_else_is_listed(self):
        program, log = self.logged()
        self.tree()
        socket_ = os.path.join(self.source, 'd0', 'sock')
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(socket_)
        self.delete()
        self.backup()
        self.driver = self.make_driver(program=program)
        for _ in range(2):
            self.assertRestored(self.restore_paths(
                b'd0/f1', b'd0/sock', b'd1', conflict=_Conflict.OVERWRITE),
                **({'unchanged': 6} if _ else {'created': 6}))
        self.assertPart(b'd0/sock')
        with open(log) as file:
            ran = file.read().splitlines()
        listed = [line.rpartition(':')[2] for line in ran
                  if ' ls ' in line or ' cat tree ' in line]
        # Of a directory itself, and of what is below one that was chosen.
        self.assertEqual(2 * ['/ --no-lock', '/d0 --no-lock', '/d1'],
                         listed, ran)
        # The mark is kept.
        self.assertEqual(1, sum(' dump ' in line for line in ran))
        self.driver.open_index(case.place(), self.folder).__exit__()
        with open(log, 'w'):
            pass
        self.assertRestored(self.restore_paths(b'd0/f1'), unchanged=1)
        with open(log) as file:
            ran = file.read()
        self.assertNotIn(' ls ', ran)

    def test_paths_that_can_not_be_listed_by_themselves(self):
        odd = b'new\nline', b'd\xff/f'
        os.mkdir(os.path.join(os.fsencode(self.source), b'd\xff'))
        for name in odd:
            self.write(self.source, name, b'odd')
        self.backup()
        for name in odd:
            self.assertRestored(self.restore_paths(name), created=1)
            self.assertEqual(b'odd', self.read(name))

    def test_a_directory_that_is_damaged(self):
        self.tree()
        self.driver.open_index(case.place(), self.folder).__exit__()
        tree = json.loads(self.bare('project', 'cat', 'tree',
                                    f'{self._content()}:/'))
        node, = (each for each in tree['nodes'] if each['name'] == 'd1')
        self._flip(node['subtree'])
        # It has directories too.
        subprocess.run(['rm', '-rf', self.driver.settings.cache], check=True)
        report = self.restore_paths(b'd0', b'd1')
        self.assertEqual((3, 3), (report.missing, report.damages))
        self.assertIn('"d1/f0" is damaged in the backup.', report.problems)
        self.assertPart(b'd0')


load_tests = kept.load_tests
