# SPDX-License-Identifier: Apache-2.0
"""A file system that ignores case, to test on: see ``casefs.c``."""

import os
import tempfile

from tests.functional.drivers import fuse


def mount(test, *options):
    """Mount one for as long as a test goes on.

    :param test: a :class:`~manila_backup.drivers.conformance.case.Case`.
    :param options: str, of the program.
    :returns: str, the path of its root, an empty directory.
    """
    backing, path = (tempfile.mkdtemp(dir=test.scratch) for _ in range(2))
    fuse.mount(test.addCleanup, path, 'casefs.c', backing, path, *options)
    os.chmod(path, 0o755)
    return path
