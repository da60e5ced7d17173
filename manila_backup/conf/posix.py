# SPDX-License-Identifier: Apache-2.0
"""``[posix]``: backups as plain trees in a directory."""

from oslo_config import cfg

GROUP = 'posix'

OPTS = [
    cfg.StrOpt(
        'repository_path',
        default='$state_path/repository',
        help='Directory of the backups, each a browsable tree at '
             'PROJECT/SHARE/BACKUP/data. All workers must see the same '
             'directory. It must be a single file system, and should support '
             'the owners, modes and extended attributes of the shares.'),
    cfg.IntOpt(
        'processes',
        default=32, min=1, max=32,
        help='Maximum number of lanes that copy at once within one operation. '
             'There is a process for each processor, with one lane; further '
             'lanes are started in these, as threads, only while there is '
             'work that none of them has begun and most of the processes wait '
             'for storage: on network storage soon many, on a local disk '
             'few. A process uses about 20 MiB of memory, most of it shared '
             'with the others, and a lane less than 1 MiB, beside 2 MiB while '
             'it copies a file of more than 8 MiB.'),
    cfg.IntOpt(
        'bytes_per_entry',
        default=8192, min=0,
        help='Bytes that the manifest of a backup, and the scratch files '
             'while it is made, may take per entry of the share, on average; '
             'the first 64 MiB do not count. Names and attributes of ordinary '
             'shares take a few hundred bytes. A backup that needs more '
             'fails, so that no share can fill the repository with data that '
             'does not count as its content: raise this if many files have '
             'large extended attributes. 0: no limit.'),
    cfg.StrOpt(
        'verify_before_restore',
        default='when_overwriting',
        choices=(
            ('when_overwriting', 'Before anything is changed if there is '
             'anything in the share that could be overwritten or removed; '
             'while it is written if the share is empty.'),
            ('always', 'Before anything is changed.'),
            ('never', 'While it is written.')),
        help='When the digests of the stored files that a restore needs are '
             'verified. Before anything is changed, all of them are read once '
             'more, and a backup that is damaged leaves the share as it is. '
             'While they are written, each is read once, which is faster; '
             'what is damaged is not written, everything else is, and the '
             'restore fails in the end and names it.'),
    cfg.BoolOpt(
        'incremental',
        default=True,
        help='Make incremental backups: files that did not change since an '
             'earlier backup of the same share are taken over as reflinks or '
             'hard links. Each backup is still a full tree, and any can be '
             'deleted; but damage to a file on the disk of the repository '
             'damages all backups that share it. If disabled, each backup '
             'stores all files anew.'),
    cfg.IntOpt(
        'full_scan_every',
        default=10, min=1,
        help='Of how many backups of a share one looks at every entry of it. '
             'Where a share is copied from a snapshot of btrfs, the service '
             'runs as root and the repository is on btrfs without quotas, '
             'the others look only at what the file system says was written '
             'since the backup before, and begin as a snapshot of it; '
             'elsewhere, and wherever anything is in doubt, each backup looks '
             'at all. 1: each does everywhere.'),
]
