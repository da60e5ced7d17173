# SPDX-License-Identifier: Apache-2.0
"""``[api]``: the HTTP side."""

from oslo_config import cfg

GROUP = 'api'

OPTS = [
    cfg.HostAddressOpt(
        'bind_host',
        default='127.0.0.1',
        help='Address that manila-backup-api listens on. Anything but a '
             'loopback address needs an auth_strategy other than noauth. Not '
             'used under uWSGI, gunicorn or mod_wsgi.'),
    cfg.PortOpt(
        'bind_port',
        default=8789,
        help='Port that manila-backup-api listens on.'),
    cfg.IntOpt(
        'threads',
        default=8, min=1,
        help='Threads of manila-backup-api, that is how many requests it '
             'works on at once; there is one more, for / and /healthcheck, '
             'which answer while all others wait for a server that does '
             'not. Under gunicorn or mod_wsgi, too, so many requests are '
             'worked on at once in a process: give it more threads than '
             'these. Under uWSGI its own number less one counts. Keep '
             '[database] max_pool_size + max_overflow at least as high.'),
    cfg.IntOpt(
        'max_limit',
        default=1000, min=1,
        help='The most items that one answer of a list holds, whatever limit '
             'the caller asks for. A next link leads on to the rest.'),
    cfg.IntOpt(
        'max_request_body_size',
        default=114688, min=1,
        help='Size in bytes above which a request body is refused with 413.'),
    cfg.FloatOpt(
        'request_timeout',
        default=60.0, min=1.0,
        help='Seconds within which manila-backup-api must have received a '
             'request as a whole, from the first byte (of a new connection: '
             'from its beginning) to the last, and within which its answer '
             'must have been taken. A connection that takes longer is '
             'closed. How long the request takes to be worked on does not '
             'count. Not used under uWSGI, gunicorn or mod_wsgi.'),
    cfg.IntOpt(
        'max_connections',
        default=1000, min=10,
        help='The most connections that manila-backup-api keeps open; less '
             'where the process may not have as many files open (ulimit '
             '-n). For one more, another is closed that waits for its '
             'client: one without a request so far if there is one, and of '
             'these the one that has been waiting longest. Not used under '
             'uWSGI, gunicorn or mod_wsgi.'),
    cfg.IntOpt(
        'max_connections_per_address',
        default=500, min=0,
        help='The most of them from one address (of IPv6: from one /64). '
             'Behind a proxy all are from that. 0: no limit but '
             'max_connections.'),
    cfg.StrOpt(
        'public_url',
        help='The URL under which clients reach this service, for the links '
             'in its answers, such as https://cloud.example/share-backup. '
             'Unset: taken from each request, with the X-Forwarded headers '
             'of a proxy where [oslo_middleware] '
             'enable_proxy_headers_parsing is on.'),
]
