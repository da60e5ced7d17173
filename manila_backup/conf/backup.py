# SPDX-License-Identifier: Apache-2.0
"""``[backup]``: the workers, and what all drivers have in common."""

from oslo_config import cfg

GROUP = 'backup'

OPTS = [
    cfg.ListOpt(
        'enabled_drivers',
        default=['posix'],
        help='Backup drivers that can be asked for, by their entry point '
             'names in the group manila_backup.drivers. The first is used '
             'where a request names none. An API offers those it has, and '
             'a worker takes the operations of those it has, so each needs '
             'a worker somewhere.'),
    cfg.FloatOpt(
        'progress_interval',
        default=2.0, min=0.1,
        mutable=True,
        help='Seconds between two reports of a running operation: each '
             'writes its progress to the database, renews its lease where '
             'that is due and finds out whether it was cancelled.'),
    cfg.FloatOpt(
        'lease_ttl',
        default=30.0, min=2.0,
        help='Seconds after which an operation whose worker has not been '
             'heard of is given to another. A worker renews at a third of '
             'it. Shorter finds dead workers sooner; it should stay well '
             'above any hiccup of the database. Must be the same for all '
             'workers.'),
    cfg.IntOpt(
        'max_attempts',
        default=3, min=1,
        help='How often an operation is tried (a worker died under it, or '
             'the driver said that trying again may help) before it ends in '
             'its error state.'),
    cfg.IntOpt(
        'concurrent_operations',
        default=2, min=1,
        help='Operations that one worker runs at once, each in processes of '
             'its own.'),
    cfg.FloatOpt(
        'scan_interval',
        default=10.0, min=0.1,
        help='The longest that a worker goes without looking in the database '
             'for operations that no message told it of. It looks sooner by '
             'itself when the lease of another worker is about to run out.'),
    cfg.FloatOpt(
        'retry_delay',
        default=5.0, min=0.0,
        help='Seconds before an operation is tried again after its driver '
             'said that another attempt may help; doubled at each further '
             'attempt.'),
    cfg.FloatOpt(
        'shutdown_grace',
        default=5.0, min=0.0,
        help='Seconds that a worker told to stop gives its running '
             'operations to finish. What is not done by then is handed over '
             'to the other workers. 15 seconds later at the most every '
             'process of the service has ended, whatever it waits for.'),
    cfg.FloatOpt(
        'sweep_interval',
        default=3600.0, min=0.0,
        mutable=True,
        help='Seconds between two sweeps of the repositories, which remove '
             'what dead attempts and interrupted deletions have left there. '
             'One worker at a time does it. 0: none; then have '
             '"manila-backup-manage repository sweep" run now and then.'),
    cfg.ListOpt(
        'ignore_files',
        default=['lost+found'],
        help='Names in the root of a share that are neither backed up nor '
             'touched by a restore.'),
    cfg.IntOpt(
        'nice',
        default=0, min=0, max=19,
        help='How much the processes that copy yield the processor to '
             'others (19: most); the worker itself does not. Where the '
             'disks have a scheduler that knows priorities, those of their '
             'reads and writes follow from it.'),
    cfg.BoolOpt(
        'ionice_idle',
        default=False,
        help='Whether the processes that copy read and write only when '
             'nobody else wants the disk, where it has a scheduler that '
             'knows priorities (BFQ). On a disk that is never idle they '
             'come to nothing.'),
]
