# SPDX-License-Identifier: Apache-2.0
"""The backup driver that python-manilaclient's functional tests expect.

They pass it a backup option ``dummy``, as their own CI's driver of that name
takes it. A service refuses options that its driver does not know, so they
need a driver that does. This one comes the way any driver of others does: it
is a plug-in, known by the entry point in the directory beside this file.
"""

from manila_backup.drivers.posix import driver


class DummyDriver(driver.PosixDriver):
    """The posix driver, with an option that changes nothing."""

    OPTIONS = {'dummy': {'type': 'string'}}
