# SPDX-License-Identifier: Apache-2.0
"""Entries that a share has under another spelling of their name than the
backup: renamed, where its file system keeps names as they were written and
finds them by other spellings too."""

import os
import stat

from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import name_keys
from manila_backup.fs import removal


def _temporary():
    return b'%b%b' % (name_keys.TEMPORARY, os.urandom(8).hex().encode())


class Respeller:
    """Renames what is neither removed nor written in a directory.

    What is a directory itself is left for :func:`rename_directories`: others
    are at work in it.

    :ivar later: list of (path of the directory it is in, name, the name that
        it should have).
    """

    def __init__(self):
        self.later = []
        self._directory = self._aliases = None

    def enter(self, path, directory, missing):
        """Begin with a directory.

        :param directory: int, a descriptor.
        :param missing: iterable of bytes, the backup's names that its
            listing lacks.
        """
        self._path = path
        self._directory = directory
        self._aliases = name_keys.Aliases(directory, missing)

    def take(self, name):
        """Rename a listed entry that no name of the backup is spelt like.

        :returns: bool, whether it is one of the backup's; what is not may
            have been removed meanwhile.
        :raises OSError: it can't be renamed.
        """
        for wanted in self._aliases.of(name):
            if self._is(name, wanted):
                self._aliases.forget(wanted)
                return True
        return False

    def _is(self, name, wanted):
        st = handles.look(self._directory, name)
        if st is None:
            return False
        if stat.S_ISDIR(st.st_mode):
            # It can't have two names.
            found = handles.look(self._directory, wanted)
            if found is None or not stat.S_ISDIR(found.st_mode):
                return False
            self.later.append((self._path, name, wanted))
            return True
        # On some file systems, a rename that changes the spelling alone
        # does nothing.
        aside = _temporary()
        _rename(self._directory, name, aside)
        if handles.look(self._directory, wanted) is None:
            _rename(self._directory, aside, wanted)
            return True
        # It was another one.
        removal.remove(aside, self._directory, above=self._path)
        return False


def _rename(directory, one, other):
    os.rename(one, other, src_dir_fd=directory, dst_dir_fd=directory)


def rename_directories(root, later, problems):
    """Give directories the spelling that they should have, once nothing is
    done in them any more.

    :param root: int, descriptor of the share.
    :param later: list as :attr:`Respeller.later`.
    :param problems: :class:`~.reporting.Problems`, gets what could not be.
    """
    descent = handles.Descent(root)
    for path, name, wanted in later:
        try:
            fd = descent.enter(path)
            st = os.fstat(fd)
            aside = _temporary()
            _rename(fd, name, aside)
            try:
                _rename(fd, aside, wanted)
            except OSError:
                _rename(fd, aside, name)
                raise
            finally:
                os.utime(fd, ns=(st.st_atime_ns, st.st_mtime_ns))
        except OSError as exc:
            problems.add(
                f'"{errors.printable(handles.join(path, name))}" could not '
                f'be renamed to "{errors.printable(wanted)}", as the backup '
                f'has it: {os.strerror(exc.errno or 0)}.')
    descent.close()
