# SPDX-License-Identifier: Apache-2.0
"""Which operations a worker knows how to do."""

from manila_backup.engine import tasks


class Capabilities:
    """Which operations a worker knows how to do. One of another release or
    configuration may know others, and gets to do those.

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
        """Whether to look at an operation that so much is known of.

        :param kind: str, or None where that is not known.
        :param driver: str, or None where it has none or that is not known.
        """
        return ((kind is None or kind in self.kinds)
                and (driver is None or driver in self.drivers))

    def can_do(self, row):
        """Whether nothing in an operation's row is unknown here.

        :param row: has ``kind``, ``driver`` and ``options``.
        """
        if row.kind not in self.kinds or not self.may_do(row.kind,
                                                         row.driver):
            return False
        return (set(row.options or ()) <= tasks.TASKS[row.kind].options
                | self._options.get(row.driver, frozenset()))
