# SPDX-License-Identifier: Apache-2.0
"""Notifications about share backups by oslo.messaging: none, unless
``[oslo_messaging_notifications] driver`` is set."""

from manila_backup.bus import rpc
from manila_backup.bus import sender
from manila_backup import states

_ENDS = {states.Operation.DONE: 'end', states.Operation.FAILED: 'error',
         states.Operation.CANCELLED: 'cancelled'}


class Notifier:
    """Tells of operations on share backups.

    :param conf: the configuration.
    """

    def __init__(self, conf):
        self._notifier = rpc.messaging.Notifier(
            rpc.messaging.get_notification_transport(conf),
            publisher_id=f'share_backup.{conf.host}', retry=1)
        self._sender = sender.AsyncSender('notify')

    def started(self, operation):
        """An operation's first attempt begins: ``share_backup.KIND.start``.

        :param operation: its row.
        """
        self._tell(operation, 'start', self._notifier.info)

    def ended(self, operation, status, error=None):
        """An operation is over, and that is committed:
        ``share_backup.KIND.end``, ``.error`` or ``.cancelled``.

        :param status: a :class:`~manila_backup.states.Operation`.
        :param error: str, why it failed.
        """
        self._tell(operation, _ENDS[status],
                   self._notifier.error if error else self._notifier.info,
                   fail_reason=error)

    def incomplete(self, operation, lacking):
        """A backup was made that lacks something: ``share_backup.
        incomplete``.

        :param operation: the row of the operation that made it.
        :param lacking: dict of str to int, how much.
        """
        self._send(operation, 'share_backup.incomplete', self._notifier.warn,
                   lacking)

    def close(self):
        """Send what is waiting."""
        self._sender.close()

    def _tell(self, operation, phase, publish, **more):
        # They are called the same there.
        if operation.kind in states.BACKUP_KINDS:
            self._send(operation, f'share_backup.{operation.kind}.{phase}',
                       publish, more)

    def _send(self, operation, event, publish, more):
        payload = {'operation_id': operation.id, 'attempt': operation.attempt,
                   'backup_id': operation.backup_id,
                   'share_id': operation.share_id,
                   'tenant_id': operation.project_id,
                   'user_id': operation.user_id,
                   'backup_type': operation.driver, **more}
        context = {'request_id': operation.request_id,
                   'project_id': operation.project_id,
                   'user_id': operation.user_id}
        self._sender.send(f'{event} of operation {operation.id}', publish,
                          context, event, payload)
