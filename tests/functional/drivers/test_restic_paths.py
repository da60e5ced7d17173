# SPDX-License-Identifier: Apache-2.0
"""Restores of chosen paths out of repositories of restic."""

from manila_backup.drivers.conformance import path_restores
from tests.functional.drivers import kept
from tests.functional.drivers import test_restic


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
        'test_conflicts_that_fail',
        'test_links_in_the_way',
        'test_what_a_killed_process_left',
    ))


load_tests = kept.load_tests
