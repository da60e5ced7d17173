# SPDX-License-Identifier: Apache-2.0
"""``[quota]``: what a project may use unless the quotas that were set over
the API say otherwise."""

from oslo_config import cfg

GROUP = 'quota'

OPTS = [
    cfg.IntOpt(
        'backups',
        default=50, min=-1,
        help='Backups a project may have, in whatever state. -1: as many as '
             'it likes.'),
    cfg.IntOpt(
        'backup_gigabytes',
        default=1000, min=-1,
        help='Sum in GiB of the sizes of a project\'s backups, each counted '
             'with the size of its share. -1: as many as it likes.'),
    cfg.IntOpt(
        'shares',
        default=50, min=-1,
        help='Shares of the local share source a project may have. -1: as '
             'many as it likes.'),
    cfg.IntOpt(
        'gigabytes',
        default=1000, min=-1,
        help='Sum in GiB of the sizes of a project\'s local shares. -1: as '
             'many as it likes.'),
    cfg.IntOpt(
        'snapshots',
        default=50, min=-1,
        help='Snapshots of local shares a project may have. -1: as many as '
             'it likes.'),
    cfg.IntOpt(
        'snapshot_gigabytes',
        default=1000, min=-1,
        help='Sum in GiB of the sizes of a project\'s snapshots, each '
             'counted with the size of its share. -1: as many as it likes.'),
    cfg.IntOpt(
        'per_share_gigabytes',
        default=-1, min=-1,
        help='Size in GiB that one local share of a project may have. -1: '
             'any.'),
]

#: What Manila has quotas for, and this service no such things of: limits
#: are kept and shown, and hold by themselves.
ABSENT = ('share_networks', 'share_groups', 'share_group_snapshots',
          'share_replicas', 'replica_gigabytes', 'encryption_keys')

#: The names of all resources that a quota can be set for.
RESOURCES = (*(opt.dest for opt in OPTS), *ABSENT)


def defaults(conf):
    """The limits of projects as long as nothing was set over the API.

    :returns: dict of resource to limit, -1 for none.
    """
    return {**dict.fromkeys(ABSENT, -1),
            **{opt.dest: conf.quota[opt.dest] for opt in OPTS}}
