# SPDX-License-Identifier: Apache-2.0
"""``[manila_shares]``: the shares of a Manila beside this service."""

from oslo_config import cfg

GROUP = 'manila_shares'

OPTS = [
    cfg.StrOpt(
        'access_type',
        default='auto',
        choices=[
            ('auto', '"cephx" for shares with the protocol CEPHFS, "ip" for '
                     'all others'),
            ('ip', 'by the address of the worker'),
            ('cephx', 'by a CephX user'),
        ],
        help='Type of access that a worker is granted to a share to read or '
             'write it.'),
    cfg.StrOpt(
        'access_to',
        help='Address of this host as the servers of the shares see it, for '
             'access of the type "ip": each worker\'s own. Required unless '
             'access_type is "cephx", also on the hosts of the API, which do '
             'not use it.'),
    cfg.StrOpt(
        'cephx_user',
        default='manila-backup',
        help='CephX user for access of the type "cephx". Manila creates it '
             'and hands out its key; do not use it for anything else.'),
    cfg.StrOpt(
        'mount_template',
        default='mount -t {type} -o {options} {export} {path}',
        help='Command that mounts a share. It is split into words as a shell '
             'would, but no shell runs it; {type} ("nfs" or "ceph"), '
             '{options}, {export}, {path}, {protocol}, {share_id}, '
             '{access_to} and {secret_file} (a file with the key of the CephX '
             'user, else with mount_secret; "none" without) are substituted '
             'afterwards. It runs as the worker\'s user, in a mount namespace '
             'of its own, once for each operation. The mount is always '
             'nosuid, nodev and noexec, and read-only for a backup. All users '
             'of the host can read its command line while it runs: secrets '
             'belong in mount_secret, and are refused here and in the mount '
             'options.'),
    cfg.StrOpt(
        'mount_secret', secret=True,
        help='Content of {secret_file}, for shares for which Manila hands out '
             'no key: a password or key in the form that the command of '
             'mount_template expects, further lines indented. The file exists '
             'only while that command runs, and only that command can read '
             'it. Example, for cifs: nfs_mount_options with '
             '"credentials={secret_file}".'),
    cfg.StrOpt(
        'unmount_template',
        default='umount {path}',
        help='Command that unmounts a share, in the same form. If it fails, '
             'the mount is detached.'),
    cfg.StrOpt(
        'mount_point_base',
        default='$state_path/mounts',
        help='Directory of the mount points, one for each attempt at an '
             'operation. Only the worker sees the mounts there.'),
    cfg.StrOpt(
        'nfs_mount_options',
        default='softerr',
        help='Mount options for shares of all protocols but CEPHFS, separated '
             'by commas; "nosuid,nodev,noexec", and "ro" for a backup, '
             'precede them. With "softerr", operations fail and are retried '
             'while a server does not respond; with "hard", they hang until '
             'it does. {secret_file} is substituted.'),
    cfg.StrOpt(
        'cephfs_mount_options',
        default='',
        help='Mount options for CEPHFS shares, separated by commas. '
             '"name={access_to},secretfile={secret_file}" precede them as '
             'well. {secret_file} is substituted.'),
    cfg.FloatOpt(
        'mount_timeout',
        default=60.0, min=1.0,
        help='Timeout in seconds of the command that mounts, and of the '
             'command that unmounts.'),
    cfg.BoolOpt(
        'admin_export_locations',
        default=False,
        help='Prefer the export locations that are for administrators only, '
             'if a share has any: for workers on the network of these. '
             'Otherwise they are used only if there are no others.'),
    cfg.StrOpt(
        'point_in_time',
        default='auto',
        choices=[
            ('auto', 'from a snapshot if the share type allows making and '
                     'mounting one, otherwise from the share itself'),
            ('snapshot', 'from a snapshot; if none can be made, the backup '
                         'fails'),
            ('live', 'from the share itself'),
        ],
        help='What a backup is copied from. A snapshot is made at the start '
             'and removed at the end; it belongs to the project of the '
             'service\'s user, and counts against that project\'s quotas.'),
    cfg.FloatOpt(
        'wait_timeout',
        default=300.0, min=1.0,
        help='Timeout in seconds for an access rule, a snapshot, or a share '
             'made from a snapshot to become usable, or to be deleted. After '
             'it, the attempt fails, and is retried according to [backup] '
             'max_attempts and retry_delay; what is not deleted is left to '
             'the next sweep.'),
    cfg.FloatOpt(
        'wait_interval',
        default=1.0, min=0.1,
        help='Maximum interval in seconds between two polls of a resource '
             'that is waited for.'),
    cfg.IntOpt(
        'request_attempts',
        default=5, min=1,
        help='Maximum number of times that a request to Manila or Keystone is '
             'sent while they can\'t be reached, are overloaded (429, 502, '
             '503, 504) or send Retry-After (also 413), before the attempt at '
             'the operation fails. Requests that look a share up while a '
             'caller of the API waits, and those that clean up after an '
             'operation, are sent at most twice, with a timeout of ten '
             'seconds each.'),
]


def keystone_opts():
    """keystoneauth's options of this group, as lists."""
    # Only where they are wanted: they take time to load.
    from keystoneauth1 import loading

    return [loading.get_auth_common_conf_options(),
            loading.get_session_conf_options(),
            loading.get_adapter_conf_options()]


def all_opts():
    """All options of this group: its own, and those of keystoneauth, as with
    the authentication by password."""
    from keystoneauth1 import loading

    return [*OPTS, *sum(keystone_opts(), []),
            *loading.get_auth_plugin_conf_options('password')]


def register_keystone(conf):
    """Register keystoneauth's options, those of the chosen authentication
    among them.

    :returns: (str or None, the authentication's name; str, the group that
        its options are in).
    """
    from keystoneauth1 import loading

    for opts in keystone_opts():
        conf.register_opts(opts, GROUP)
    group = conf[GROUP].auth_section or GROUP
    conf.register_opts(loading.get_auth_common_conf_options(), group)
    name = conf[group].auth_type
    if name:
        conf.register_opts(loading.get_auth_plugin_conf_options(name), group)
    return name, group
