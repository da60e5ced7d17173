# SPDX-License-Identifier: Apache-2.0
"""``[shares]``: where shares come from."""

from oslo_config import cfg

GROUP = 'shares'

OPTS = [
    cfg.StrOpt(
        'source',
        default='local',
        help='The share source, by its entry point name in the group '
             'manila_backup.shares. "local": this service keeps the shares '
             'itself, as directories. "manila": they are those of a Manila '
             'beside it, which [manila_shares] is about. Must be the same '
             'for the API and all workers.'),
]
