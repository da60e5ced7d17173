# SPDX-License-Identifier: Apache-2.0
"""Shares whose file system ignores case."""

from tests.fidelity import test_hostile
from tests.functional.drivers import folding
from tests.functional.drivers import test_posix
from tests.functional.drivers import test_restic


class FoldingTest(test_posix.PosixMixin, folding.Folding):

    pass


class StillFoldingTest(test_posix.PosixMixin, folding.StillFolding):

    pass


class HostileFoldingTest(test_posix.PosixMixin, folding.HostileFolding):

    seconds = test_hostile.HostileTest.seconds


class ResticStillFoldingTest(test_restic.ResticMixin, folding.StillFolding):

    pass
