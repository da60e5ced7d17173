# SPDX-License-Identifier: Apache-2.0
"""``[quota]``: what a project may use unless its own quotas say otherwise."""

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
]
