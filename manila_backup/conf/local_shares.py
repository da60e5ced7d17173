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
    cfg.BoolOpt(
        'exported',
        default=False,
        help='Whether users of this host other than the service\'s own have '
             'to get at the shares in [local_shares] path, as a file server '
             'that runs as one of them does. If not, what the service makes '
             'is for its own user only: that directory and each share in it '
             'have mode 0700. If so, new ones have 0711 and 0755, and what '
             'is in the shares decides about the rest: mount that file '
             'system with nosuid and nodev then, since a program that a '
             'tenant makes setuid root could be run on this host otherwise. '
             'The kernel\'s NFS server does not need it.'),
    cfg.ListOpt(
        'adopt_below',
        default=['/'],
        help='Directories, separated by commas, below which existing '
             'directories may be adopted as shares ("manage"). The default '
             'leaves it to the policy, since any directory of the workers\' '
             'hosts is below /: better name just the place where such '
             'shares are, such as /srv/shares. Empty: nothing can be '
             'adopted. Shares that are adopted already go on as they are. '
             'Must be the same for the API and all workers.'),
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
