# SPDX-License-Identifier: Apache-2.0
"""``[restic]``: backups in repositories of restic."""

from oslo_config import cfg

GROUP = 'restic'

OPTS = [
    cfg.StrOpt(
        'repository',
        secret=True,
        help='Where the repositories are, as restic names a place: '
             '/srv/restic, s3:https://HOST/BUCKET, swift:CONTAINER:/PATH, '
             'rest:https://HOST/, sftp:USER@HOST:/PATH and so on. Each '
             'project has a repository of its own there, with its id '
             'appended; ".catalogue" is the list of them. Must be set where '
             '[backup] enabled_drivers has "restic", and be the same for '
             'all workers.'),
    cfg.StrOpt(
        'key_manager',
        default='password_file',
        choices=[
            ('password_file', 'the password of each repository is derived '
                              'from one secret, see password_file'),
            ('castellan', 'each repository has a random password of its '
                          'own, kept by the key manager that [key_manager] '
                          'names; only that of the catalogue is derived'),
        ],
        help='What keeps the passwords of the repositories. It can\'t be '
             'changed once there are repositories.'),
    cfg.StrOpt(
        'password_file',
        default='$state_path/restic/password',
        help='File with the secret that passwords are derived from. A worker '
             'that finds none, and no repository either, makes one with '
             'mode 0600. It must be the same on all hosts with workers: '
             'copy it. WITHOUT IT THE BACKUPS CAN\'T BE READ: keep a copy '
             'in a safe place.'),
    cfg.DictOpt(
        'environment',
        default={},
        secret=True,
        help='Environment variables that restic needs to get at the '
             'repositories: AWS_ACCESS_KEY_ID:KEY,AWS_SECRET_ACCESS_KEY:'
             'SECRET for S3, OS_USERNAME and so on for Swift. Values with '
             'commas go into environment_file.'),
    cfg.StrOpt(
        'environment_file',
        help='File with more of these, a NAME=VALUE a line, that only the '
             'worker\'s user should be able to read.'),
    cfg.StrOpt(
        'command',
        default='restic',
        help='The program: a path, or a name to be found in PATH. 0.14 or '
             'later.'),
    cfg.StrOpt(
        'cache_directory',
        default='$state_path/restic/cache',
        help='Directory for restic\'s cache of indexes and directories. It '
             'can be removed at any time, at the cost of reading them '
             'again.'),
    cfg.StrOpt(
        'staging_path',
        default='$state_path/restic/staging',
        help='Directory that backups are restored to first, to be compared '
             'with a share that is not empty. It needs room for the largest '
             'backup, and should be on a filesystem that can hold the '
             'owners, modes and extended attributes of the shares.'),
    cfg.StrOpt(
        'on_unreadable',
        default='warn',
        choices=[
            ('warn', 'the backup is made without them, and names them'),
            ('error', 'the backup fails, and names them'),
        ],
        help='What becomes of a backup that restic could not read some files '
             'for (that the disk has lost, or whose path is longer than 4095 '
             'bytes). Where more can\'t be read than can, it fails in any '
             'case.'),
    cfg.IntOpt(
        'hole_limit',
        default=16, min=0,
        help='GiB of holes in one file beyond which it is not given to '
             'restic, which would read them all. Such a file is kept if '
             'there is nothing in it but a hole, and is treated as '
             'unreadable (see on_unreadable) otherwise.'),
    cfg.IntOpt(
        'limit_upload',
        default=0, min=0,
        help='KiB per second that one operation may send to the repository. '
             '0: as many as it can. A request may ask for less by '
             'backup_options limit_upload.'),
    cfg.IntOpt(
        'limit_download',
        default=0, min=0,
        help='KiB per second that one operation may read from the '
             'repository. 0: as many as it can. A request may ask for less '
             'by backup_options limit_download.'),
    cfg.StrOpt(
        'compression',
        default='auto',
        choices=['auto', 'off', 'max'],
        help='How hard restic compresses.'),
    cfg.FloatOpt(
        'stall_timeout',
        default=300.0, min=1.0,
        help='Seconds that restic may go without reading or writing '
             'anything before it is taken to hang, and the operation is '
             'tried again. More than the minute that it may wait between '
             'two of its own attempts at reaching the repository.'),
    cfg.FloatOpt(
        'lock_timeout',
        default=120.0, min=0.0,
        help='Seconds to wait for a lock in the repository that another '
             'operation holds, such as one that prunes, before the operation '
             'is tried again later.'),
    cfg.FloatOpt(
        'prune_interval',
        default=86400.0, min=0.0,
        help='Seconds between two passes that remove from the repositories '
             'what no backup needs any more. One worker at a time does it. '
             '0: none; then deleted backups go on taking room.'),
    cfg.StrOpt(
        'prune_max_repack_size',
        default='10G',
        regex=r'^[0-9]+[kKmMgGtT]?$',
        help='How much one pass may rewrite in one repository, in bytes or '
             'with k, M, G or T: backups of its project wait as long. What '
             'is left over is for the next pass.'),
    cfg.StrOpt(
        'prune_max_unused',
        default='5%',
        regex=r'^([0-9]+[kKmMgGtT]?|[0-9.]+%|unlimited)$',
        help='How much a repository may hold that no backup needs: bytes '
             '(with k, M, G or T), percent or "unlimited". Less takes more '
             'rewriting.'),
    cfg.StrOpt(
        'verify_subset',
        default='100%',
        regex=r'^([0-9]+[kKmMgGtT]?|[0-9.]+%|[0-9]+/[0-9]+)$',
        help='How much of the data in a project\'s repository "repository '
             'verify" reads: percent, bytes (with k, M, G or T), or the part '
             'N of M as N/M. All that is said of the data is checked '
             'anyway.'),
]
