# SPDX-License-Identifier: Apache-2.0
"""``auth_strategy = noauth``: whoever can connect is believed.

``X-Auth-Token: USER:PROJECT`` names the caller. Without a token, or with one
that has no colon in it, it is the user ``admin`` of the project ``admin``.
The user ``admin`` is an administrator, users whose names begin with
``reader`` may only look, all others are members.

That is safe only as long as no one but the users of this machine can
connect. ``manila-backup-api`` refuses to listen on any other address; under
another WSGI server, which this service can't ask for its address, each
request that does not come from this machine itself is refused instead.

A web page that somebody on this machine looks at is not one of its users.
What a browser sends for it is refused by its ``Origin``, and by its ``Host``
where the page's own name was made to lead here (DNS rebinding).
"""

import ipaddress
import re

from manila_backup.api.auth import base
from manila_backup.api import faults
from manila_backup import exception
from manila_backup import logtext

ADMIN = 'admin'

#: Headers, or beginnings of their names, by which a proxy says that it has
#: passed a request on: it does not come from who is on the other end of the
#: connection.
_PASSED_ON = tuple(
    'HTTP_' + name for name in (
        'VIA', 'FORWARDED', 'X_FORWARDED', 'X_REAL_IP', 'X_ORIGINAL_',
        'X_CLIENT_IP', 'X_CLUSTER_CLIENT_IP', 'X_PROXYUSER_IP', 'CLIENT_IP',
        'TRUE_CLIENT_IP', 'CF_CONNECTING_IP', 'FASTLY_CLIENT_IP',
        'PROXY_CONNECTION'))

#: Names that lead to this host itself and nowhere else, beside addresses.
_LOCAL_NAMES = frozenset(('localhost', 'localhost.localdomain', 'localhost4',
                          'localhost6', 'ip6-localhost', 'ip6-loopback'))

_HOST = re.compile(r'(\[[0-9A-Fa-f:.]+\]|[^][:/@\s]+)(?::[0-9]*)?')


def wrap(app, services):
    """See :func:`manila_backup.api.auth.wrap`."""
    def noauth(environ, start_response):
        if not comes_from_here(environ,
                               services.conf.cors.allowed_origin or ()):
            raise faults.Fault(
                403, 'With auth_strategy = noauth, only requests are accepted '
                     'that come directly from a program on the same machine, '
                     'and are sent to a name or address that only leads to '
                     'that, such as localhost.')
        user_id, project_id = identify(environ.get('HTTP_X_AUTH_TOKEN', ''))
        context = base.make_context(
            environ, user_id=user_id, user_name=user_id,
            project_id=project_id, project_name=project_id,
            roles=roles_of(user_id))
        base.admit(environ, context, services)
        return app(environ, start_response)
    return noauth


def guard(app):
    """Keep web pages from reading what is answered without asking who wants
    it (versions, health, metrics), where they had a name of theirs lead here.

    A load balancer asks by an address, which no page can make its own, so any
    will do. Nor does it matter what a proxy says that it was asked for: a
    page can say that, too.

    :param app: a WSGI application; nothing before it has changed ``Host``.
    """
    def guarded(environ, start_response):
        host = environ.get('HTTP_HOST')
        if not (is_local_host(host) or is_address(host)):
            raise faults.Fault(
                403, 'With auth_strategy = noauth, only requests are accepted '
                     'that are sent to an address, or to a name that only '
                     'leads to this machine, such as localhost.')
        return app(environ, start_response)
    return guarded


def identify(token):
    """Return the user and the project of a token.

    :param token: str, as the WSGI environment has it.
    :returns: (user id, project id).
    :raises manila_backup.api.faults.Fault: 401 if either is empty, too long
        or not UTF-8, or has control characters in it.
    """
    if ':' not in token:
        return ADMIN, ADMIN
    try:
        user, _colon, project = (
            token.encode('latin-1').decode('utf-8').partition(':'))
    except UnicodeError:
        user = project = ''
    if not (0 < len(user) <= 255 and 0 < len(project) <= 255
            and logtext.is_plain(user + project)):
        raise faults.Fault(401, 'The token must be USER:PROJECT.')
    return user, project


def roles_of(user):
    """The roles of a user, by his name."""
    if user == ADMIN:
        return base.imply(['admin'])
    if user.startswith('reader'):
        return ['reader']
    return base.imply(['member'])


def comes_from_here(environ, origins=()):
    """Tell whether a request was sent by a program on this machine.

    An address that is missing or empty is that of a UNIX socket.

    :param origins: web pages' origins that count as such a program.
    """
    if any(name.startswith(_PASSED_ON) for name in environ):
        return False
    origin = environ.get('HTTP_ORIGIN')
    # A wildcard is meant for those who authenticate, not for everybody.
    if origin is not None and (origin == '*' or origin not in origins):
        return False
    if not is_local_host(environ.get('HTTP_HOST')):
        return False
    address = environ.get('REMOTE_ADDR')
    return not address or is_loopback(address)


def is_local_host(host):
    """Tell whether a ``Host`` header can only mean this machine.

    :param host: str, or None: what is not a browser may send none.
    """
    if host is None:
        return True
    match = _HOST.fullmatch(host)
    if not match:
        return False
    name = match[1].lower().removesuffix('.')
    return name in _LOCAL_NAMES or is_loopback(name)


def is_address(host):
    """Tell whether a ``Host`` header is an address, not a name."""
    match = _HOST.fullmatch(host)
    try:
        return bool(match and ipaddress.ip_address(match[1].strip('[]')))
    except ValueError:
        return False


def is_loopback(host):
    """Tell whether an address or host name is reachable from this machine
    only.
    """
    if host == 'localhost':
        return True
    try:
        address = ipaddress.ip_address(host.strip('[]').partition('%')[0])
    except ValueError:
        return False
    mapped = getattr(address, 'ipv4_mapped', None)
    return (mapped or address).is_loopback


def check_address(conf, host):
    """Refuse to serve without authentication where others can connect.

    :param host: str, the address to listen on.
    :raises manila_backup.exception.ConfigurationError: it is not loopback.
    """
    if conf.auth_strategy == 'noauth' and not is_loopback(host):
        raise exception.ConfigurationError(
            f'auth_strategy = noauth trusts any client that can connect, so '
            f'it can\'t be used with [api] bind_host = {host}, which is not a '
            f'loopback address.')
