# SPDX-License-Identifier: Apache-2.0
"""Room for what drivers keep on this host to answer questions, such as indexes
of backups. It can all be made anew: what was not asked for the longest goes.

Names in the directory begin with the backup's id; what is being made has other
names, and is not looked at unless it was left by a worker that was killed.
"""

import contextlib
import os
import shutil
import tempfile
import threading
import time
import typing

# Seconds for which a file stays after it was asked for: whoever made it just
# now is about to open it.
_FRESH = 60

# Seconds after which nobody can still be making something.
_DEAD = 86400


class Room:
    """The room of a worker.

    :param folder: str, the directory.
    :param most: int, bytes that files in it may have.
    """

    def __init__(self, folder: str, most: int) -> None:
        self._folder = folder
        self._most = most
        self._guard = threading.Lock()

    def tidy(self, backup_id: str) -> None:
        """Remove what is too much.

        :param backup_id: str, of the backup that was asked for last.
        """
        with self._guard, contextlib.suppress(OSError):
            self._tidy(backup_id, time.time())

    def _tidy(self, backup_id: str, now: float) -> None:
        found = []
        with os.scandir(self._folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    found += self._looked_at(entry, backup_id, now)
        size = sum(each for _, each, _ in found)
        for last, each, path in sorted(found):
            if size <= self._most or now - last < _FRESH:
                break
            # Whoever reads it goes on reading.
            with contextlib.suppress(OSError):
                os.unlink(path)
                size -= each

    @staticmethod
    def _looked_at(entry: 'os.DirEntry[str]', backup_id: str, now: float
                   ) -> typing.Iterator[tuple[float, int, str]]:
        """Look at an entry.

        :returns: iterator of (time when it was asked for last, bytes that it
            has, its path); of none if it is not a file that is finished.
        """
        st = entry.stat(follow_symlinks=False)
        if entry.name.startswith(tempfile.gettempprefix()):
            if now - st.st_mtime > _DEAD:
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    os.unlink(entry.path)
        elif entry.is_file(follow_symlinks=False):
            if entry.name.startswith(backup_id):
                os.utime(entry.path, (now, now))
                yield now, st.st_size, entry.path
            else:
                yield st.st_mtime, st.st_size, entry.path
