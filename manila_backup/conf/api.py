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
             'works on at once. Keep [database] max_pool_size + max_overflow '
             'at least as high.'),
    cfg.IntOpt(
        'max_limit',
        default=1000, min=1,
        help='The most items that one answer of a list holds, whatever limit '
             'the caller asks for. A next link leads on to the rest.'),
    cfg.IntOpt(
        'max_request_body_size',
        default=114688, min=1,
        help='Size in bytes above which a request body is refused with 413.'),
    cfg.StrOpt(
        'public_url',
        help='The URL under which clients reach this service, for the links '
             'in its answers, such as https://cloud.example/share-backup. '
             'Unset: taken from each request, with the X-Forwarded headers '
             'of a proxy where [oslo_middleware] '
             'enable_proxy_headers_parsing is on.'),
]
