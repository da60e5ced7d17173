# SPDX-License-Identifier: Apache-2.0
"""``[shares]``: where shares come from."""

from oslo_config import cfg

GROUP = 'shares'

OPTS = [
    cfg.StrOpt(
        'source',
        default='local',
        help='Share source, by entry point name in the group '
             'manila_backup.shares. "local": this service keeps the shares '
             'itself, as directories. "manila": the shares of a Manila '
             'service, which [manila_shares] configures. Must be the same for '
             'the API and all workers.'),
]
