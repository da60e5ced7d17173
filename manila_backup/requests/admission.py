# SPDX-License-Identifier: Apache-2.0
"""Letting requests in: what the API does to the database.

Each request that is let in is one transaction: it checks the states, changes
them by compare-and-swap, checks the quota and writes the operation. After the
commit nothing can be lost any more; the message to the workers only saves
them the wait for their next look.
"""

from manila_backup.bus import questions
from manila_backup.bus import rpc
from manila_backup.bus import version_cap
from manila_backup import plugins
from manila_backup.requests import access_rules
from manila_backup.requests import backup_metadata
from manila_backup.requests import backups
from manila_backup.requests import cancellation
from manila_backup.requests import coverage
from manila_backup.requests import external_shares
from manila_backup.requests import file_versions
from manila_backup.requests import files
from manila_backup.requests import messages
from manila_backup.requests import operations
from manila_backup.requests import plan_shares
from manila_backup.requests import plans
from manila_backup.requests import quotas
from manila_backup.requests import retention
from manila_backup.requests import scheduled_backups
from manila_backup.requests import services
from manila_backup.requests import share_types
from manila_backup.requests import shares
from manila_backup.requests import snapshots
from manila_backup.requests import warnings
from manila_backup.telemetry import notifications


class Admission:
    """The requests that there are, by resource.

    Methods that take the caller's context look things up in its ``scope``. All
    raise :class:`manila_backup.exception.NotFound`, ``InvalidState``,
    ``InvalidInput``, ``Conflict``, ``QuotaExceeded`` or ``Forbidden``.

    :param conf: the configuration.
    :param database: a :class:`manila_backup.db.engine.Database`.
    :param caller: a :class:`manila_backup.bus.rpc.Caller`.
    :param drivers: dict of name to backup driver, the default first.
    :param source: the share source; None for the local one.
    :param asker: a :class:`manila_backup.bus.questions.Asker`.
    :param notifier: a :class:`manila_backup.telemetry.notifications.
        Notifier`; None to notify nobody.
    """

    def __init__(self, conf, database, caller, drivers, source=None,
                 asker=None, notifier=None):
        self._caller = caller
        self.asker = asker
        self._notifier = notifier
        teller = cancellation.Teller(caller, notifier)
        self.warnings = warnings.Warnings(asker)
        external = external_shares.ExternalShares(
            source, conf.shares.source, database)
        self.access_rules = access_rules.AccessRules(database)
        self.backup_metadata = backup_metadata.BackupMetadata(database)
        self.backups = backups.Backups(conf, database, caller, drivers,
                                       external, teller)
        self.file_versions = file_versions.FileVersions(database, asker)
        self.files = files.Files(conf, database, asker, external,
                                 self.backups)
        self.messages = messages.Messages(database)
        self.operations = operations.Operations(database, teller)
        self.plan_shares = plan_shares.PlanShares(database, external)
        self.coverage = coverage.Coverage(database, self.plan_shares)
        self.retention = retention.Retention(conf, database, caller,
                                             self.plan_shares)
        self.plans = plans.Plans(conf, database, self.backups,
                                 self.plan_shares, self.retention)
        self.quotas = quotas.Quotas(database)
        self.scheduled_backups = scheduled_backups.ScheduledBackups(
            conf, database, caller, self.backups, external)
        self.services = services.Services(database)
        self.share_types = share_types.ShareTypes(database)
        self.shares = shares.Shares(conf, database, caller)
        self.snapshots = snapshots.Snapshots(conf, database, caller)

    @classmethod
    def from_conf(cls, conf, database, transport=None):
        """With the configured drivers and bus.

        :param transport: an oslo.messaging transport to use instead of the
            one that ``[DEFAULT] transport_url`` names.
        """
        transport = transport or rpc.get_transport(conf)
        return cls(conf, database,
                   rpc.Caller(transport,
                              version_cap.VersionCap(conf, database)),
                   plugins.drivers(conf), plugins.share_source(conf),
                   questions.Asker(conf, transport, database),
                   notifications.Notifier(conf))

    def close(self):
        """Send the wake-up calls and notifications that wait, then end the
        threads for them."""
        self._caller.close()
        if self.asker:
            self.asker.close()
        if self._notifier:
            self._notifier.close()
