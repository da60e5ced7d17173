# SPDX-License-Identifier: Apache-2.0
"""``[noauth]``: what is let through without authentication."""

from oslo_config import cfg

GROUP = 'noauth'

OPTS = [
    cfg.BoolOpt(
        'allow_manage',
        default=False,
        help='Allow POST /v2/shares/manage with auth_strategy = noauth. Any '
             'user of this host can then have the workers read, change and '
             'remove any directory that they can access: if they run as root, '
             'any user of the host can become root. For tests and '
             'demonstrations on a host without other users; [local_shares] '
             'adopt_below limits the directories.'),
]
