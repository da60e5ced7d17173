# SPDX-License-Identifier: Apache-2.0
"""Conformance tests, with CephFS as share and as repository."""

import os

from manila_backup.drivers.conformance import browsable
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import path_restores
from manila_backup.drivers.conformance import trees
from manila_backup.drivers.posix import driver
from tests.cephfs import base
from tests.functional.drivers import kept
from tests.functional.drivers import test_nfs


class PosixMixin(base.OnCephFS):

    def make_driver(self):
        self.repository = os.path.join(self.make('repository'), 'in')
        return driver.PosixDriver(self.repository, 2, ['lost+found'])

    def data(self, place):
        return os.path.join(self.repository, place.project_id,
                            place.share_id, place.backup_id, 'data')

    def damage(self, path):
        browsable.flip(os.path.join(os.fsencode(self.data(case.place())),
                                    path))


class BothTest(PosixMixin, browsable.Browsable):
    """All of it."""


class PathsTest(PosixMixin, path_restores.PathRestores):
    """Restores of chosen paths: all but those of thousands of entries, which
    take minutes here."""

    KEPT = frozenset(
        name for name in dir(path_restores.PathRestores)
        if name not in ('test_many_entries', 'test_kills_amid_many_entries'))


class ShareTest(PosixMixin, browsable.Browsable):
    """Between CephFS and another file system."""

    repository_is = False

    KEPT = frozenset((
        'test_everything_and_back',
        'test_restore_undoes_every_change',
        'test_restore_of_what_is_equal_writes_nothing',
        'test_paths_longer_than_any_path_may_be',
        'test_a_backup_killed_and_tried_again',
        'test_a_restore_killed_and_tried_again',
    ))


class RepositoryTest(PosixMixin, browsable.Browsable):

    shares_are = False

    KEPT = frozenset((
        'test_a_backup_killed_and_tried_again',
        'test_a_restore_killed_and_tried_again',
        'test_all_but_holes_and_early_times',
        'test_paths_longer_than_any_path_may_be',
    ))

    def test_all_but_holes_and_early_times(self):
        self.everything()
        before = trees.snapshot(self.source)
        early = {name for name, facts in before.items()
                 if facts['mtime'] < 0}
        report = self.backup()
        said = {text.split('"')[1].encode() for text in report.problems
                if text.endswith('could not keep its exact modification '
                                 'time.')}
        self.assertEqual(report.problem_count, len(said), report.problems)
        # A hard link's other names go without saying.
        self.assertEqual(early, {
            other for name in said
            for other in before[name].get('links', (name,))})
        self.assertLess(1, len(early))
        # Of the share, nothing is lost: the manifest has those times.
        self.assertEqual([], self.verify())
        self.assertEqual((), self.restore().problems)
        self.assertSame(before, self.target)


class NfsTest(base.OnCephFS, test_nfs.NfsMixin, browsable.Browsable):
    """The driver that mounts its repository, by a client of its own."""

    KEPT = frozenset((
        'test_everything_and_back',
        'test_delete_removes_every_attempt',
        'test_nothing_is_visible_before_it_is_published',
    ))

    def make_driver(self, **options):
        cluster = base.shared()
        self.template = (f'ceph-fuse -c {cluster.config} -n client.admin '
                         '-r {export} {path}')
        export = os.path.join(self.scratch, 'export')
        return super().make_driver(export=os.path.join(
            '/', os.path.relpath(export, base.mounted())), **options)


load_tests = kept.load_tests
