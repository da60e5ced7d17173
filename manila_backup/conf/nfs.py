# SPDX-License-Identifier: Apache-2.0
"""``[nfs]``: backups as plain trees on an export that the worker mounts."""

from oslo_config import cfg

GROUP = 'nfs'

OPTS = [
    cfg.StrOpt(
        'export',
        help='Export that holds the repository, as the mount command takes '
             'it: HOST:/PATH. Required if [backup] enabled_drivers has "nfs"; '
             'must be the same for all workers. How files are copied is '
             'configured in [posix].'),
    cfg.StrOpt(
        'mount_options',
        default='softerr',
        help='Mount options, separated by commas. With "softerr", operations '
             'fail and are retried while the server does not respond; with '
             '"hard", they hang until it does. {secret_file} is '
             'substituted.'),
    cfg.StrOpt(
        'mount_secret', secret=True,
        help='Content of {secret_file}: a password or key in the form that '
             'the command of mount_template expects, further lines indented. '
             'The file exists only while that command runs, and only that '
             'command can read it. Examples: mount_options with '
             '"credentials={secret_file}" for cifs, or '
             '"secretfile={secret_file}" for ceph.'),
    cfg.StrOpt(
        'mount_template',
        default='mount -t nfs -o {options} {export} {path}',
        help='Command that mounts the export. It is split into words as a '
             'shell would, but no shell runs it; {export}, {options}, '
             '{path} and {secret_file} are substituted afterwards. It runs '
             'as the worker\'s user, in a mount namespace that is private to '
             'the worker. All users of the host can read its command line '
             'while it runs: secrets belong in mount_secret, and are '
             'refused here and in mount_options.'),
    cfg.StrOpt(
        'unmount_template',
        default='umount {path}',
        help='Command that unmounts, in the same form, when the worker ends '
             'or the mount has become stale. If it fails, the mount is '
             'detached.'),
    cfg.StrOpt(
        'mount_point_base',
        default='$state_path/mounts',
        help='Directory of the mount point. Only the worker sees the mount '
             'there.'),
    cfg.IntOpt(
        'mount_attempts',
        default=3, min=1,
        help='Number of tries to mount before the operation that needs the '
             'mount fails (and is retried according to [backup] max_attempts '
             'and retry_delay).'),
    cfg.FloatOpt(
        'mount_timeout',
        default=20.0, min=1.0,
        help='Timeout in seconds for checking whether the mount is stale, and '
             'for all tries to mount, together. Keep it below [backup] '
             'lease_ttl.'),
]
