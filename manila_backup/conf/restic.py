# SPDX-License-Identifier: Apache-2.0
"""``[restic]``: backups in repositories of restic."""

from oslo_config import cfg

GROUP = 'restic'

OPTS = [
    cfg.StrOpt(
        'repository',
        secret=True,
        help='Location of the repositories, in restic\'s notation: '
             '/srv/restic, s3:https://HOST/BUCKET, swift:CONTAINER:/PATH, '
             'rest:https://HOST/, sftp:USER@HOST:/PATH and so on. Each '
             'project has a repository of its own there, with its id '
             'appended; ".catalogue" is the list of them. Required if '
             '[backup] enabled_drivers has "restic"; must be the same for all '
             'workers.'),
    cfg.StrOpt(
        'key_manager',
        default='password_file',
        choices=[
            ('password_file', 'the password of each repository is derived '
                              'from one secret, see password_file'),
            ('castellan', 'each repository has a random password of its own, '
                          'stored in the key manager that [key_manager] '
                          'configures; only that of the catalogue is derived'),
        ],
        help='Where the passwords of the repositories are stored. It can\'t '
             'be changed once there are repositories.'),
    cfg.StrOpt(
        'password_file',
        default='$state_path/restic/password',
        help='File with the secret that passwords are derived from. A worker '
             'that finds neither the file nor a repository creates it with '
             'mode 0600. It must be the same on all hosts with workers: copy '
             'it. WITHOUT IT THE BACKUPS CAN\'T BE READ: keep a copy in a '
             'safe place.'),
    cfg.ListOpt(
        'other_password_files',
        default=[],
        help='Files with further secrets that open some repositories: the '
             'previous or the next one, while the secret in password_file is '
             'replaced on all hosts. They are tried if password_file does not '
             'open a repository. No new password is derived from them.'),
    cfg.DictOpt(
        'environment',
        default={},
        secret=True,
        help='Environment variables that restic needs to access the '
             'repositories: '
             'AWS_ACCESS_KEY_ID:KEY,AWS_SECRET_ACCESS_KEY:SECRET for S3, '
             'OS_USERNAME and so on for Swift. Put values with commas into '
             'environment_file.'),
    cfg.StrOpt(
        'environment_file',
        help='File with further environment variables, one NAME=VALUE per '
             'line. Only the worker\'s user should be able to read it.'),
    cfg.StrOpt(
        'command',
        default='restic',
        help='The program: a path, or a name to be found in PATH. 0.17 or '
             'later: workers do not start with an older one.'),
    cfg.StrOpt(
        'cache_directory',
        default='$state_path/restic/cache',
        help='Directory of restic\'s cache of indexes and directories. It can '
             'be removed at any time; restic then reads them again.'),
    cfg.StrOpt(
        'staging_path',
        default='$state_path/restic/staging',
        help='Staging directory: backups are restored to it first, to be '
             'compared with a share that is not empty. It needs space for the '
             'largest backup, and should be on a file system that supports '
             'the owners, modes and extended attributes of the shares.'),
    cfg.StrOpt(
        'on_unreadable',
        default='warn',
        choices=[
            ('warn', 'the backup is made without them, and lists them'),
            ('error', 'the backup fails, and lists them'),
        ],
        help='What happens to a backup if restic can\'t read some files '
             '(which the disk has lost, or whose path is longer than 4095 '
             'bytes). If more are unreadable than readable, the backup always '
             'fails.'),
    cfg.IntOpt(
        'hole_limit',
        default=16, min=0,
        help='Maximum size in GiB of the holes in one file that is given to '
             'restic, which reads them all. A file with more is kept if it is '
             'nothing but a hole, and otherwise treated as unreadable (see '
             'on_unreadable).'),
    cfg.IntOpt(
        'limit_upload',
        default=0, min=0,
        help='Maximum upload rate to the repository of one operation, in KiB '
             'per second. 0: unlimited. A request may set a lower one by '
             'backup_options limit_upload.'),
    cfg.IntOpt(
        'limit_download',
        default=0, min=0,
        help='Maximum download rate from the repository of one operation, in '
             'KiB per second. 0: unlimited. A request may set a lower one by '
             'backup_options limit_download.'),
    cfg.StrOpt(
        'compression',
        default='auto',
        choices=['auto', 'off', 'max'],
        help='Compression mode of restic.'),
    cfg.FloatOpt(
        'stall_timeout',
        default=300.0, min=1.0,
        help='Seconds without any reading or writing after which restic is '
             'considered to hang, and the operation is retried. Keep it above '
             'the minute that restic may wait between two of its own attempts '
             'to reach the repository.'),
    cfg.FloatOpt(
        'lock_timeout',
        default=120.0, min=0.0,
        help='Seconds to wait for a lock in the repository that another '
             'operation holds, such as a prune, before the operation is '
             'retried later.'),
    cfg.FloatOpt(
        'prune_interval',
        default=86400.0, min=0.0,
        help='Seconds between two prunes of the repositories, which remove '
             'data that no backup needs any more. One worker at a time '
             'prunes. 0: no prunes; then deleted backups continue to take '
             'space.'),
    cfg.StrOpt(
        'prune_max_repack_size',
        default='10G',
        regex=r'^[0-9]+[kKmMgGtT]?$',
        help='Maximum amount of data that one prune rewrites in one '
             'repository, in bytes or with k, M, G or T: backups of its '
             'project wait meanwhile. The rest is left for the next prune.'),
    cfg.StrOpt(
        'prune_max_unused',
        default='5%',
        regex=r'^([0-9]+[kKmMgGtT]?|[0-9.]+%|unlimited)$',
        help='Maximum amount of data in a repository that no backup needs: '
             'bytes (with k, M, G or T), percent or "unlimited". A lower one '
             'takes more rewriting.'),
    cfg.StrOpt(
        'verify_subset',
        default='100%',
        regex=r'^([0-9]+[kKmMgGtT]?|[0-9.]+%|[0-9]+/[0-9]+)$',
        help='Part of the data in a project\'s repository that "repository '
             'verify" reads: percent, bytes (with k, M, G or T), or the part '
             'N of M as N/M. The metadata is always checked in full.'),
]
