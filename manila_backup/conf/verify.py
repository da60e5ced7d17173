# SPDX-License-Identifier: Apache-2.0
"""``[verify]``: verification of the backups on a schedule, by the workers."""

from oslo_config import cfg

GROUP = 'verify'

OPTS = [
    cfg.FloatOpt(
        'max_age_days',
        default=0.0, min=0.0,
        mutable=True,
        help='Days after which a backup that is available is read again from '
             'its repository and compared with what was recorded, as '
             '"manila-backup-manage repository verify" does. One that was '
             'never verified is due at once. The workers do it beside their '
             'operations, each one backup at a time, with the lowest '
             'priorities of the processor and of I/O. 0: none is due; this '
             'worker verifies nothing by itself.'),
    cfg.IntOpt(
        'bytes_per_day',
        default=0, min=0,
        mutable=True,
        help='Maximum number of bytes that all workers together read for this '
             'in a day (UTC). A larger backup is read in one go, and no '
             'further one is read for as many days as its size has used up. '
             '0: no limit. Must be the same for all workers.'),
    cfg.FloatOpt(
        'interval',
        default=60.0, min=0.1,
        mutable=True,
        help='Seconds between two searches of a worker for backups to verify, '
             'when the last one found none or the bytes of the day are used '
             'up.'),
]
