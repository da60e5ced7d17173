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
        'point_in_time',
        default='auto',
        choices=[
            ('auto', 'from a snapshot where one can be made, and from the '
                     'share itself where not'),
            ('snapshot', 'from a snapshot; where none can be made, the '
                         'backup fails'),
            ('live', 'from the share itself'),
        ],
        help='What a backup is copied from. Snapshots need btrfs: one of the '
             'subvolume that the share is in is made at the start and '
             'removed at the end. Unless this is "live", new shares on btrfs '
             'are subvolumes of their own.'),
    cfg.StrOpt(
        'default_share_type',
        default='default',
        help='Name of the share type of shares that are created without '
             'one. "db sync" makes it where it is missing.'),
]
