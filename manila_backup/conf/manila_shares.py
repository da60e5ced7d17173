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
            ('cephx', 'by a user of Ceph'),
        ],
        help='How a worker is given access to a share that it is to read or '
             'write.'),
    cfg.StrOpt(
        'access_to',
        help='The address that this host reaches the servers of shares from, '
             'for access of the type "ip": each worker\'s own. It must be '
             'set unless access_type is "cephx", on the hosts of the API as '
             'well, which do not use it.'),
    cfg.StrOpt(
        'cephx_user',
        default='manila-backup',
        help='The user of Ceph for access of the type "cephx". Manila makes '
             'it and hands out its key; it must not be the user of anything '
             'else.'),
    cfg.StrOpt(
        'mount_template',
        default='mount -t {type} -o {options} {export} {path}',
        help='The command that mounts a share. It is split into words as a '
             'shell would, but no shell runs it; {type} ("nfs" or "ceph"), '
             '{options}, {export}, {path}, {protocol}, {share_id}, '
             '{access_to} and {secret_file} (a file with the key of the '
             'user of Ceph, or "none") are filled in afterwards. It runs as '
             'the worker\'s user, in a mount namespace of its own, once for '
             'each operation. Whatever it does, the mount is nosuid, nodev '
             'and noexec, and read-only for a backup. Everybody on the host '
             'can read its command line while it runs: what is secret '
             'belongs into a file of mode 0600 that it names.'),
    cfg.StrOpt(
        'unmount_template',
        default='umount {path}',
        help='The command that unmounts, in the same form. If it fails, the '
             'mount is detached.'),
    cfg.StrOpt(
        'mount_point_base',
        default='$state_path/mounts',
        help='Directory that mount points are made in, one for each '
             'attempt at an operation. Nobody but the worker sees anything '
             'mounted there.'),
    cfg.StrOpt(
        'nfs_mount_options',
        default='softerr',
        help='Mount options for shares that are not CEPHFS, separated by '
             'commas; "nosuid,nodev,noexec", and "ro" for a backup, come '
             'before them. With "softerr" a server that is away for a while '
             'makes operations fail and be tried again; with "hard" they '
             'hang until it is back.'),
    cfg.StrOpt(
        'cephfs_mount_options',
        default='',
        help='The same for CEPHFS. "name={access_to},secretfile='
             '{secret_file}" come before them as well.'),
    cfg.FloatOpt(
        'mount_timeout',
        default=60.0, min=1.0,
        help='Seconds that mounting may take, and as many again that '
             'unmounting may.'),
    cfg.BoolOpt(
        'admin_export_locations',
        default=False,
        help='Whether to prefer the export locations that are for '
             'administrators only, where a share has any: because the '
             'workers are on the network that those are on. Otherwise they '
             'are only used where there are no others.'),
    cfg.StrOpt(
        'point_in_time',
        default='auto',
        choices=[
            ('auto', 'from a snapshot where the share type allows that it be '
                     'made and mounted, and from the share itself where '
                     'not'),
            ('snapshot', 'from a snapshot; where none can be made, the '
                         'backup fails'),
            ('live', 'from the share itself'),
        ],
        help='What a backup is copied from. A snapshot is made at the start '
             'and removed at the end; it belongs to the project of the '
             'service\'s user, and counts against that project\'s quotas.'),
    cfg.FloatOpt(
        'wait_timeout',
        default=300.0, min=1.0,
        help='Seconds that an access rule, a snapshot, or a share made from '
             'a snapshot may take to become usable, or to go away. After '
             'that the attempt has failed, and is tried again as [backup] '
             'max_attempts and retry_delay say; what does not go away is '
             'left to the next sweep.'),
    cfg.FloatOpt(
        'wait_interval',
        default=1.0, min=0.1,
        help='The longest pause, in seconds, between two looks at what is '
             'waited for.'),
    cfg.IntOpt(
        'request_attempts',
        default=5, min=1,
        help='How often one request to Manila or Keystone is sent while '
             'they can\'t be reached, are overloaded (429, 502, 503, 504) or '
             'say when to come back (also 413), before the attempt at the '
             'operation has failed. Requests that look a share up while a '
             'caller of the API waits, and those that clear up after the '
             'end of an operation, are sent twice at most, for ten seconds '
             'each.'),
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
