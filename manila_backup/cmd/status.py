# SPDX-License-Identifier: Apache-2.0
"""manila-backup-status: is this host ready for this release, and is an
upgrade over?"""

import collections

from oslo_config import cfg
from oslo_upgradecheck import common_checks
from oslo_upgradecheck import upgradecheck

from manila_backup.bus import rpc
from manila_backup.bus import version_cap
from manila_backup.cmd import common
from manila_backup import conf as config
from manila_backup.db import backups as db_backups
from manila_backup.db import operations as db_operations
from manila_backup.db import schema
from manila_backup.db import services as db_services
from manila_backup.db import transitions
from manila_backup.drivers import base
from manila_backup.engine import capabilities
from manila_backup import exception
from manila_backup.maintenance import exposure
from manila_backup.maintenance import misspelt
from manila_backup.maintenance import nesting
from manila_backup import plugins
from manila_backup.policies import enforcer
from manila_backup import version


def _success(details=None):
    return upgradecheck.Result(upgradecheck.Code.SUCCESS, details)


def _warning(details):
    return upgradecheck.Result(upgradecheck.Code.WARNING, details)


def _failure(details):
    return upgradecheck.Result(upgradecheck.Code.FAILURE, str(details))


def _reads_database(check):
    """For checks that can't do without: whether it can be used at all is
    told by a check of its own."""
    def checked(self):
        try:
            database = self._connect()
        except exception.ConfigurationError:
            return _warning('Not checked, since the database can\'t be used: '
                            'see "Database schema".')
        return check(self, database)
    return checked


