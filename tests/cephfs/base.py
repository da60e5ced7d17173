# SPDX-License-Identifier: Apache-2.0
"""Base of the tests on CephFS: one cluster, which is there as long as their
process."""

import atexit
import functools
import os
import shutil
import tempfile

from manila_backup.drivers.conformance import limits
from tests.cephfs import cluster
from tests.functional import cloud


@functools.cache
def shared():
    """The cluster, which takes a while to start."""
    folder = tempfile.mkdtemp(prefix='ceph-', dir=_place())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    found = cluster.Cluster(folder)
    atexit.register(found.stop)
    found.start()
    return found


def _place():
    """A directory that the OSD's file can be in: the OSD reads it around the
    system's cache."""
    folder = cloud.FOLDER or tempfile.gettempdir()
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        try:
            os.close(os.open(file.name, os.O_RDWR | os.O_DIRECT))
        except OSError:
            return None
    return folder


@functools.cache
def mounted():
    """A directory of it that tests have their own directories in, mounted for
    all of them."""
    path = tempfile.mkdtemp(prefix='cephfs-', dir=cloud.FOLDER)
    atexit.register(os.rmdir, path)
    client = shared().mount(path)
    # Before what it is mounted on is removed.
    atexit.register(client.unmount)
    return path


class OnCephFS:
    """Has the directories of a test's case on CephFS.

    :cvar repository_is: bool, whether the repository is there.
    :cvar shares_are: bool, whether the shares are.
    """

    # It tells nobody which part of a file was never written.
    LACKS = frozenset((limits.Limit.HOLES,))
    DEPTH = 60

    repository_is = shares_are = True

    def setUp(self):
        if self.shares_are:
            self._have_directories(mounted())
        super().setUp()

    def _have_directories(self, where):
        self.addCleanup(setattr, tempfile, 'tempdir', tempfile.tempdir)
        tempfile.tempdir = where

    def make(self, name):
        if name == 'repository' and self.repository_is != self.shares_are:
            path = tempfile.mkdtemp(
                dir=mounted() if self.repository_is else cloud.FOLDER)
            self.addCleanup(shutil.rmtree, path)
            return path
        return super().make(name)
