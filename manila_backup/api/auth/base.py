# SPDX-License-Identifier: Apache-2.0
"""Functions that the authentication strategies share."""

from manila_backup.api import faults
from manila_backup import context

CONTEXT = 'manila_backup.context'

#: What a role includes besides itself, as in Keystone.
IMPLIED = {
    'admin': ('manager', 'member', 'reader'),
    'manager': ('member', 'reader'),
    'member': ('reader',),
}


def imply(roles):
    """Roles, with those that they include.

    :param roles: iterable of str.
    :returns: sorted list of str.
    """
    implied = set(roles)
    for role in tuple(implied):
        implied.update(IMPLIED.get(role, ()))
    return sorted(implied)


def make_context(environ, **identity):
    """A context of a caller whom this service itself identified."""
    return context.RequestContext(
        request_id=environ.get('openstack.request_id'),
        global_request_id=environ.get('openstack.global_request_id'),
        **identity)


def admit(environ, context_, services):
    """Put an identified caller's context where the application finds it.

    :raises manila_backup.api.faults.Fault: 403 if he belongs to no project:
        nothing here could be his.
    """
    if not context_.project_id:
        raise faults.Fault(403, 'The request must be scoped to a project.')
    context_.is_admin = services.policy.allows(
        'context_is_admin', context_, {})
    environ[CONTEXT] = context_
