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
from oslo_messaging.rpc import dispatcher  # noqa: E402

from manila_backup.operations import outbox  # noqa: E402

LOG = log.getLogger(__name__)

TOPIC = 'manila-backup-worker'
VERSION = '1.0'


def get_transport(conf):
    """The bus that ``[DEFAULT] transport_url`` names."""
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


class Caller:
    """The API's side.

    Casts are sent by a thread of their own: the request's transaction is
    committed already.

    :param transport: an oslo.messaging transport.
    """

    def __init__(self, transport):
        self._client = messaging.get_rpc_client(
            transport, messaging.Target(topic=TOPIC, version=VERSION)
        ).prepare(fanout=True, retry=1)
        self._outbox = outbox.Outbox('cast')

    def queued(self, context, operation_id):
        """An operation waits to be claimed."""
        LOG.info('Operation %s: queued', operation_id,
                 operation_id=operation_id)
        self._cast(context, 'operation_queued', operation_id)

    def cancelled(self, context, operation_id):
        """An operation that a worker has, or had, was called off."""
        LOG.info('Operation %s: to be called off', operation_id,
                 operation_id=operation_id)
        self._cast(context, 'operation_cancelled', operation_id)

    def close(self):
        """Send what is waiting, then end the thread."""
        self._outbox.close()

    def _cast(self, context, method, operation_id):
        # If it is lost, nothing else is: the operation stands in the
        # database, and a worker will find it by itself.
        self._outbox.send(
            f'wake-up call for operation {operation_id}', self._client.cast,
            context.to_dict(), method, operation_id=operation_id)


class _Endpoint:
    target = messaging.Target(version=VERSION)

    def __init__(self, worker):
        self._worker = worker

    def operation_queued(self, context, operation_id):
        self._worker.wake()

    def operation_cancelled(self, context, operation_id):
        self._worker.look_after(operation_id)


def get_server(transport, worker, server):
    """The worker's side: an oslo.messaging server, not started.

    :param worker: has ``wake()`` and ``look_after(operation_id)``; both
        return at once.
    :param server: str, the worker's identity on the bus.
    """
    return messaging.get_rpc_server(
        transport, messaging.Target(topic=TOPIC, server=server),
        [_Endpoint(worker)], executor='threading',
        access_policy=dispatcher.DefaultRPCAccessPolicy)
