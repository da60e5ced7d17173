# SPDX-License-Identifier: Apache-2.0
"""``[upgrade_levels]``: what is said to processes of an older release."""

from oslo_config import cfg

GROUP = 'upgrade_levels'

OPTS = [
    cfg.StrOpt(
        'worker',
        default='auto',
        regex=r'^(auto|\d+\.\d+)$',
        mutable=True,
        help='RPC version cap: the newest version of messages that the API '
             'sends to the workers, such as 1.0; or auto, which is the oldest '
             'version that a live worker understands, read from the database '
             'every [DEFAULT] report_interval seconds. Set a version only if '
             'auto does not suffice, for instance if workers are yet to be '
             'rolled back, and remove it afterwards. A message that a worker '
             'doesn\'t understand causes an error in its log and a delay of '
             'at most [backup] scan_interval, nothing else.'),
]
