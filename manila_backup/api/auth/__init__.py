# SPDX-License-Identifier: Apache-2.0
"""Finding out who is calling: a module per ``auth_strategy``."""

import importlib

from manila_backup.api.auth import base

#: Where the caller's context stands in the WSGI environment.
CONTEXT = base.CONTEXT


def wrap(app, services):
    """Let only those through to ``app`` who are who they say.

    :param app: a WSGI application that finds the caller's context in its
        environment.
    :param services: the :class:`~manila_backup.api.app.Services`.
    :raises manila_backup.exception.ConfigurationError: the strategy can't
        be used as configured.
    """
    return _strategy(services.conf).wrap(app, services)


def guard(app, conf):
    """Refuse what must not even be answered by what needs no authentication.

    :param app: the WSGI application for all paths.
    """
    function = getattr(_strategy(conf), 'guard', None)
    return function(app) if function else app


def _strategy(conf):
    # What the other strategies are made of is a fifth of a process's memory.
    return importlib.import_module(f'{__name__}.{conf.auth_strategy}')
