# SPDX-License-Identifier: Apache-2.0
"""``[backup]``: the workers, and what all drivers have in common."""

from oslo_config import cfg

GROUP = 'backup'

OPTS = [
    cfg.ListOpt(
        'enabled_drivers',
        default=['posix'],
        help='Backup drivers that can be requested, by entry point name in '
             'the group manila_backup.drivers. The first is the default. An '
             'API offers the drivers enabled in its configuration, and a '
             'worker executes the operations of those enabled in its own, so '
             'each driver must be enabled for some worker.'),
    cfg.FloatOpt(
        'progress_interval',
        default=2.0, min=0.1,
        mutable=True,
        help='Seconds between two progress reports of a running operation. '
             'Each writes the progress to the database, renews the lease if '
             'that is due, and checks whether the operation was cancelled.'),
    cfg.FloatOpt(
        'lease_ttl',
        default=30.0, min=2.0,
        help='Seconds that the lease of a worker on an operation lasts. If it '
             'is not renewed, another worker takes over the operation. A '
             'worker renews it after a third of this time. A shorter lease '
             'detects dead workers sooner; keep it well above the length of '
             'database interruptions. Must be the same for all workers.'),
    cfg.IntOpt(
        'max_attempts',
        default=3, min=1,
        help='Maximum number of attempts at an operation before it ends in '
             'its error status. Another attempt is made if the worker dies, '
             'or if the driver reports a failure as retryable.'),
    cfg.IntOpt(
        'concurrent_operations',
        default=2, min=1,
        help='Maximum number of operations that one worker runs at once, each '
             'in child processes of its own.'),
    cfg.FloatOpt(
        'scan_interval',
        default=10.0, min=0.1,
        help='Maximum number of seconds between two searches of a worker in '
             'the database for operations that no message told it of. It '
             'searches sooner if the lease of another worker is about to '
             'expire.'),
    cfg.FloatOpt(
        'retry_delay',
        default=5.0, min=0.0,
        help='Seconds before an operation is retried after a failure that its '
             'driver reported as retryable; doubled with each further '
             'attempt.'),
    cfg.FloatOpt(
        'shutdown_grace',
        default=20.0, min=0.0,
        help='Seconds after SIGTERM within which every process of the service '
             'has ended, whatever it waits for. The last 15 of them are for '
             'leaving; in those before, a worker waits for its running '
             'operations to finish. Unfinished ones are handed over to the '
             'other workers. With 0 a process ends at once, as if killed.'),
    cfg.FloatOpt(
        'message_ttl',
        default=30 * 86400.0, min=60.0,
        help='Seconds that a message for users about a backup or restore that '
             'failed, or was incomplete, is kept.'),
    cfg.FloatOpt(
        'sweep_interval',
        default=3600.0, min=0.0,
        mutable=True,
        help='Seconds between two sweeps of the repositories, which remove '
             'the leftovers of dead attempts and interrupted deletions. One '
             'worker at a time sweeps. 0: no sweeps; then run '
             '"manila-backup-manage repository sweep" regularly.'),
    cfg.StrOpt(
        'incomplete',
        default='accept',
        choices=[('accept', 'available: all that it has can be restored'),
                 ('error', 'error: it is kept, but is not restored unless an '
                           'administrator sets its status')],
        help='Status of a backup that lacks an entry of the share, such as a '
             'file that was written to all the time, or has one that is not '
             'whole. Either way its owner is told, it has the result '
             '"incomplete", and a notification says so.'),
    cfg.ListOpt(
        'ignore_files',
        default=['lost+found'],
        help='Names in the root directory of a share that are neither backed '
             'up nor touched by a restore.'),
    cfg.IntOpt(
        'contents_cache_gigabytes',
        default=10, min=1,
        help='GiB that a worker uses, in the directory contents of '
             'state_path, for the indexes by which it lists and searches the '
             'files in backups of drivers that keep none in the repository. '
             'Those that were not asked for the longest are removed, and made '
             'anew when they are needed.'),
    cfg.IntOpt(
        'bytes_per_second',
        default=0, min=0,
        mutable=True,
        help='Maximum number of bytes that one worker reads or writes in a '
             'second, whichever is more, in all its operations together. Each '
             'has an equal part. What a file system copies by itself '
             '(reflinks) does not count, nor does what restic transfers, '
             'which has [restic] limit_upload and limit_download. 0: no '
             'limit.'),
    cfg.IntOpt(
        'operations_per_second',
        default=0, min=0,
        mutable=True,
        help='Maximum number of calls that one worker makes in a second of '
             'the file systems of shares and of repositories, in all its '
             'operations together. Each has an equal part. Of the two sides, '
             'that counts on which a file takes more: a small file that is '
             'copied counts 4, one that is compared 3, one that did not '
             'change or is removed 1, and of a large one each part that is '
             'read another 1. For what restic does there is no such limit. '
             '0: no limit.'),
    cfg.IntOpt(
        'nice',
        default=0, min=0, max=19,
        help='Niceness of the copying processes (19: lowest priority); the '
             'worker itself is not affected. If the I/O scheduler of the disk '
             'supports priorities, their I/O priority follows from it.'),
    cfg.BoolOpt(
        'ionice_idle',
        default=False,
        help='Run the copying processes in the idle class of I/O scheduling, '
             'so that they read and write only while nobody else uses the '
             'disk. Needs an I/O scheduler that supports priorities (BFQ). On '
             'a disk that is never idle they make no progress.'),
]
