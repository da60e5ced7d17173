# SPDX-License-Identifier: Apache-2.0
"""Names of queues that last, as ``[oslo_messaging_rabbit] use_queue_manager``
gives them.

oslo.messaging's queue manager tells processes of one command apart only within
one process group. With one name, two workers of a host would take each other's
messages away, and two API processes the answers to each other's questions. So
each process adds a number to its command's name.
"""

import fcntl
import itertools
import os
import typing

from manila_backup.bus import rpc
from manila_backup import conf as config
from manila_backup import private

_GROUP = 'oslo_messaging_rabbit'


def number(conf: typing.Any, transport: typing.Any, command: str
           ) -> 'Number | None':
    """Give this process's queues a name of their own, before there are any.

    :param transport: an oslo.messaging transport.
    :param command: str, what the processes are called that could have the
        same name.
    :returns: a :class:`Number`, which is to be kept as long as the queues are
        listened on; None if they have random names.
    """
    if not rpc.names_queues(transport):
        return None
    found = Number(config.lock_directory(conf), command)
    conf.set_default('processname', f'{command}-{found.value}', _GROUP)
    # What names queues for answers has read it already.
    transport._driver._q_manager = rpc.queue_manager(transport)
    return found


class Number:
    """The lowest number that no other process on this host has; held for as
    long as the process lives, so that the next one gets it again.

    :param folder: str, the directory for the lock files; made if need be.
    :param name: str, what is numbered.
    :ivar value: int, 1 or more.
    """

    def __init__(self, folder: str, name: str) -> None:
        private.make_directories(folder)
        for value in itertools.count(1):
            file = open(os.path.join(folder, f'{name}-{value}'), 'a')
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                continue
            self.value = value
            self._file = file
            return
