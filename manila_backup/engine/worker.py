# SPDX-License-Identifier: Apache-2.0
"""A worker: claims operations, has them done, and writes what came of it."""

import concurrent.futures
import threading

from oslo_db import exception as db_exc
from oslo_log import log

from manila_backup.bus import listener
from manila_backup.bus import rpc
from manila_backup.bus import version_cap
from manila_backup.db import backups as db_backups
from manila_backup.db import service_hosts
from manila_backup.db import services as db_services
from manila_backup.engine import capabilities
from manila_backup.engine import child
from manila_backup.engine import named_lock
from manila_backup.engine import process_name
from manila_backup.engine.questions import desk
from manila_backup.engine import queue
from manila_backup import exception
from manila_backup import plugins
from manila_backup import states
from manila_backup.telemetry import metrics
from manila_backup.telemetry import notifications
from manila_backup import version

LOG = log.getLogger(__name__)

BINARY = 'manila-backup-worker'


class Worker:
    """One worker. Everything it does starts with a claim in the database,
    so any number of them can run beside each other.

    :param conf: the configuration.
    :param database: a :class:`manila_backup.db.engine.Database`.
    :param transport: an oslo.messaging transport.
    :param beside: what is done beside operations: functions that make, of
        this worker, something with ``start()`` and ``stop()``.
    """

    def __init__(self, conf, database, transport, beside=()):
        self.conf = conf
        self.database = database
        self.host = conf.host
        self.identity = process_name.make(conf)
        self.drivers = plugins.drivers(conf)
        self.capabilities = capabilities.Capabilities(self.drivers)
        self.source = plugins.share_source(conf)
        self.questions = desk.Desk(conf, self.drivers,
                                   source=self.source)
        self.caller = rpc.Caller(
            transport, version_cap.VersionCap(conf, database))
        self._listener = listener.Listener(transport, self)
        self.notifier = notifications.Notifier(conf)
        self.metrics = metrics.Worker(conf.backup.concurrent_operations)
        self._queue = queue.Queue(self)
        self._changed = threading.Condition()
        self._woken = False
        self._stopping = False
        self._mode = states.ServiceMode.ENABLED
        self._running = {}      # operation id -> attempt.Attempt
        #: How many backups are verified beside them.
        self.verifying = 0
        self._pool = concurrent.futures.ThreadPoolExecutor(
            conf.backup.concurrent_operations,
            thread_name_prefix='operation')
        self._threads = [
            threading.Thread(target=self._claim_forever, name='claims'),
            threading.Thread(target=self._beat_forever, name='heartbeat',
                             daemon=True)]
        self._beside = [make(self) for make in beside]
        self._ended = threading.Event()

    def start(self):
        """Start working, in threads of its own.

        :raises manila_backup.exception.ConfigurationError: the database is
            not there, or this host lacks what a driver needs.
        """
        LOG.info('Worker %s starts', self.identity)
        self._check_repositories()
        child.prepare([*self.drivers.values(), self.source])
        self._listener.start()
        for thread in self._threads:
            thread.start()
        for companion in self._beside:
            companion.start()

    def _check_repositories(self):
        try:
            for name, driver in self.drivers.items():
                self._check_repository(name, driver)
        except db_exc.DBError as exc:
            # It was there a moment ago.
            raise exception.ConfigurationError(
                f'The database can\'t be used: {str(exc).splitlines()[0]}'
            ) from exc

    def _check_repository(self, name, driver):
        # Only here is one ever made, and only before it has backups: or the
        # mount point of one that is not mounted would be taken for a new one.
        stored = self.database.read(db_backups.any_stored, name)
        try:
            if stored:
                driver.check()
            else:
                with self.alone():
                    driver.check(create=True)
        except exception.UnfitHost as exc:
            # It would fail what another worker can do.
            raise exception.ConfigurationError(str(exc)) from exc
        except exception.WorkFailed as exc:
            LOG.error('Operations of the driver %s will fail until its '
                      'repository can be used: %s', name, exc)

    def alone(self):
        """A context manager that one process of the service at a time is
        inside, waiting if it has to; for something short."""
        return named_lock.alone('alone', self.conf, self.database)

    def stop(self, patience=0.0):
        """Stop claiming, give what runs some time to end, hand the rest over,
        and return when all is quiet.

        :param patience: float, seconds.
        """
        LOG.info('Worker %s stops', self.identity)
        self._begin_to_stop(patience)
        for companion in self._beside:
            companion.stop()
        self._threads[0].join()
        self._pool.shutdown()
        self._ended.set()
        try:
            self.database.write(db_services.remove, self.identity)
        except Exception as exc:
            LOG.warning('The worker\'s record could not be removed: %s', exc)
        # The bus last: it may take seconds to find out that nothing comes
        # of it.
        self.caller.close()
        self.notifier.close()
        self._listener.stop()

    def _begin_to_stop(self, patience):
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._running, patience)
            for each in self._running.values():
                each.hand_over()

    def is_whole(self):
        """Tell whether all threads are there that a worker at work has."""
        return all(thread.is_alive() for thread in self._threads)

    # -- called by the bus -----------------------------------------------

    def wake(self):
        """Look for work now."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def look_after(self, operation_id):
        """An operation was called off: if it is ours, stop it; if nobody
        holds it, it is there to be claimed for that."""
        with self._changed:
            found = self._running.get(operation_id)
        if found:
            found.look()
        else:
            self.wake()

    def bytes_per_second(self):
        """Return the number of bytes that each of the operations that run, and
        of the verifications, may move in a second, 0 for no limit."""
        return self._part_of(self.conf.backup.bytes_per_second)

    def operations_per_second(self):
        """Return the number of calls of the file systems that each of them may
        make in a second, 0 for no limit."""
        return self._part_of(self.conf.backup.operations_per_second)

    def _part_of(self, limit):
        count = len(self._running) + self.verifying
        return limit and max(1, limit // max(1, count))

    # -- claims ----------------------------------------------------------

    def _claim_forever(self):
        while True:
            with self._changed:
                if self._stopping:
                    return
                self._woken = False
                free = (self.conf.backup.concurrent_operations
                        - len(self._running))
            pause = self.conf.backup.scan_interval
            try:
                if self._is_enabled() and free:
                    if self._start_one():
                        continue
                    due = self._queue.next_event()
                    if due is not None:
                        pause = min(pause, max(due, 0.1))
            except Exception:
                LOG.exception('The search for operations failed')
            with self._changed:
                self._changed.wait_for(
                    lambda: self._woken or self._stopping, pause)

    def mode(self):
        """Read the :class:`manila_backup.states.ServiceMode` of this host's
        workers, as administrators have set it."""
        return self.database.read(service_hosts.mode, BINARY, self.host)

    def _is_enabled(self):
        """Tell whether administrators have this host's workers take
        operations. Once they are to drain, what runs is handed over."""
        mode = self.mode()
        if mode != self._mode:
            LOG.info('Worker %s is %s now', self.identity, mode)
            self._mode = mode
            if mode == states.ServiceMode.DRAINING:
                with self._changed:
                    running = list(self._running.values())
                for each in running:
                    each.hand_over()
        return mode == states.ServiceMode.ENABLED

    def _start_one(self):
        """Claim one operation and start it; False if there is none."""
        claimed = self._queue.claim()
        if not claimed:
            return False
        operation_id = claimed.operation.id
        with self._changed:
            self._running[operation_id] = claimed
            if self._stopping:
                # While it was claimed: stop() has not seen it.
                claimed.hand_over()
        self._pool.submit(self._run, operation_id, claimed)
        return True

    def _run(self, operation_id, claimed):
        try:
            claimed.run()
        except Exception:
            # Its lease runs out, and then it is someone's again.
            LOG.exception('Operation %s: the worker failed', operation_id)
        finally:
            with self._changed:
                del self._running[operation_id]
                self._woken = True
                self._changed.notify_all()

    # -- heartbeat -------------------------------------------------------

    def _beat_forever(self):
        while True:
            try:
                beat(self.database, self.conf, BINARY, self.identity)
            except Exception as exc:
                LOG.warning('The heartbeat could not be written: %s', exc)
            if self._ended.wait(self.conf.report_interval):
                return


def beat(database, conf, binary, name):
    """Write one sign of life of a process."""
    def write(conn):
        service_hosts.register(conn, binary, conf.host)
        db_services.beat(
            conn, name, conf.service_down_time, binary=binary,
            host=conf.host, availability_zone=conf.availability_zone,
            topic=rpc.TOPIC, version=version.string()[:32],
            rpc_version=rpc.VERSION)

    database.write(write)
