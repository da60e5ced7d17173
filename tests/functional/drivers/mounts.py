# SPDX-License-Identifier: Apache-2.0
"""Filesystems to test on."""

import os
import subprocess

# More than enough; nothing that is not written takes room.
_SIZE = 512 << 20


def loop(test, image, path, kind, *options):
    """Make a filesystem and mount it for as long as a test goes on.

    :param test: what has ``addCleanup`` or ``addClassCleanup``.
    :param image: str, the file to make.
    :param path: str, the directory to make and mount it on.
    :param kind: str, such as ``ext4``.
    :param options: str, of its mkfs.
    """
    with open(image, 'wb') as target:
        target.truncate(_SIZE)
    os.mkdir(path)
    subprocess.run([f'mkfs.{kind}', '-q', *options, image], check=True)
    subprocess.run(['mount', '-o', 'loop', image, path], check=True)
    clean = (test.addClassCleanup if isinstance(test, type)
             else test.addCleanup)
    clean(subprocess.run, ['umount', path], check=True)
