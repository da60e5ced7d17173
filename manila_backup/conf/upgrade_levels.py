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
        help='The newest version of the messages to the workers that the '
             'API sends, such as 1.0; or auto, which is the oldest that a '
             'living worker is known to understand, looked up in the '
             'database as often as they report ([DEFAULT] report_interval). '
             'A version only has to be set where auto would not do, as for '
             'workers that are yet to be rolled back, and must be removed '
             'again. A message that a worker doesn\'t understand is an '
             'error in its log and a delay of at most [backup] '
             'scan_interval, never more.'),
]
