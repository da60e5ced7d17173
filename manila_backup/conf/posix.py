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
        help='Maximum number of parallel copying processes of one operation. '
             'As many are started as there are processors, and further ones '
             'only while there is work that none of them has begun and most '
             'of them wait for storage: on network storage soon many, on a '
             'local disk few. Each uses about 20 MiB of memory, most of it '
             'shared with the others.'),
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
    cfg.BoolOpt(
        'incremental',
        default=True,
        help='Make incremental backups: files that did not change since an '
             'earlier backup of the same share are taken over as reflinks or '
             'hard links. Each backup is still a full tree, and any can be '
             'deleted; but damage to a file on the disk of the repository '
             'damages all backups that share it. If disabled, each backup '
             'stores all files anew.'),
]
