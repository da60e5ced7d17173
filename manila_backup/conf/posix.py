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
        default=2, min=1, max=15,
        help='Processes that copy in parallel within one operation.'),
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
