# SPDX-License-Identifier: Apache-2.0
"""``[local_shares]``: shares that this service keeps itself."""

from oslo_config import cfg

GROUP = 'local_shares'

OPTS = [
    cfg.StrOpt(
        'path',
        default='$state_path/shares',
        help='Directory that holds the shares, each a directory named by '
             'the share\'s id. All workers must see the same directory.'),
    cfg.StrOpt(
        'default_share_type',
        default='default',
        help='Name of the share type of shares that are created without '
             'one. "db sync" makes it where it is missing.'),
]
