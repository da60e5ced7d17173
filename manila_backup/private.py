# SPDX-License-Identifier: Apache-2.0
"""Directories and files that are for the service's own user only."""

import contextlib
import os
import stat

#: The modes that let nobody else in.
DIRECTORY, FILE = 0o700, 0o600

_OTHERS, _ANYTHING = 0o077, 0o007


def make_directories(path, mode=DIRECTORY):
    """Make a directory and those above it that are missing, all with the
    same mode, whatever the umask. What is there already stays as it is.

    :param path: str.
    :param mode: int.
    """
    missing = []
    while path and not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path.rstrip('/'))
    for each in reversed(missing):
        try:
            os.mkdir(each, DIRECTORY)
        except FileExistsError:
            # Another process was quicker; or it is something else.
            if not os.path.isdir(each):
                raise
            continue
        if mode != DIRECTORY:
            os.chmod(each, mode)


def make_file(path):
    """Make an empty file, unless it is there; then take from all others
    what they may do with it, if it is ours.

    :param path: str.
    """
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL
                         | os.O_CLOEXEC, FILE))
    except FileExistsError:
        close_file(path)


def close_file(path):
    """Take from all others what they may do with a file, if it is there and
    ours.

    :param path: str.
    """
    with contextlib.suppress(FileNotFoundError):
        found = os.stat(path)
        if (found.st_uid == os.geteuid() and found.st_mode & _OTHERS
                and stat.S_ISREG(found.st_mode)):
            os.chmod(path, stat.S_IMODE(found.st_mode) & ~_OTHERS)


def is_reachable(path):
    """Tell whether users other than the owner and its group can use a
    directory or file: have some permission on it, and search permission on all
    directories above it.

    :param path: str, absolute.
    :returns: bool; False if it is not there.
    """
    try:
        wanted = _ANYTHING
        while True:
            if not os.stat(path).st_mode & wanted:
                return False
            if path == '/':
                return True
            wanted = stat.S_IXOTH
            path = os.path.dirname(path)
    except OSError:
        return False
