# SPDX-License-Identifier: Apache-2.0
"""``[posix]``: backups as plain trees in a directory."""

from oslo_config import cfg

GROUP = 'posix'

OPTS = [
    cfg.StrOpt(
        'repository_path',
        default='$state_path/repository',
        help='Directory that holds the backups, each a browsable tree at '
             'PROJECT/SHARE/BACKUP/data. All workers must see the same '
             'directory. It has to be one filesystem, and should be able to '
             'hold the owners, modes and extended attributes of the shares.'),
    cfg.IntOpt(
        'processes',
        default=8, min=1, max=32,
        help='Processes that copy in parallel within one operation, at most: '
             'no more are started than there is work for. On storage that '
             'answers over a network, most of their time is waiting, and '
             'eight take a quarter of the time that two take; on a local '
             'disk, more than there are processors gain nothing, and cost '
             'little. Each takes about 20 MiB of memory.'),
    cfg.IntOpt(
        'bytes_per_entry',
        default=8192, min=0,
        help='Bytes that the manifest of a backup, and the scratch files '
             'while it is made, may take for each entry of the share, on '
             'average; the first 64 MiB are free. Names and attributes of '
             'ordinary shares take a few hundred. A backup that would take '
             'more fails, so that no share can fill the repository with '
             'what is not counted as its content: raise this where many '
             'files have large extended attributes. 0: no limit.'),
    cfg.BoolOpt(
        'incremental',
        default=True,
        help='Let a backup take over, as reflinks or hard links, the files '
             'that did not change since an earlier backup of the same share. '
             'Each backup is a full tree all the same, and any can be '
             'deleted; but damage to a file on the disk of the repository '
             'is damage to all backups that share it. Turn this off to have '
             'everything stored anew each time.'),
]
