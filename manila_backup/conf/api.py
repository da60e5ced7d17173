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
        help='Number of requests that manila-backup-api processes at once, '
             'each in a thread. One more thread serves / and /healthcheck, so '
             'that these respond while all others wait for a server that does '
             'not. Under gunicorn and mod_wsgi, a process also processes at '
             'most this many requests at once: give it more threads than '
             'that. Under uWSGI, its own number of threads less one is the '
             'limit. Keep [database] max_pool_size + max_overflow at least as '
             'high.'),
    cfg.BoolOpt(
        'access_log',
        default=True,
        help='Whether manila-backup-api logs a line for each request, at '
             'level INFO (for /, /healthcheck and /metrics: DEBUG). Not used '
             'under uWSGI, gunicorn or mod_wsgi, which have logs of their '
             'own.'),
    cfg.IntOpt(
        'max_limit',
        default=1000, min=1,
        help='Maximum number of items on one page of a list, whatever limit '
             'the caller asks for. A next link leads to the following page.'),
    cfg.FloatOpt(
        'question_timeout',
        default=10.0, min=1.0,
        help='Seconds to wait for the answer of a worker to what only workers '
             'know, such as what is in a backup. After that the response is '
             '503. The index of a large backup may have to be made first: '
             'that continues in the worker, and a later request finds it.'),
    cfg.IntOpt(
        'max_download',
        default=1024, min=1,
        help='Maximum size in MiB of a file that can be downloaded from a '
             'backup. A larger one is refused with 403, and has to be '
             'restored. A download occupies one of the threads until its '
             'client has read it; at most a quarter of the threads serve '
             'downloads. Workers with the driver restic keep up to four such '
             'files, for some minutes, in state_path.'),
    cfg.IntOpt(
        'max_request_body_size',
        default=114688, min=1,
        help='Maximum size of a request body in bytes. A larger one is '
             'rejected with 413.'),
    cfg.FloatOpt(
        'request_timeout',
        default=60.0, min=1.0,
        help='Seconds within which manila-backup-api must have received a '
             'whole request, counted from its first byte (on a new '
             'connection: from its opening), and within which the client must '
             'have read the response, or at least 1 MiB more of it. A '
             'connection that takes longer is '
             'closed. The time to process the request does not count. Not '
             'used under uWSGI, gunicorn or mod_wsgi.'),
    cfg.IntOpt(
        'max_connections',
        default=1000, min=10,
        help='Maximum number of open connections of manila-backup-api; fewer '
             'if the limit of open files (ulimit -n) is lower. Beyond it, a '
             'new connection replaces one that waits for its client: one that '
             'has sent no request yet if there is one, and of these the one '
             'idle for longest. Not used under uWSGI, gunicorn or mod_wsgi.'),
    cfg.IntOpt(
        'max_connections_per_address',
        default=500, min=0,
        help='Maximum number of connections from one address (for IPv6: from '
             'one /64). Behind a proxy, all come from its address. 0: no '
             'limit but max_connections.'),
    cfg.StrOpt(
        'public_url',
        help='URL of this service for clients, used in the links of its '
             'responses, such as https://cloud.example/share-backup. Unset: '
             'taken from each request, with the X-Forwarded headers of a '
             'proxy if [oslo_middleware] enable_proxy_headers_parsing is '
             'set.'),
]
