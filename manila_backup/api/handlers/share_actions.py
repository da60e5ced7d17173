# SPDX-License-Identifier: Apache-2.0
"""Actions of ``POST /v2/shares/{share_id}/action``."""

from manila_backup.api.handlers import access_rules
from manila_backup.api.handlers import common
from manila_backup.api.handlers import shares
from manila_backup.api import operation
from manila_backup.api.schemas import shares as schemas
from manila_backup.db import shares as db_shares
from manila_backup.policies import shares as policies

#: The last version in which names of actions begin with ``os-``. The names
#: without it are taken in all versions.
_LAST_PREFIXED = (2, 6)


def _action(name, rule, function):
    """One action, by its name.

    :param function: takes the admission, the caller's context, the share's
        id and what stands under the action's name in the body.
    """
    def act(req, share_id, document):
        share_id = common.authorize_target(req, rule, db_shares.get,
                                           shares.WHAT, share_id)
        function(req.services.admission, req.context, share_id,
                 document[name])
        return 202, None

    act.__doc__ = function.__doc__
    until = _LAST_PREFIXED if name.startswith('os-') else None
    return operation.operation(rule, until=until, body=schemas.ACTIONS[name],
                               all_rule=policies.GET_ALL_PROJECT)(act)


def _extend(admission, context, share_id, asked):
    """Make a share larger."""
    admission.shares.extend(context, share_id, int(asked['new_size']))


def _shrink(admission, context, share_id, asked):
    """Make a share smaller."""
    admission.shares.extend(context, share_id, int(asked['new_size']),
                            shrink=True)


def _reset_status(admission, context, share_id, asked):
    """Set a share's status."""
    admission.shares.reset_status(context, share_id, asked['status'])


def _reset_task_state(admission, context, share_id, asked):
    """Reset the task state of a share, which is always unset here."""


def _force_delete(admission, context, share_id, asked):
    """Begin to delete a share whatever its status."""
    admission.shares.delete(context, share_id, force=True)


def _unmanage(admission, context, share_id, asked):
    """Forget a share and leave its directory alone."""
    admission.shares.unmanage(context, share_id)


_ALL = {
    'extend': (policies.EXTEND, _extend),
    'os-extend': (policies.EXTEND, _extend),
    'shrink': (policies.SHRINK, _shrink),
    'os-shrink': (policies.SHRINK, _shrink),
    'reset_status': (policies.RESET_STATUS, _reset_status),
    'os-reset_status': (policies.RESET_STATUS, _reset_status),
    'reset_task_state': (policies.RESET_TASK_STATE, _reset_task_state),
    'force_delete': (policies.FORCE_DELETE, _force_delete),
    'os-force_delete': (policies.FORCE_DELETE, _force_delete),
    'unmanage': (policies.UNMANAGE, _unmanage),
}

ROUTES = {
    f'{shares.PATH}/{{share_id}}/action': {'POST': operation.Actions({
        **{name: _action(name, *what) for name, what in _ALL.items()},
        **access_rules.actions(_LAST_PREFIXED)})},
}
