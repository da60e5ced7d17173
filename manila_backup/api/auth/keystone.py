# SPDX-License-Identifier: Apache-2.0
"""``auth_strategy = keystone``: tokens, checked by keystonemiddleware."""

import logging

from keystoneauth1 import exceptions as keystone_exc
from keystonemiddleware import auth_token

from manila_backup.api.auth import base
from manila_backup.api import faults
from manila_backup import context
from manila_backup import exception

LOG = logging.getLogger(__name__)


#: Seconds that Keystone has for one answer, and how often it is asked again,
#: unless ``[keystone_authtoken]`` says otherwise. keystonemiddleware itself
#: would wait for ever.
TIMEOUT, RETRIES = 10, 1


def wrap(app, services):
    """See :func:`manila_backup.api.auth.wrap`."""
    def identified(environ, start_response):
        # auth_token has removed whatever the client itself sent under the
        # names of these headers.
        base.admit(environ, context.RequestContext.from_environ(environ),
                   services)
        return app(environ, start_response)

    _limit(services.conf)
    protocol = auth_token.AuthProtocol(
        identified, {'oslo_config_config': services.conf,
                     'delay_auth_decision': False})
    if not services.conf.keystone_authtoken.auth_type:
        raise exception.ConfigurationError(
            'auth_strategy = keystone needs credentials of this service '
            'itself: [keystone_authtoken] auth_type is not set.')

    def identify(environ, start_response):
        # What is logged from here on is not about this thread's last caller.
        base.make_context(environ)
        try:
            return protocol(environ, start_response)
        except keystone_exc.ClientException as exc:
            # What auth_token itself makes no answer of: a catalog without
            # Keystone's endpoint, or an answer that makes no sense.
            LOG.error('Keystone can\'t be used: %s', exc)
            raise faults.Fault(
                503, 'Tokens can\'t be validated right now.',
                {'Retry-After': str(faults.RETRY_AFTER)}) from exc

    return identify


def _limit(conf):
    for group, opts in auth_token.list_opts():
        conf.register_opts(opts, group)
    for name, value in (('http_connect_timeout', TIMEOUT),
                        ('http_request_max_retries', RETRIES)):
        conf.set_default(name, value, 'keystone_authtoken')
