# SPDX-License-Identifier: Apache-2.0
"""RPC version cap: the newest message version that all workers understand."""

import threading
import time

from oslo_log import log

from manila_backup.bus import rpc
from manila_backup.db import services as db_services

LOG = log.getLogger(__name__)

#: What ``[upgrade_levels] worker`` says to have it looked up.
AUTO = 'auto'


def numbers(version):
    """A version as something that sorts: (1, 10) of ``1.10``.

    :param version: str; None or nonsense, in the row of a worker that did
        not say or says it in another way, counts as the first.
    """
    try:
        first, second = version.split('.')
        return int(first), int(second)
    except (AttributeError, ValueError):
        return numbers(rpc.FIRST_VERSION)


class VersionCap:
    """The newest version of a message that may be sent.

    :param conf: the configuration.
    :param database: a :class:`manila_backup.db.engine.Database`.
    """

    def __init__(self, conf, database):
        self._conf = conf
        self._database = database
        self._lock = threading.Lock()
        self._told = None
        self._lowest = None
        self._looked = None

    def version(self):
        """The version right now. Looks in the database once in a while, and
        stays with what it found before if that can't be reached.

        :returns: str, such as ``1.1``.
        """
        pinned = self._conf.upgrade_levels.worker
        with self._lock:
            if pinned == AUTO:
                self._look()
                pinned = self._lowest
            if pinned != self._told:
                LOG.info('Messages to the workers are capped at version %s',
                         pinned)
                self._told = pinned
        return pinned

    def _look(self):
        now = time.monotonic()
        if (self._looked is not None
                and now - self._looked < self._conf.report_interval):
            return
        self._looked = now
        try:
            found = self._database.read(
                db_services.living_rpc_versions, rpc.TOPIC,
                self._conf.service_down_time)
        except Exception as exc:
            LOG.warning('The message version of the workers can\'t be '
                        'determined: %s', exc)
            self._lowest = self._lowest or rpc.FIRST_VERSION
            return
        # With nobody there, the next one to come may be of any release.
        lowest = min(map(numbers, found), default=numbers(rpc.FIRST_VERSION))
        self._lowest = '{}.{}'.format(*min(lowest, numbers(rpc.VERSION)))
