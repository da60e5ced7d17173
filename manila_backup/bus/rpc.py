# SPDX-License-Identifier: Apache-2.0
"""The bus: how the API wakes the workers.

Everything a worker must know stands in the database; a message says only
that it is worth a look. So a lost one costs a delay (``[backup]
scan_interval``), a doubled one nothing, and no answer is waited for. Wake-up
calls go to all workers: the database decides who gets the operation, and a
busy worker never sits on the message that an idle one could have used.
"""

import importlib

from oslo_log import log
from oslo_service import backend

# Before oslo.messaging is imported, which would choose the eventlet one.
backend.init_backend(backend.BackendType.THREADING)

import oslo_messaging as messaging  # noqa: E402
from oslo_messaging._drivers import amqpdriver  # noqa: E402
from oslo_messaging._drivers import common as driver_common  # noqa: E402
from oslo_messaging.rpc import dispatcher  # noqa: E402

from manila_backup.bus import sender  # noqa: E402

LOG = log.getLogger(__name__)

TOPIC = 'manila-backup-worker'

#: Where RabbitMQ listens unless the URL says otherwise.
PORT = 5672

#: What this release's workers understand. A form of a message that is new
#: raises the second number, one that is taken away the first.
#:
#: 1.0: the first.
#: 1.1: ``operation_queued`` says of which kind and driver the operation is,
#:      so that only those look who can do it.
#: 1.2: answers questions (:mod:`manila_backup.bus.questions`).
VERSION = '1.2'
FIRST_VERSION = '1.0'

#: The forms of each message, the newest first: the version of the workers
#: that understand it, and its arguments.
FORMS = {
    'operation_queued': (('1.1', ('operation_id', 'kind', 'driver')),
                         ('1.0', ('operation_id',))),
    'operation_cancelled': (('1.0', ('operation_id',)),),
}


def get_transport(conf):
    """The bus that ``[DEFAULT] transport_url`` names. Nothing is connected
    yet."""
    for name in ('metrics', 'tracing'):
        # oslo.messaging reads these options from the transport's
        # configuration, but registers them on the global one alone.
        try:
            module = importlib.import_module(
                f'oslo_messaging._{name}.client')
        except ImportError:     # a release that has no such thing
            continue
        group = f'oslo_messaging_{name}'
        conf.register_opts(getattr(module, group), group=group)
    return messaging.get_rpc_transport(conf)


def log_in(transport):
    """Log in to the bus and out again, in the way in which a worker is about
    to listen: so that one that is not there, or lets nobody in, is told at
    once and in one line. Each of its servers is asked.

    :param transport: an oslo.messaging transport; a bus that has no server
        always works.
    :raises Exception: whatever says why not; see
        :func:`manila_backup.bus.faults.reason`.
    """
    driver = transport._driver
    pool = getattr(driver, '_connection_pool', None)
    if pool is not None:
        pool.create(driver_common.PURPOSE_LISTEN,
                    max(len(driver._url.hosts) - 1, 0)).close()


def servers(transport):
    """The bus's servers, as text for the log.

    :param transport: an oslo.messaging transport.
    """
    return ', '.join(f'{host.hostname}:{host.port or PORT}'
                     for host in transport._driver._url.hosts)


def queue_manager(transport):
    """Make what names queues that last, by the settings that there are by
    now.

    :param transport: an oslo.messaging transport, of :func:`names_queues`.
    """
    settings = transport._driver.conf.oslo_messaging_rabbit
    return amqpdriver.QManager(hostname=settings.hostname,
                               processname=settings.processname)


def names_queues(transport):
    """Tell whether ``[oslo_messaging_rabbit] use_queue_manager`` gives queues
    names that last.

    :param transport: an oslo.messaging transport.
    """
    group = getattr(transport._driver.conf, 'oslo_messaging_rabbit', None)
    return group is not None and group.use_queue_manager


class Caller:
    """Sender of wake-up calls to workers.

    They are sent by a thread of its own: the request's transaction is
    committed already.

    :param transport: an oslo.messaging transport.
    :param cap: a :class:`manila_backup.bus.version_cap.VersionCap`.
    """

    def __init__(self, transport, cap):
        self._client = messaging.get_rpc_client(
            transport, messaging.Target(topic=TOPIC)
        ).prepare(fanout=True, retry=1)
        self._version_cap = cap
        self._sender = sender.AsyncSender('cast')

    def queued(self, context, operation_id, kind=None, driver=None):
        """An operation waits to be claimed.

        :param kind: str, its kind, if that is at hand.
        :param driver: str, its backup driver, if it has one.
        """
        LOG.info('Operation %s: queued', operation_id,
                 operation_id=operation_id)
        self._later(context, 'operation_queued', operation_id=operation_id,
                    kind=kind and str(kind), driver=driver)

    def queued_all(self, context, operation_ids, kind, driver):
        """Operations of one kind wait to be claimed: one call for all, as
        who is woken looks until nothing waits any more.

        :param operation_ids: list of str, not empty.
        :param driver: str, their backup driver.
        """
        for each in operation_ids[1:]:
            LOG.info('Operation %s: queued', each, operation_id=each)
        self.queued(context, operation_ids[0], kind, driver)

    def cancelled(self, context, operation_id):
        """An operation that a worker has, or had, was called off."""
        LOG.info('Operation %s: cancellation requested', operation_id,
                 operation_id=operation_id)
        self._later(context, 'operation_cancelled',
                    operation_id=operation_id)

    def close(self):
        """Send what is waiting, then end the thread."""
        self._sender.close()

    def _later(self, context, method, **args):
        # If it is lost, nothing else is: the operation stands in the
        # database, and a worker will find it by itself.
        self._sender.send(
            f'wake-up call for operation {args["operation_id"]}', self._cast,
            context.to_dict(), method, args)

    def _cast(self, context, method, args):
        cap = self._version_cap.version()
        for version, names in FORMS[method]:
            client = self._client.prepare(version=version, version_cap=cap)
            if client.can_send_version():
                client.cast(context, method,
                            **{name: args[name] for name in names})
                return
        LOG.debug('Operation %s: the workers, of version %s, have no %s',
                  args['operation_id'], cap, method)


class _Endpoint:
    target = messaging.Target(version=VERSION)

    def __init__(self, worker):
        self._worker = worker

    def operation_queued(self, context, operation_id, kind=None,
                         driver=None):
        if self._worker.capabilities.may_do(kind, driver):
            self._worker.wake()

    def operation_cancelled(self, context, operation_id):
        self._worker.look_after(operation_id)


def get_server(transport, worker):
    """The worker's side: an oslo.messaging server, not started.

    :param worker: has ``wake()`` and ``look_after(operation_id)``, which
        return at once, ``capabilities``, a
        :class:`manila_backup.engine.capabilities.Capabilities`, and ``host``.
    """
    # There is a queue of this name that nobody sends to, and that stays when
    # its last listener goes: one for each host, not for each process.
    return messaging.get_rpc_server(
        transport, messaging.Target(topic=TOPIC, server=worker.host),
        [_Endpoint(worker)], executor='threading',
        access_policy=dispatcher.DefaultRPCAccessPolicy)
