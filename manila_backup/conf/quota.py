# SPDX-License-Identifier: Apache-2.0
"""``[quota]``: what a project may use unless the quotas that were set over
the API say otherwise."""

from oslo_config import cfg

GROUP = 'quota'

OPTS = [
    cfg.IntOpt(
        'backups',
        default=50, min=-1,
        help='Number of backups per project, whatever their status. -1: '
             'unlimited.'),
    cfg.IntOpt(
        'backup_gigabytes',
        default=1000, min=-1,
        help='Total size in GiB of a project\'s backups, each counted with '
             'the size of its share. -1: unlimited.'),
    cfg.IntOpt(
        'backup_stored_gigabytes',
        default=-1, min=-1,
        help='GiB that a project\'s backups may have added to the '
             'repositories. Once that much is stored, no further backup is '
             'created. What a backup adds is known only after it is made, so '
             'the last one may exceed the quota. Backups whose stored size is '
             'not known, such as those of releases before this option, do not '
             'count. -1: unlimited.'),
    cfg.IntOpt(
        'backup_policies',
        default=50, min=-1,
        help='Number of backup policies per project. -1: unlimited.'),
    cfg.IntOpt(
        'shares',
        default=50, min=-1,
        help='Number of shares of the local share source per project. -1: '
             'unlimited.'),
    cfg.IntOpt(
        'gigabytes',
        default=1000, min=-1,
        help='Total size in GiB of a project\'s local shares. -1: unlimited.'),
    cfg.IntOpt(
        'snapshots',
        default=50, min=-1,
        help='Number of snapshots of local shares per project. -1: '
             'unlimited.'),
    cfg.IntOpt(
        'snapshot_gigabytes',
        default=1000, min=-1,
        help='Total size in GiB of a project\'s snapshots, each counted with '
             'the size of its share. -1: unlimited.'),
    cfg.IntOpt(
        'per_share_gigabytes',
        default=-1, min=-1,
        help='Maximum size in GiB of a local share. -1: unlimited.'),
]

#: What Manila has quotas for, and this service no such things of: limits
#: are kept and shown, and hold by themselves.
ABSENT = ('share_networks', 'share_groups', 'share_group_snapshots',
          'share_replicas', 'replica_gigabytes', 'encryption_keys')

#: What has to do with backups, and so has quotas beside Manila too.
BACKUPS = ('backups', 'backup_gigabytes', 'backup_stored_gigabytes',
           'backup_policies')

#: Those of them that came with backup policies.
POLICIES = ('backup_policies',)

#: Those that Manila does not know.
BEYOND = ('backup_stored_gigabytes', *POLICIES)

#: The names of all resources that a quota can be set for.
RESOURCES = (*(opt.dest for opt in OPTS), *ABSENT)


def defaults(conf):
    """The limits of projects as long as nothing was set over the API.

    :returns: dict of resource to limit, -1 for none.
    """
    return {**dict.fromkeys(ABSENT, -1),
            **{opt.dest: conf.quota[opt.dest] for opt in OPTS}}
