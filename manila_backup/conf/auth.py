# SPDX-License-Identifier: Apache-2.0
"""``[http_basic]``: users kept in files, for a service without Keystone."""

from oslo_config import cfg

GROUP = 'http_basic'

OPTS = [
    cfg.StrOpt(
        'user_file',
        default='/etc/manila-backup/htpasswd',
        help='Users and bcrypt password hashes, a "user:hash" each line, as '
             '"htpasswd -B" writes them. Read again when it has changed.'),
    cfg.StrOpt(
        'role_file',
        default='/etc/manila-backup/http_basic_roles.yaml',
        help='Project and roles of each user: a YAML mapping of user name to '
             '{project: ID, roles: [ROLE, ...]}. A user who is not in it is '
             'turned away with 401. Read again when it has changed.'),
    cfg.IntOpt(
        'cache_time',
        default=60, min=0,
        help='Seconds for which a password that was right is taken without '
             'hashing it again (bcrypt is slow on purpose), counted from its '
             'last use. A change of either file ends it at once. 0 turns the '
             'cache off. What is kept is a digest with a key that only the '
             'process knows.'),
    cfg.IntOpt(
        'failure_cache_time',
        default=10, min=0,
        help='Seconds for which a password that was wrong is refused without '
             'hashing it again. A change of either file ends it at once. 0 '
             'turns it off.'),
    cfg.IntOpt(
        'concurrent_hashes',
        default=1, min=1,
        help='Passwords that a process hashes at once: as many processors '
             'are busy with that at most. Besides, at most half of [api] '
             'threads wait for it; who comes then is answered 503 with '
             'Retry-After. Callers whose password is in the cache need no '
             'hashing and are not affected.'),
]
