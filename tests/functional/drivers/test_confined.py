# SPDX-License-Identifier: Apache-2.0

from tests.functional.drivers import confined


class FoldingRepositoryTest(confined.Folding):

    pass


class NarrowRepositoryTest(confined.Narrow):

    pass
