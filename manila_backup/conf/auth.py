# SPDX-License-Identifier: Apache-2.0
"""``[http_basic]``: users kept in files, for a service without Keystone."""

from oslo_config import cfg

GROUP = 'http_basic'

OPTS = [
    cfg.StrOpt(
        'user_file',
        default='/etc/manila-backup/htpasswd',
        help='File with users and bcrypt password hashes, one "user:hash" per '
             'line, as "htpasswd -B" writes it. Reloaded when it changes.'),
    cfg.StrOpt(
        'role_file',
        default='/etc/manila-backup/http_basic_roles.yaml',
        help='File with the project and roles of each user: a YAML mapping of '
             'user name to {project: ID, roles: [ROLE, ...]}. A user without '
             'an entry is rejected with 401. Reloaded when it changes.'),
    cfg.IntOpt(
        'cache_time',
        default=60, min=0,
        help='Seconds for which a correct password is cached, counted from '
             'its last use, so that it is not hashed again (bcrypt is slow on '
             'purpose). A change of either file clears the cache. 0 disables '
             'it. The cache holds digests, with a key that only the process '
             'knows.'),
    cfg.IntOpt(
        'failure_cache_time',
        default=10, min=0,
        help='Seconds for which a wrong password is cached, and rejected '
             'without hashing it again. A change of either file clears the '
             'cache. 0 disables it.'),
    cfg.IntOpt(
        'concurrent_hashes',
        default=1, min=1,
        help='Number of passwords that a process hashes at once, each on a '
             'processor. At most half of [api] threads hash or wait for it; '
             'further requests are answered 503 with Retry-After. Callers '
             'whose password is cached are not affected.'),
]
