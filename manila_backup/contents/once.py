# SPDX-License-Identifier: Apache-2.0
"""Files that take long to make, made once at a time by a process."""

from collections import abc
import contextlib
import threading


class Once:
    """Files that are being made by this process."""

    def __init__(self) -> None:
        self._making: set[str] = set()
        self._guard = threading.Lock()

    @contextlib.contextmanager
    def alone(self, path: str, busy: Exception) -> abc.Iterator[None]:
        """Keep a file from being made twice at the same time: whoever wants
        it meanwhile asks again.

        :param busy: raised where it is being made already.
        """
        with self._guard:
            if path in self._making:
                raise busy
            self._making.add(path)
        try:
            yield
        finally:
            with self._guard:
                self._making.remove(path)
