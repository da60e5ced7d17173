# SPDX-License-Identifier: Apache-2.0
"""``[http_basic]``: users kept in files, for a service without Keystone."""

from oslo_config import cfg

GROUP = 'http_basic'

OPTS = [
    cfg.StrOpt(
        'user_file',
        default='/etc/manila-backup/htpasswd',
        help='Users and bcrypt password hashes, a "user:hash" each line, as '
             '"htpasswd -B" writes them. Read at every request that is not '
             'answered from the cache.'),
    cfg.StrOpt(
        'role_file',
        default='/etc/manila-backup/http_basic_roles.yaml',
        help='Project and roles of each user: a YAML mapping of user name to '
             '{project: ID, roles: [ROLE, ...]}. A user who is not in it is '
             'turned away with 401. Read again when it has changed.'),
    cfg.IntOpt(
        'cache_time',
        default=60, min=0,
        help='Seconds for which a password that was right once is taken '
             'without hashing it again (bcrypt is slow on purpose). A change '
             'of either file ends it at once. 0 turns the cache off.'),
]
