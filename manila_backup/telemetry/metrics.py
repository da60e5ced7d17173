# SPDX-License-Identifier: Apache-2.0
"""Metrics for Prometheus: doc/source/admin/metrics.rst has the names.

Two kinds. What a worker does is counted by the worker, and is gone with it.
What waits and what there is stands in the database, and every API tells the
same of it.
"""

import collections
import datetime
import errno
import time

from oslo_log import log
import prometheus_client
from prometheus_client import core

from manila_backup.db import backup_runs as db_runs
from manila_backup.db import backups as db_backups
from manila_backup.db import clock as db_clock
from manila_backup.db import operations as db_operations
from manila_backup.db import queue as db_queue
from manila_backup import exception
from manila_backup import states

LOG = log.getLogger(__name__)

#: Upper bounds in seconds: an empty share to a day's copying.
_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600,
            24 * 3600, float('inf'))

# Of lanes.
_LANES = (1, 2, 4, 8, 16, 32)

#: How many ports are tried, from ``[metrics] worker_bind_port`` on: workers of
#: one host share their configuration.
PORTS = 16

#: How an attempt can end, beside the statuses of an operation that is over.
RETRIED, HANDED_OVER, LEASE_LOST = 'retried', 'handed_over', 'lease_lost'


class Worker:
    """Metrics that one worker counts.

    :param limit: int, ``[backup] concurrent_operations``.
    :ivar registry: what to expose.
    """

    def __init__(self, limit):
        self.registry = prometheus_client.CollectorRegistry()
        self._attempts = prometheus_client.Histogram(
            'manila_backup_attempt_seconds',
            'Time from the claim of an operation to the end of the attempt.',
            ('kind', 'outcome'), buckets=_BUCKETS, registry=self.registry)
        self._lanes = prometheus_client.Histogram(
            'manila_backup_attempt_lanes',
            'The most lanes that copied at once in the attempt.', ('kind',),
            buckets=_LANES, registry=self.registry)
        self._running = self._gauge(
            'running_operations', 'Operations that this worker runs now.')
        self._gauge('concurrent_operations',
                    'Operations that this worker may run at once.'
                    ).set(limit)
        self._files = self._counter(
            'files', 'Directory entries processed.', 'kind')
        self._bytes = self._counter(
            'bytes', 'Bytes processed: read from the share by backups, '
                     'compared or written in it by restores.', 'kind')
        self._losses = self._counter(
            'lease_losses', 'Leases that another worker took over, or that '
                            'could not be renewed in time.', 'kind')
        self._incomplete = self._counter(
            'incomplete_backups', 'Backups made that lack an entry of their '
                                  'share, or have one that is not whole.',
            'driver')
        self._used, self._free, self._measured = (
            self._gauge(f'repository_{name}', text, 'driver')
            for name, text in (
                ('used_bytes', 'Bytes in use where the repository is, by '
                               'whatever uses them.'),
                ('free_bytes', 'Bytes that more backups can take.'),
                ('measured_timestamp_seconds',
                 'When that was measured last.')))
        self._swept = self._counter(
            'swept', 'Items without an owner that sweeps of the repositories '
                     'found.',
            'what', 'done')
        self._verified = self._counter(
            'verified', 'Backups that this worker has verified on a '
                        'schedule.', 'driver', 'result')
        self._verified_bytes = self._counter(
            'verified_bytes', 'Bytes that it has read for that.', 'driver')
        self._policy_runs = self._counter(
            'policy_runs_ended', 'Runs of backup policies that this worker '
                                 'has ended.',
            'policy_id', 'status')

    def _gauge(self, name, text, *labels):
        return prometheus_client.Gauge(f'manila_backup_{name}', text, labels,
                                       registry=self.registry)

    def _counter(self, name, text, *labels):
        return prometheus_client.Counter(f'manila_backup_{name}', text,
                                         labels, registry=self.registry)

    def attempt(self, kind):
        """An attempt begins.

        :param kind: str, its operation's kind.
        :returns: an :class:`Attempt`.
        """
        self._running.inc()
        return Attempt(self, kind)

    def ended(self, attempt, outcome, seconds):
        """For :class:`Attempt`."""
        self._running.dec()
        self._attempts.labels(attempt.kind, outcome).observe(seconds)
        if attempt.lanes:
            self._lanes.labels(attempt.kind).observe(attempt.lanes)
        if outcome == LEASE_LOST:
            self._losses.labels(attempt.kind).inc()

    def moved(self, attempt, files, size):
        """For :class:`Attempt`."""
        self._files.labels(attempt.kind).inc(files)
        self._bytes.labels(attempt.kind).inc(size)

    def incomplete(self, driver):
        """A backup was made that lacks something.

        :param driver: str, its driver's name.
        """
        self._incomplete.labels(driver).inc()

    def space(self, driver, used, free):
        """A driver's repository was measured.

        :param used: int, bytes; ``free``: the same.
        """
        self._used.labels(driver).set(used)
        self._free.labels(driver).set(free)
        self._measured.labels(driver).set_to_current_time()

    def swept(self, finding):
        """A sweep found something.

        :param finding: a :class:`manila_backup.maintenance.sweep.Finding`.
        """
        self._swept.labels(finding.what, finding.done).inc()

    def verified(self, driver, result, size):
        """A verification on a schedule is over.

        :param driver: str, the name of the backup's.
        :param result: str, as of
            :class:`manila_backup.maintenance.inspection.Verdict`.
        :param size: int, bytes that were read.
        """
        self._verified.labels(driver, result).inc()
        self._verified_bytes.labels(driver).inc(size)

    def policy_run(self, policy_id, status):
        """A run of a backup policy is over.

        :param status: a :class:`manila_backup.states.Run`.
        """
        self._policy_runs.labels(policy_id, str(status)).inc()


