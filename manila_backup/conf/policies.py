# SPDX-License-Identifier: Apache-2.0
"""``[policies]``: backup policies, by which workers begin backups at their due
times and delete the ones that are not to be kept."""

from oslo_config import cfg

GROUP = 'policies'

OPTS = [
    cfg.FloatOpt(
        'interval',
        default=10.0, min=0.0,
        mutable=True,
        help='Seconds between two searches of a worker for runs of backup '
             'policies that are due. Any number of workers may do so: no '
             'run is begun twice. 0: this worker leaves that to others.'),
    cfg.IntOpt(
        'min_interval',
        default=3600, min=60,
        help='Seconds that must at least be between two due times of a rule, '
             'as the clock of its time zone shows them. Rules that are due '
             'more often are refused when a policy is created or changed.'),
    cfg.FloatOpt(
        'retry_interval',
        default=60.0, min=1.0,
        mutable=True,
        help='Seconds after which a run that could not begin, because its '
             'share was busy or a quota was used up, is tried again, until '
             'the start window of its rule is over.'),
    cfg.IntOpt(
        'max_running',
        default=-1, min=-1,
        mutable=True,
        help='Number of backups that policies may be making at once for one '
             'project, those that wait for a worker included; others wait '
             'until one has ended, or their start window is over. -1: '
             'unlimited.'),
    cfg.FloatOpt(
        'retention_interval',
        default=3600.0, min=0.0,
        mutable=True,
        help='Seconds between two times that the retention of all policies is '
             'applied, by one worker at a time. It is also applied after each '
             'good backup of a policy. 0: then only.'),
    cfg.BoolOpt(
        'expire_orphans',
        default=False,
        mutable=True,
        help='Apply the retention of a policy also to the backups that it has '
             'made of shares to which it does not apply any more. The newest '
             'good one of each share is kept in any case.'),
    cfg.IntOpt(
        'keep_runs',
        default=400, min=1,
        mutable=True,
        help='Days after which the records of runs that are over are '
             'removed.'),
]