class Checks(upgradecheck.UpgradeCommands):
    """The checks of ``manila-backup-status upgrade check``."""

    def __init__(self, conf):
        self._conf = conf
        self._database = None
        self._upgrade_checks = (
            # Called with this object, as if they stood in the class.
            ('Configuration files', Checks._configuration),
            ('Database schema', Checks._schema),
            ('Drivers and share source', Checks._plugins),
            ('Repositories', Checks._repositories),
            ('Directories', Checks._directories),
            ('Workers', Checks._workers),
            ('Version of messages', Checks._pin),
            ('Operations', Checks._operations),
            ('Statuses', Checks._statuses),
            ('Python', Checks._python),
            ('Policy file format',
             (common_checks.check_policy_json, {'conf': conf})),
            ('Policy rules', Checks._policy),
        )

    def _connect(self):
        if self._database is None:
            self._database = common.connect(self._conf)
        return self._database

    def _configuration(self):
        """Check that there is an option for whatever the files set."""
        problems = misspelt.names(self._conf)
        return _warning(' '.join(problems)) if problems else _success()

    def _schema(self):
        try:
            found = schema.version(self._connect())
        except exception.ConfigurationError as exc:
            return _failure(exc)
        if schema.is_newer(found):
            return _warning(
                f'The database is at schema version {found}, newer than '
                f'{schema.HEAD}, which this release needs. This release can '
                f'work with it, to be replaced by the newer one step by '
                f'step.')
        return _success(f'Version {found}.')

    def _plugins(self):
        try:
            plugins.drivers(self._conf)
            plugins.share_source(self._conf)
            nesting.check(self._conf)
        except exception.ConfigurationError as exc:
            return _failure(exc)
        return _success()

    @_reads_database
    def _repositories(self, database):
        """Check that this release can read the repositories' format."""
        try:
            drivers = plugins.drivers(self._conf)
        except exception.ConfigurationError:
            return _warning('Not checked: see "Drivers and share source".')
        failures, warnings, older = [], [], []
        for name, driver in drivers.items():
            try:
                driver.check()
                if driver.can_upgrade():
                    older.append(name)
            except base.DriverError as exc:
                if not exc.retryable:
                    failures.append(f'{name}: {exc}')
                elif database.read(db_backups.any_stored, name):
                    warnings.append(f'{name}: {exc}')
                # Else the first worker to start makes it.
        if failures:
            return _failure(' '.join(failures + warnings))
        if warnings:
            return _warning(' '.join(
                [*warnings, 'If workers run here, their operations will '
                 'fail.']))
        if older:
            # As it should be for as long as there may be a way back.
            return _success(
                f'The repository of {", ".join(older)} has an older format, '
                f'and so have the backups that are made. Once all workers '
                f'that use it are of this release, run "manila-backup-manage '
                f'repository upgrade".')
        return _success()

    @_reads_database
    def _directories(self, database):
        """Check that other users can neither access the directories nor
        replace them.
        """
        found = exposure.reachable(self._conf)
        if self._conf.shares.source == 'local':
            found += database.read(exposure.replaceable)
        return _warning(' '.join(found)) if found else _success()

    @_reads_database
    def _workers(self, database):
        found = _listeners(self._conf, database)
        up = [each for each in found if each.up]
        said = []
        ours = version_cap.numbers(rpc.VERSION)
        strange = [each for each in up
                   if version_cap.numbers(each.rpc_version)[0] != ours[0]]
        if strange:
            return _failure(
                f'{_named(strange)} can\'t be reached by an API of this '
                f'release, whose messages are of version {rpc.VERSION}.')
        release = version.string()[:32]
        old = [each for each in up
               if each.version != release
               or version_cap.numbers(each.rpc_version) != ours]
        if old:
            said.append(
                f'Of another release than this one, {release} with messages '
                f'of version {rpc.VERSION}: {_named(old)}. Replace them, or '
                f'this host\'s packages.')
        dead = [each for each in found if not each.up]
        if dead:
            said.append(
                f'No heartbeat for more than {self._conf.service_down_time:g} '
                f's: {_named(dead)}. If they are gone for good, remove their '
                f'records with "manila-backup-manage db purge".')
        if said:
            return _warning(' '.join(said))
        return _success(f'{len(up)} up, all of this release.')

    @_reads_database
    def _pin(self, database):
        pinned = self._conf.upgrade_levels.worker
        if pinned == version_cap.AUTO:
            return _success(version_cap.AUTO)
        wanted = version_cap.numbers(pinned)
        ours = version_cap.numbers(rpc.VERSION)
        if wanted[0] != ours[0]:
            return _failure(
                f'[upgrade_levels] worker is {pinned}, and this release\'s '
                f'API has messages of version {rpc.VERSION}: with that it '
                f'sends none.')
        older = [each for each in _listeners(self._conf, database)
                 if each.up and version_cap.numbers(each.rpc_version) < ours]
        deaf = [each for each in older
                if version_cap.numbers(each.rpc_version) < wanted]
        if deaf:
            return _warning(
                f'[upgrade_levels] worker is {pinned}, which is too new for '
                f'{_named(deaf)}.')
        if wanted < ours and older:
            return _success(f'{pinned}, for {_named(older)}.')
        return _warning(
            f'[upgrade_levels] worker is {pinned}, and no worker needs '
            f'that any more: remove it, and send the APIs SIGHUP.')

    @_reads_database
    def _operations(self, database):
        """Check that a worker can execute each unfinished operation."""
        try:
            able = capabilities.Capabilities(plugins.drivers(self._conf))
        except exception.ConfigurationError:
            return _warning('Not checked: see "Drivers and share source".')
        waiting = collections.Counter(
            f'{each.kind} by {each.driver}' if each.driver else each.kind
            for each in database.read(db_operations.unfinished)
            if not able.can_do(each))
        said = []
        if waiting:
            said.append(
                'Unknown to this release as it is configured here, and left '
                'for workers that know them: '
                + ', '.join(f'{count} × {what}'
                            for what, count in sorted(waiting.items()))
                + '.')
        stored = {name: count for name, count in
                  database.read(db_backups.count_by_type).items()
                  if name not in able.drivers}
        if stored:
            said.append(
                'Backups of drivers that are not in [backup] enabled_drivers '
                'here, which can be neither restored nor deleted by it: '
                + ', '.join(f'{count} of {name}'
                            for name, count in sorted(stored.items()))
                + '.')
        return _warning(' '.join(said)) if said else _success()

    @_reads_database
    def _statuses(self, database):
        """Check that no row has a status that the database refuses."""
        found = database.read(transitions.strange)
        if not found:
            return _success()
        said = ', '.join(f'{table} {id_} is {status!r}'
                         for table, id_, status in found)
        return _warning(
            f'Rows with a status that does not exist, which nothing can be '
            f'done to before they have another one: {said}. Set their status '
            f'as an administrator, or in the database.')

    def _python(self):
        # Few need what this imports.
        from manila_backup.engine import child

        if child.is_vulnerable():
            return _warning(child.VULNERABLE)
        return _success()

    def _policy(self):
        try:
            problems = enforcer.problems(self._conf)
        except exception.ConfigurationError as exc:
            return _failure(exc)
        return _warning(' '.join(problems)) if problems else _success()


def _listeners(conf, database):
    """The workers, as :func:`manila_backup.db.services.list_all` has
    them."""
    return [each for each in database.read(db_services.list_all,
                                           conf.service_down_time)
            if each.topic == rpc.TOPIC]


def _named(workers):
    """List the number of workers by release and host, as a phrase."""
    found = collections.Counter(
        f'of {each.version or "an unknown release"} (messages '
        f'{each.rpc_version or rpc.FIRST_VERSION}) on {each.host}'
        for each in workers)
    return ', '.join(f'{count} worker{"s" if count > 1 else ""} {what}'
                     for what, count in sorted(found.items()))


def _main(args):
    # oslo.upgradecheck parses the command line and the configuration.
    conf = config.register(cfg.ConfigOpts())
    return upgradecheck.main(conf, project=config.PROJECT,
                             upgrade_command=Checks(conf), argv=args)


def main():
    """The console script's entry point."""
    common.run(_main)