class Attempt:
    """One attempt, from its claim to its end.

    :ivar outcome: what to count it as; what it is when nothing else is
        known is that the lease will run out.
    :ivar lanes: int, the most that copied at once; 0 if none did.
    """

    def __init__(self, worker, kind):
        self.kind = kind
        self.lanes = 0
        self.outcome = LEASE_LOST
        self._worker = worker
        self._began = time.monotonic()
        self._files = self._bytes = 0

    def reached(self, files, size):
        """So much is done by now: counts what has been added."""
        # Totals can shrink when a changed file is counted anew; counters
        # can't.
        self._worker.moved(self, max(files - self._files, 0),
                           max(size - self._bytes, 0))
        self._files, self._bytes = files, size

    def end(self):
        """It is over."""
        self._worker.ended(self, str(self.outcome),
                           time.monotonic() - self._began)


class Records:
    """Metrics from the database, as a collector: read when it is asked for.

    :param database: a :class:`manila_backup.db.engine.Database`.
    :param max_projects: int, ``[metrics] max_projects``.
    """

    def __init__(self, database, max_projects):
        self._database = database
        self._max_projects = max_projects

    def collect(self):
        """Called by prometheus_client."""
        operations = core.GaugeMetricFamily(
            'manila_backup_operations',
            'Recorded operations; those that have ended are included until '
            'they are purged.',
            labels=('kind', 'status'))
        for kind, status, count in self._database.read(
                db_operations.count_by_kind):
            operations.add_metric((kind, status), count)
        yield operations
        depth, age = self._database.read(db_queue.depth)
        yield core.GaugeMetricFamily(
            'manila_backup_queued_operations',
            'Operations that wait for a worker.', value=depth)
        yield core.GaugeMetricFamily(
            'manila_backup_queue_age_seconds',
            'Seconds that the oldest of them has waited.', value=age)
        yield from self._backups()
        yield from self._projects()
        yield from self._policies()

    def _backups(self):
        """Count the backups, by what is known of them."""
        rows = self._database.read(db_backups.count_by_state)

        def sums(name, text, label, column, value='count', none=None):
            family = core.GaugeMetricFamily(f'manila_backup_{name}', text,
                                            labels=(label,))
            found = collections.Counter()
            for row in rows:
                found[getattr(row, column) or none] += int(
                    getattr(row, value) or 0)
            for each in sorted(found):
                family.add_metric((each,), found[each])
            return family

        yield sums('backups', 'Share backups.', 'status', 'status')
        yield sums('backup_gigabytes',
                   'Sum of the sizes of their shares, in GiB.', 'status',
                   'status', 'gigabytes')
        yield sums('backup_results',
                   'Share backups by what is known of their content.',
                   'result', 'result', none='unknown')
        yield sums('stored_bytes',
                   'Sum of what share backups have added to the repository, '
                   'as far as that is known.', 'driver', 'backup_type',
                   'stored_bytes')
        yield sums('verifications',
                   'Share backups by what their last verification has found.',
                   'result', 'verified_result', none='never')
        last = max((row.verified_at for row in rows if row.verified_at),
                   default=None)
        yield _moments('last_verification',
                       'When a share backup was verified last.',
                       [((), last)] if last else [])
        first = min((row.looked_at for row in rows if row.looked_at
                     and row.status == states.Backup.AVAILABLE),
                    default=None)
        yield _moments('least_recent_verification',
                       'When the available share backup was verified, or '
                       'made if it never was, of which that is longest ago.',
                       [((), first)] if first else [])

    def _projects(self):
        """Tell when the last good backup of each was made."""
        rows = self._database.read(db_backups.last_made, self._max_projects)
        yield _moments('last_success',
                       'When the last good share backup of the project was '
                       'made; of the projects where that is longest ago.',
                       [((project_id,), at) for project_id, at, _all in rows],
                       'project_id')
        if rows or self._max_projects:
            yield core.GaugeMetricFamily(
                'manila_backup_projects',
                'Projects that have a good share backup.',
                value=rows[0][2] if rows else 0)

    def _policies(self):
        """Tell when the last run of each policy that went well was due, and
        since when one has been due that did not, or not yet."""
        yield _moments('policy_last_success',
                       'Due time of the last run of a backup policy that '
                       'went well.',
                       [((policy_id,), due_at) for policy_id, due_at
                        in self._database.read(db_runs.last_done)],
                       'policy_id')
        yield _moments('policy_overdue',
                       'Due time of the first backup that a backup policy '
                       'in force was to make since its last run that went '
                       'well; of the policies that were to make one.',
                       [((policy_id,), due_at) for policy_id, due_at
                        in self._database.read(_overdue)], 'policy_id')


