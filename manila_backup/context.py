# SPDX-License-Identifier: Apache-2.0
"""Contexts of requests and operations: caller, project and request id."""

from oslo_context import context

from manila_backup import logtext

_KEPT = ('user_id', 'user_name', 'user_domain_id', 'project_id',
         'project_name', 'project_domain_id', 'roles', 'is_admin',
         'request_id', 'global_request_id')


class RequestContext(context.RequestContext):
    """The caller of one request, or on whose behalf a worker acts.

    ``is_admin`` is what the policy rule ``context_is_admin`` said when the
    request came in, for rules to compare.

    The token is left out of everything that is stored or sent on.

    :ivar all_projects: bool, whether things of other projects are found for
        it too: what the policy rule said that is asked for the kind of thing
        (``share_backup:get_all_project``, for instance). What it may do with
        them is for each operation's own rule to say.
    """

    all_projects = False

    @property
    def scope(self):
        """The project in which things are found for it, as str; None for
        all."""
        return None if self.all_projects else self.project_id

    def to_policy_values(self):
        """Build the mapping of values that policy rules can compare."""
        values = super().to_policy_values()
        values['is_admin'] = self.is_admin
        return values

    def get_logging_values(self):
        """Build the mapping of values for a log line. Names come from other
        services: Keystone's may have newlines in them."""
        return {name: (logtext.one_line(value) if isinstance(value, str)
                       else value)
                for name, value in super().get_logging_values().items()}

    def to_dict(self):
        """The context as a dict that JSON can hold, without the token."""
        values = super().to_dict()
        values['auth_token'] = None
        values.update((name, getattr(self, name)) for name in _KEPT)
        return values

    @classmethod
    def from_dict(cls, values, **kwargs):
        """The inverse of :meth:`to_dict`; names it does not know are left
        out, so that processes of different versions understand each other.
        """
        kept = {name: values[name] for name in _KEPT if name in values}
        kept.update(kwargs)
        return cls(**kept)

    @classmethod
    def from_environ(cls, environ, **kwargs):
        """From a WSGI environment whose identity headers were written by
        middleware that checked them (keystonemiddleware does, and removes
        what a client sent under these names)."""
        kwargs.setdefault('global_request_id',
                          environ.get('openstack.global_request_id'))
        return super().from_environ(environ, **kwargs)


class OperationContext(RequestContext):
    """On whose behalf a worker does something: what it logs meanwhile
    carries the ids of the request that asked for it and of the operation.

    :param operation: the operation's row.
    """

    def __init__(self, operation):
        super().__init__(
            request_id=operation.request_id, user_id=operation.user_id,
            project_id=operation.project_id, resource_uuid=operation.id)

    def to_dict(self):
        return dict(super().to_dict(), operation_id=self.resource_uuid)


def admin(**kwargs):
    """A context for what the service does on its own account."""
    kwargs.setdefault('roles', ['admin', 'member', 'reader'])
    found = RequestContext(is_admin=True, overwrite=False, **kwargs)
    found.all_projects = True
    return found
