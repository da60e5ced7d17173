# SPDX-License-Identifier: Apache-2.0
"""Exceptions of the service, one class for each kind of failure.

Nothing here knows of HTTP: the API turns each class into its status code
(``manila_backup.api.faults``), the worker turns it into a ``fail_reason``.
"""


class ManilaBackupError(Exception):
    """Base of every error this service raises on purpose.

    ``str()`` of it is one sentence fit to be shown to the caller or the
    operator.
    """

    def __init__(self, message):
        super().__init__(message)
        self.message = message


class ConfigurationError(ManilaBackupError):
    """The service can't run as configured. Commands print it and exit 1."""


class InvalidInput(ManilaBackupError):
    """The caller asked for something that is malformed or not possible."""


class Unprocessable(ManilaBackupError):
    """The body does not carry the object that the operation is about."""


class InvalidState(ManilaBackupError):
    """The share or backup is not in a state that allows the operation."""


class Conflict(ManilaBackupError):
    """Someone else's change of the same share or backup came first."""


class Forbidden(ManilaBackupError):
    """The caller may not do this, whatever the state."""


class QuotaExceeded(Forbidden):
    """The operation would take the project over one of its quotas."""


class NotFound(ManilaBackupError):
    """No such thing, or not in the caller's project."""

    def __init__(self, what, id_):
        super().__init__(f'{what} {id_} could not be found.')


class IllegalTransition(ManilaBackupError):
    """A bug: code asked for a state change that the tables don't allow."""


class Unavailable(ManilaBackupError):
    """A service that must be asked before the request can be admitted does not
    answer right now."""


class LeaseLost(ManilaBackupError):
    """This worker no longer owns the operation and must leave it alone."""


class WorkFailed(ManilaBackupError):
    """A worker could not do what an operation asked for; the message
    becomes the ``fail_reason``.

    :param message: one sentence for an operator: what was being done to
        what, and the system's own words for what went wrong.
    :param retryable: True if another attempt, now or by another worker,
        has a fair chance (the repository was unreachable); False where it
        would only fail again (a full disk, a damaged backup).
    :ivar code: str, the reason as its owner is told it, one of
        :class:`manila_backup.status_codes.StatusCode`.
    """

    code = 'failed'

    def __init__(self, message, retryable=False, code=None):
        super().__init__(message)
        self.retryable = retryable
        if code:
            self.code = code

    def __reduce__(self):
        # Crosses from the copying process to the worker by pickle.
        return type(self), (self.message, self.retryable), {
            'code': self.code}


class StorageFailed(WorkFailed):
    """Files, or what they are kept in, could not be read or written."""


class DamagedBackup(StorageFailed):
    """A backup's content in the repository is not what was stored."""

    code = 'damaged'


class UnfitHost(StorageFailed):
    """This host lacks what a driver needs, such as a newer program: no worker
    starts here before that is changed."""