def _overdue(conn):
    return db_runs.overdue(conn, db_clock.now(conn))


def _moments(name, text, values, *labels):
    """Make a family of instants.

    :param values: list of (tuple of the labels' values, datetime in UTC).
    """
    family = core.GaugeMetricFamily(
        f'manila_backup_{name}_timestamp_seconds', text, labels=labels)
    for each, at in values:
        family.add_metric(each, at.replace(
            tzinfo=datetime.timezone.utc).timestamp())
    return family


def application(database, max_projects, registry=None):
    """The answer to ``GET /metrics``, as a WSGI application.

    :param max_projects: int, ``[metrics] max_projects``.

    :param registry: of a worker in the same process, to tell of it too.
    """
    # Not registered in the worker's, which would then look in the database
    # right now, for names.
    records = Records(database, max_projects)

    class Both:
        def collect(self):
            yield from records.collect()
            if registry:
                yield from registry.collect()

    return prometheus_client.make_wsgi_app(Both(), disable_compression=True)


class Endpoint:
    """Answers ``GET /metrics`` on an address of its own.

    :param conf: the configuration.
    :param registry: what to tell.
    :raises manila_backup.exception.ConfigurationError: the address can't be
        listened on.
    """

    def __init__(self, conf, registry):
        group = conf.metrics
        host, first = group.worker_bind_host, group.worker_bind_port
        try:
            self._server, self._thread = _listen(host, first, registry)
        except OSError as exc:
            raise exception.ConfigurationError(
                f'Can\'t listen on [metrics] worker_bind_host {host}, '
                f'worker_bind_port {first} or one of the {PORTS - 1} ports '
                f'after it: {exc.strerror}') from exc
        #: The port that is listened on.
        self.port = self._server.server_port
        LOG.info('Metrics at http://%s:%d/metrics', host, self.port)

    def close(self):
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _listen(host, first, registry):
    """Serve metrics on the first port of :data:`PORTS` that is free.

    :param first: int, the first port; 0 for any.
    :raises OSError: none is, or the address is none of this host's.
    """
    last = first + PORTS - 1 if first else first
    for port in range(first, last + 1):
        try:
            return prometheus_client.start_http_server(port, host, registry)
        except OSError as exc:
            if exc.errno != errno.EADDRINUSE or port == last:
                raise
