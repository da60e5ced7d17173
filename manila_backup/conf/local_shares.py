# SPDX-License-Identifier: Apache-2.0
"""``[local_shares]``: shares that this service keeps itself."""

from oslo_config import cfg

GROUP = 'local_shares'

OPTS = [
    cfg.StrOpt(
        'path',
        default='$state_path/shares',
        help='Directory of the shares, each a subdirectory named by the '
             'share\'s id. All workers must see the same directory.'),
    cfg.BoolOpt(
        'exported',
        default=False,
        help='Whether other users of this host than the service\'s own need '
             'access to the shares in [local_shares] path, for instance a '
             'file server that runs as one of them. If not, that directory '
             'and each new share in it have mode 0700. If so, they have mode '
             '0711 and 0755, and the permissions in the shares decide about '
             'the rest: then mount that file system with nosuid and nodev, '
             'since users of this host could run programs that a tenant makes '
             'setuid root otherwise. The kernel\'s NFS server does not need '
             'it.'),
    cfg.ListOpt(
        'adopt_below',
        default=['/'],
        help='Directories below which existing directories may be adopted as '
             'shares ("manage"), separated by commas. The default leaves it '
             'to the policy, since any directory of the workers\' hosts is '
             'below /: better name only the directories that hold such '
             'shares, such as /srv/shares. Empty: nothing can be adopted. '
             'Shares already adopted are not affected. Must be the same for '
             'the API and all workers.'),
    cfg.StrOpt(
        'point_in_time',
        default='auto',
        choices=[
            ('auto', 'from a snapshot if one can be made, otherwise from the '
                     'share itself'),
            ('snapshot', 'from a snapshot; if none can be made, the backup '
                         'fails'),
            ('live', 'from the share itself'),
        ],
        help='What a backup is copied from. Snapshots need btrfs: the '
             'subvolume of the share is snapshotted at the start, and the '
             'snapshot is removed at the end. Unless this is "live", new '
             'shares on btrfs are subvolumes of their own.'),
    cfg.StrOpt(
        'default_share_type',
        default='default',
        help='Name of the share type of shares that are created without one. '
             '"db sync" creates it if it is missing.'),
]
