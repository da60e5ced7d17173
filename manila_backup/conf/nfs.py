# SPDX-License-Identifier: Apache-2.0
"""``[nfs]``: backups as plain trees on an export that the worker mounts."""

from oslo_config import cfg

GROUP = 'nfs'

OPTS = [
    cfg.StrOpt(
        'export',
        help='What holds the repository, as the mount command wants it: '
             'HOST:/PATH. Must be set where [backup] enabled_drivers has '
             '"nfs", and be the same for all workers. How it is copied is '
             'set in [posix].'),
    cfg.StrOpt(
        'mount_options',
        default='softerr',
        help='Mount options, separated by commas. With "softerr" a server '
             'that is away for a while makes operations fail and be tried '
             'again; with "hard" they hang until it is back.'),
    cfg.StrOpt(
        'mount_template',
        default='mount -t nfs -o {options} {export} {path}',
        help='The command that mounts. It is split into words as a shell '
             'would, but no shell runs it; {export}, {options} and {path} '
             'are filled in afterwards. It runs as the worker\'s user, in a '
             'mount namespace that is private to the worker. Everybody on '
             'the host can read its command line while it runs: what is '
             'secret belongs into a file of mode 0600 that it names, as with '
             '"credentials=" of cifs or "secretfile=" of ceph.'),
    cfg.StrOpt(
        'unmount_template',
        default='umount {path}',
        help='The command that unmounts, in the same form, when the worker '
             'ends or the mount has become stale. If it fails, the mount is '
             'detached.'),
    cfg.StrOpt(
        'mount_point_base',
        default='$state_path/mounts',
        help='Directory that the mount point is made in. Only the worker '
             'sees anything mounted there.'),
    cfg.IntOpt(
        'mount_attempts',
        default=3, min=1,
        help='How often mounting is tried before the operation that needs '
             'it has failed (and is tried again later, as [backup] '
             'max_attempts and retry_delay say).'),
    cfg.FloatOpt(
        'mount_timeout',
        default=20.0, min=1.0,
        help='Seconds that finding out whether the mount is stale, and '
             'mounting with all its attempts, may take together. Keep it '
             'below [backup] lease_ttl.'),
]
