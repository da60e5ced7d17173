# SPDX-License-Identifier: Apache-2.0
"""Notifications about share backups by oslo.messaging: none, unless
``[oslo_messaging_notifications] driver`` is set."""

from manila_backup.bus import rpc
from manila_backup.bus import sender
from manila_backup import states
from manila_backup.telemetry import usage

_ENDS = {states.Operation.DONE: 'end', states.Operation.FAILED: 'error',
         states.Operation.CANCELLED: 'cancelled'}

# How many damages of a backup a notification names.
_DAMAGES = 20


def is_enabled(conf):
    """Tell whether anything is notified anywhere.

    :param conf: the configuration; once a :class:`Notifier` was made of it.
    """
    drivers = conf.oslo_messaging_notifications.driver
    return bool(set(drivers) - {'', 'noop'})


class Notifier:
    """Tells of operations on share backups.

    :param conf: the configuration.
    """

    def __init__(self, conf):
        self._notifier = rpc.messaging.Notifier(
            rpc.messaging.get_notification_transport(conf),
            publisher_id=f'share_backup.{conf.host}', retry=1)
        self._sender = sender.AsyncSender('notify')

    def started(self, operation, backup):
        """An operation's first attempt begins: ``share_backup.KIND.start``.

        :param operation: its row.
        :param backup: the backup's row, or None.
        """
        self._tell(operation, backup, 'start', self._notifier.info)

    def ended(self, operation, backup, error=None):
        """An operation is over, and that is committed:
        ``share_backup.KIND.end``, ``.error`` or ``.cancelled``.

        :param operation: its row, as it is then.
        :param backup: the backup's row; None if that is gone.
        :param error: str, why it failed.
        """
        self._tell(operation, backup, _ENDS[operation.status],
                   self._notifier.error if error else self._notifier.info,
                   fail_reason=error)

    def incomplete(self, operation, backup, lacking):
        """A backup was made that lacks something: ``share_backup.
        incomplete``.

        :param operation: the row of the operation that made it.
        :param backup: the backup's row.
        :param lacking: dict of str to int, how much.
        """
        self._send(operation, backup, 'share_backup.incomplete',
                   self._notifier.warn, lacking)

    def verified(self, backup, damages, size=None, seconds=None):
        """A backup was verified: ``share_backup.verify.end``, or
        ``share_backup.damaged``.

        :param backup: its row, as it is then.
        :param damages: list of str; empty if it is sound.
        :param size: int, bytes that were read, where that is known.
        :param seconds: float, how long that took.
        """
        event = f'share_backup.{"damaged" if damages else "verify.end"}'
        known = usage.facts(backup)
        payload = {**known, **usage.of_backup(known),
                   'fail_reason': backup.fail_reason,
                   'damages': damages[:_DAMAGES],
                   'damage_count': len(damages), 'bytes_done': size,
                   'duration': seconds, 'metrics': usage.measures(known)}
        self._sender.send(
            f'{event} of backup {backup.id}',
            self._notifier.error if damages else self._notifier.info,
            {'project_id': backup.project_id}, event, payload)

    def exists(self, event, payload):
        """Tell of a backup as an audit does, and wait until the bus has it.

        What goes wrong is logged by oslo.messaging, and not raised.

        :param event: str, such as ``share_backup.exists``.
        :param payload: dict.
        """
        self._notifier.info({'project_id': payload['tenant_id']}, event,
                            payload)

    def policy_run(self, run, status, reason=None):
        """A run of a backup policy is over: ``share_backup.policy_run.``
        and how it has ended.

        :param run: its row.
        :param status: a :class:`~manila_backup.states.Run`.
        :param reason: str, why, where that is known.
        """
        wrong = status in (states.Run.FAILED, states.Run.MISSED)
        event = f'share_backup.policy_run.{status}'
        payload = {'policy_id': run.policy_id, 'rule_id': run.rule_id,
                   'run_id': run.id, 'share_id': run.share_id,
                   'tenant_id': run.project_id,
                   'due_at': run.due_at.isoformat(),
                   'backup_id': run.backup_id, 'reason': reason}
        self._sender.send(
            f'{event} of run {run.id}',
            self._notifier.error if wrong else self._notifier.info,
            {'project_id': run.project_id}, event, payload)

    def close(self):
        """Send what is waiting."""
        self._sender.close()

    def _tell(self, operation, backup, phase, publish, **more):
        # They are called the same there. A dry run does nothing to tell of.
        if operation.kind in states.BACKUP_KINDS and (
                states.DRY_RUN not in (operation.options or ())):
            self._send(operation, backup,
                       f'share_backup.{operation.kind}.{phase}', publish,
                       more)

    def _send(self, operation, backup, event, publish, more):
        payload = {**_payload(operation, backup), **more}
        context = {'request_id': operation.request_id,
                   'project_id': operation.project_id,
                   'user_id': operation.user_id}
        self._sender.send(f'{event} of operation {operation.id}', publish,
                          context, event, payload)


def _payload(operation, backup):
    """Describe an operation and its backup.

    :param operation: its row.
    :param backup: the backup's row; None if that is gone.
    :returns: dict; of the operation is what both have.
    """
    if backup is not None:
        known = usage.facts(backup)
    else:
        known = dict((operation.options or {}).get(states.DELETED) or {},
                     status='deleted')
    began, ended = operation.started_at, operation.finished_at
    duration = (ended - began).total_seconds() if began and ended else None
    return {
        **known,
        **usage.of_backup(known),
        'operation_id': operation.id, 'attempt': operation.attempt,
        'backup_id': operation.backup_id,
        'share_id': operation.share_id,
        'tenant_id': operation.project_id,
        'user_id': operation.user_id,
        'backup_type': operation.driver,
        'status_code': operation.status_code,
        'queued_at': usage.time(operation.created_at),
        'started_at': usage.time(began),
        'finished_at': usage.time(ended),
        'duration': duration,
        'files_done': operation.files_done,
        'bytes_done': operation.bytes_done,
        'share_changed': operation.share_changed,
        'metrics': [*usage.measures(known), *(
            [] if duration is None else [usage.measure(
                f'share.backup.{operation.kind}.duration', 's', duration)])],
    }
