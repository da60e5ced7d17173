# SPDX-License-Identifier: Apache-2.0
"""manila-backup-manage usage: what there was, for whoever bills it."""

import argparse
import logging

from manila_backup.cmd import common
from manila_backup import exception
from manila_backup import wording


def _audit(conf):
    from manila_backup.telemetry import notifications
    from manila_backup.telemetry import usage

    if bool(conf.command.begin) != bool(conf.command.end):
        raise exception.ConfigurationError(
            '--begin and --end are given together, or neither.')
    notifier = notifications.Notifier(conf)
    if not notifications.is_enabled(conf):
        raise exception.ConfigurationError(
            'Nobody would be told: set [oslo_messaging_notifications] '
            'driver, for instance to messagingv2.')
    database = common.connect(conf)
    period = (conf.command.begin, conf.command.end)
    if not period[0]:
        period = usage.last_period(conf.command.period, _now(database))
    audit = usage.Audit(database, *period)
    failures = _Failures()
    count = 0
    with failures:
        for event, payload in audit.events(conf.command.send_actions):
            notifier.exists(event, payload)
            count += event == 'share_backup.exists'
    told = (f'{wording.counted(count, "backup")} from '
            f'{usage.time(period[0])} to {usage.time(period[1])}')
    if failures.count:
        raise exception.ConfigurationError(
            f'{told}: {wording.counted(failures.count, "notification")} could '
            f'not be sent; the log says why. Audit the period again.')
    print(told)


def _now(database):
    import sqlalchemy as sa

    from manila_backup.db import sqltime

    return database.read(
        lambda conn: conn.execute(sa.select(sqltime.utcnow())).scalar())


class _Failures(logging.Handler):
    """Counts the notifications that could not be sent: whoever sends them is
    not told, but the log is. A context manager.

    :ivar count: int.
    """

    _LOGGER = logging.getLogger('oslo_messaging.notify')

    def __init__(self):
        super().__init__(logging.ERROR)
        self.count = 0

    def emit(self, record):
        self.count += 1

    def __enter__(self):
        self._LOGGER.addHandler(self)
        return self

    def __exit__(self, *exc_info):
        self._LOGGER.removeHandler(self)


def _moment(text):
    from manila_backup.api.schemas import types

    try:
        return types.moment(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc


def add_parsers(subparsers):
    """Add these commands to those of manila-backup-manage."""
    usage = common.category(subparsers, 'usage', 'Usage, for billing.')
    audit = common.command(
        usage, 'audit', _audit,
        'Notify share_backup.exists of each backup that existed in a period: '
        'by default the last month that is over.')
    # As in manila_backup.telemetry.usage, which is not imported for --help.
    audit.add_argument('--period', choices=['hour', 'day', 'month', 'year'],
                       default='month',
                       help='the last one that is over, in UTC: month')
    audit.add_argument('--begin', type=_moment, metavar='TIME',
                       help='ISO 8601, in UTC unless it says otherwise; with '
                            '--end, instead of --period')
    audit.add_argument('--end', type=_moment, metavar='TIME')
    audit.add_argument('--send-actions', action='store_true',
                       help='also repeat share_backup.create.* and .delete.* '
                            'of backups created or deleted in the period')
