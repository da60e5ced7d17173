# SPDX-License-Identifier: Apache-2.0
"""``[noauth]``: what is let through without authentication."""

from oslo_config import cfg

GROUP = 'noauth'

OPTS = [
    cfg.BoolOpt(
        'allow_manage',
        default=False,
        help='Whether POST /v2/shares/manage is answered with auth_strategy '
             '= noauth. Whoever can connect, that is every user of this '
             'host, can then have the workers read, change and remove any '
             'directory that they can reach: where these run as root, every '
             'user of the host is root. For tests and demonstrations on a '
             'host without other users; [local_shares] adopt_below says '
             'which directories it is about.'),
]
