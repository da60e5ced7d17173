# SPDX-License-Identifier: Apache-2.0
"""Finding out who is calling: a module per ``auth_strategy``."""

from manila_backup.api.auth import base
from manila_backup.api.auth import http_basic
from manila_backup.api.auth import keystone
from manila_backup.api.auth import noauth

#: Where the caller's context stands in the WSGI environment.
CONTEXT = base.CONTEXT

_STRATEGIES = {
    'http_basic': http_basic.wrap,
    'keystone': keystone.wrap,
    'noauth': noauth.wrap,
}


def wrap(app, services):
    """Let only those through to ``app`` who are who they say.

    :param app: a WSGI application that finds the caller's context in its
        environment.
    :param services: the :class:`~manila_backup.api.app.Services`.
    :raises manila_backup.exception.ConfigurationError: the strategy can't
        be used as configured.
    """
    return _STRATEGIES[services.conf.auth_strategy](app, services)
