# SPDX-License-Identifier: Apache-2.0
"""Capabilities of a worker: the operations that it can execute."""

from manila_backup.engine import tasks


class Capabilities:
    """Capabilities of a worker: the operations that it can execute. A worker
    of another release or configuration may have others.

    :param drivers: dict of name to backup driver.
    :ivar kinds: list of str.
    :ivar drivers: list of str, their names.
    """

    def __init__(self, drivers):
        self.kinds = [str(kind) for kind in tasks.TASKS]
        self.drivers = list(drivers)
        self._options = {name: frozenset(driver.OPTIONS)
                         for name, driver in drivers.items()}

    def may_do(self, kind, driver):
        """Tell whether an operation of a kind and driver is worth a closer
        look.

        :param kind: str, or None where that is not known.
        :param driver: str, or None where it has none or that is not known.
        """
        return ((kind is None or kind in self.kinds)
                and (driver is None or driver in self.drivers))

    def can_do(self, row):
        """Tell whether this worker can execute an operation, by all of its
        row.

        :param row: has ``kind``, ``driver`` and ``options``.
        """
        if row.kind not in self.kinds or not self.may_do(row.kind,
                                                         row.driver):
            return False
        return (set(row.options or ()) <= tasks.TASKS[row.kind].options
                | self._options.get(row.driver, frozenset()))
