# SPDX-License-Identifier: Apache-2.0
"""manila-backup-manage repository: what the repositories hold."""

import json
import sys

from manila_backup.cmd import common


class _Tools:
    """Drivers, database and configuration for the commands.

    :param driver: str, to have only that driver.
    :param location: str, another repository to look at than the configured
        one; of the driver named, or of the default one.
    """

    def __init__(self, conf, driver=None, location=None):
        from manila_backup import exception
        from manila_backup import plugins

        if location:
            driver = driver or conf.backup.enabled_drivers[0]
            option = plugins.location(conf, driver)
            if option is None:
                raise exception.ConfigurationError(
                    f'The driver {driver!r} has no single option that says '
                    f'where its repository is.')
            conf.set_override(option[1], location, option[0])
        self.conf = conf
        self.database = common.connect(conf)
        self.drivers = plugins.drivers(conf)
        if driver:
            if driver not in self.drivers:
                raise exception.ConfigurationError(
                    f'The driver {driver!r} is not in [backup] '
                    f'enabled_drivers.')
            self.drivers = {driver: self.drivers[driver]}
        self.source = plugins.share_source(conf)

    def lock(self, name=None, doing='sweeping or importing'):
        """Take a named lock; a context manager.

        :param name: str; None for the one that sweeps and imports take.
        :param doing: str, what whoever has it does.
        :raises ConfigurationError: another process has it.
        """
        from manila_backup.engine import named_lock
        from manila_backup import exception
        from manila_backup.maintenance import sweep

        found = named_lock.NamedLock(name or sweep.LOCK, self.conf,
                                     self.database)
        if not found.take():
            with found:
                raise exception.ConfigurationError(
                    f'{found.taken_by() or "Another process"} is {doing} '
                    f'right now; try again later.')
        return found

    def refuse_older(self, what):
        """See that no worker of an earlier release runs, unless --force
        says to go on.

        :param what: str, what those would do wrong.
        :raises ConfigurationError: one does.
        """
        from manila_backup.bus import rpc
        from manila_backup.bus import version_cap
        from manila_backup.db import services as db_services
        from manila_backup import exception

        older = [each for each in self.database.read(
            db_services.living_rpc_versions, rpc.TOPIC,
            self.conf.service_down_time)
            if version_cap.numbers(each) < version_cap.numbers(rpc.VERSION)]
        if older and not self.conf.command.force:
            raise exception.ConfigurationError(
                f'Workers of an earlier release are running, and could not '
                f'{what}. Replace them first, or use --force.')


def _told(function):
    """Have what goes wrong told in one line."""
    def run(conf):
        from manila_backup import exception

        # Names of files are printable, but perhaps not on this terminal.
        sys.stdout.reconfigure(errors='backslashreplace')
        try:
            return function(conf)
        except exception.LeaseLost:
            raise exception.ConfigurationError(
                'The database was not reachable for too long, and another '
                'process has taken over.') from None
        except exception.WorkFailed as exc:
            raise exception.ConfigurationError(str(exc)) from exc

    return run


@_told
def _list(conf):
    from manila_backup.maintenance import inspection

    tools = _Tools(conf)
    inspected = inspection.Inspection(tools.database, tools.drivers)
    common.show(conf, ('project_id', 'share_id', 'backup_id', 'driver',
                       'created_at', 'files', 'bytes', 'unique_bytes',
                       'known', 'status', 'problem'),
                list(inspected.list()))


@_told
def _sweep(conf):
    import contextlib
    import dataclasses

    from manila_backup.engine import child
    from manila_backup.maintenance import sweep

    tools = _Tools(conf)
    child.prepare([*tools.drivers.values(), tools.source])
    with (contextlib.nullcontext() if conf.command.dry_run
          else tools.lock()) as lock:
        found = list(sweep.Sweep(tools, lock, conf.command.unknown).run())
    common.show(conf, [field.name for field in
                       dataclasses.fields(sweep.Finding)],
                [dataclasses.asdict(each) for each in found])
    return int(any(each.done == 'failed' for each in found))


@_told
def _verify(conf):
    import contextlib
    import dataclasses

    from manila_backup.maintenance import inspection
    from manila_backup.telemetry import notifications

    command = conf.command
    if bool(command.backup_ids) == bool(command.all or command.project):
        raise SystemExit('manila-backup-manage repository verify: name '
                         'backups by their ids, or use --all or --project')
    tools = _Tools(conf)
    checks = inspection.Inspection(
        tools.database, tools.drivers,
        None if tools.source.EXTERNAL else conf.backup.message_ttl)
    targets = (checks.named(command.backup_ids) if command.backup_ids
               else checks.all(command.project))
    found = []
    with contextlib.closing(notifications.Notifier(conf)) as notifier:
        for target in targets:
            verdict = (target if isinstance(target, inspection.Verdict)
                       else checks.verify(target, not command.dry_run))
            found.append(verdict)
            if verdict.is_news:
                _notify(tools, notifier, verdict)
            if command.format == 'table':
                _say(verdict)
    if command.format == 'json':
        print(json.dumps([dataclasses.asdict(each) for each in found],
                         indent=2))
    asked = inspection.GONE if command.backup_ids else None
    return int(any(
        each.result in (inspection.DAMAGED, inspection.FAILED, asked)
        for each in found))


def _notify(tools, notifier, verdict):
    from manila_backup.db import backups as db_backups

    backup = tools.database.read(db_backups.get, verdict.backup_id)
    if backup:
        notifier.verified(backup, verdict.damages)


def _say(verdict):
    print(f'{verdict.backup_id} {verdict.result}'
          f'{", its status is error now" if verdict.marked else ""}')
    for damage in verdict.damages:
        print(f'    {damage}')
    sys.stdout.flush()


@_told
def _export(conf):
    from manila_backup.db import backups as db_backups
    from manila_backup.db import shares as db_shares
    from manila_backup.engine import records
    from manila_backup import exception
    from manila_backup.maintenance import inspection

    def read(conn):
        row = db_backups.get(conn, conf.command.backup_id)
        return row and records.of_rows(row, db_shares.get(conn,
                                                          row.share_id))

    tools = _Tools(conf)
    record = tools.database.read(read)
    if record is None:
        checks = inspection.Inspection(tools.database, tools.drivers)
        for target in checks.named([conf.command.backup_id]):
            if isinstance(target, inspection.Target):
                said = tools.drivers[target.driver].describe(target.place)
                record = records.valid(said.record, target.place)
    if record is None:
        raise exception.ConfigurationError(
            f'Neither the database nor a repository has a record of backup '
            f'{conf.command.backup_id}.')
    print(json.dumps(record, indent=2))


@_told
def _import(conf):
    import dataclasses

    from manila_backup.maintenance import imports
    from manila_backup.maintenance import inspection

    command = conf.command
    tools = _Tools(conf, command.driver, command.repository)
    work = imports.Import(conf, tools.database, tools.drivers, tools.source,
                          command.dry_run)
    with tools.lock() as lock:
        found = []
        if command.record:
            found.append(_import_record(tools, work, command.record))
        else:
            checks = inspection.Inspection(tools.database, tools.drivers)
            for name, place in checks.published():
                lock.keep()
                found.append(work.one(name, place))
    common.show(conf, [field.name for field in
                       dataclasses.fields(imports.Outcome)],
                [dataclasses.asdict(each) for each in found])
    return int(any(each.result == 'refused' for each in found))


@_told
def _upgrade(conf):
    tools = _Tools(conf, conf.command.driver)
    tools.refuse_older('use the repositories afterwards')
    said = {True: 'upgraded', False: 'is of the newest format already',
            None: 'has only one format'}
    common.show(conf, ('driver', 'result'), [
        {'driver': name, 'result': said[driver.upgrade()]}
        for name, driver in tools.drivers.items()])


@_told
def _key(conf):
    from manila_backup import exception

    command = conf.command
    tools = _Tools(conf, command.driver)
    found, said = [], []
    for name, driver in tools.drivers.items():
        try:
            place, password = driver.export_key(command.project)
        except exception.WorkFailed as exc:
            said.append(f'{name}: {exc}')
            continue
        found.append({'driver': name, 'repository': place,
                      'password': password})
    if not found:
        raise exception.ConfigurationError(' '.join(said))
    common.show(conf, ('driver', 'repository', 'password'), found)


@_told
def _rotate_key(conf):
    from manila_backup import exception

    command = conf.command
    if [command.all, command.catalogue, bool(command.project)].count(
            True) != 1:
        raise SystemExit('manila-backup-manage repository rotate-key: give '
                         '--project, --catalogue or --all')
    tools = _Tools(conf, command.driver)
    tools.refuse_older('read backups with the new keys')
    found = []
    with (tools.lock('rotate keys', 'rotating keys') as lock, lock.kept()):
        for name, driver in tools.drivers.items():
            for owner in driver.key_owners():
                if command.all or owner in command.project or (
                        command.catalogue and owner is None):
                    lock.keep()
                    found.append(_rotated(name, driver, owner))
    missing = set(command.project) - {each['project_id'] for each in found}
    if missing or not found:
        raise exception.ConfigurationError(
            f'There is no key of {", ".join(sorted(missing)) or "any"}.')
    common.show(conf, ('driver', 'project_id', 'result', 'removed', 'others',
                       'problem'), found)
    return int(any(each['result'] == 'failed' for each in found))


def _rotated(name, driver, owner):
    from manila_backup import exception

    row = {'driver': name, 'project_id': owner, 'removed': None,
           'others': None, 'problem': None}
    try:
        done = driver.rotate_key(owner)
    except exception.WorkFailed as exc:
        return {**row, 'result': 'failed', 'problem': str(exc)}
    return {**row, 'result': 'rotated', 'removed': done.removed,
            'others': done.others}


def _import_record(tools, work, path):
    from manila_backup.drivers import base
    from manila_backup.engine import records
    from manila_backup import exception

    try:
        with open(0 if path == '-' else path, encoding='utf-8') as source:
            record = json.load(source)
        backup = record['backup']
        place = base.BackupReference(backup['project_id'], backup['share_id'],
                                     backup['id'])
        if records.valid(record, place) is None:
            raise ValueError('it is no record of a backup')
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise exception.ConfigurationError(
            f'The record {path} can\'t be used: {exc}') from exc
    name = backup['backup_type']
    if name not in tools.drivers:
        name = next(iter(tools.drivers))
    return work.one(name, place, record)


def add_parsers(subparsers):
    """Add the commands to those of manila-backup-manage."""
    commands = common.category(subparsers, 'repository',
                               'Contents of the repositories.')
    common.listing(commands, _list,
                   'List the published backups in the repositories, with the '
                   'exclusive size of each.')

    sweep = common.listing(
        commands, _sweep, 'Remove the leftovers of dead attempts and '
                          'interrupted deletions.', name='sweep')
    sweep.add_argument('--dry-run', action='store_true',
                       help='only report what would be removed')
    sweep.add_argument('--unknown', action='store_true',
                       help='also remove what is unknown to this database: '
                            'PUBLISHED BACKUPS that could be imported, and '
                            'items of other services with the same repository')

    verify = common.listing(
        commands, _verify, 'Read backups again, and compare them with what '
                           'was recorded. The status of damaged ones is set '
                           'to error.',
        name='verify')
    verify.add_argument('backup_ids', nargs='*', metavar='BACKUP_ID')
    verify.add_argument('--all', action='store_true',
                        help='all backups, also those in the repositories '
                             'that are unknown to the database')
    verify.add_argument('--project', metavar='PROJECT_ID',
                        help='all backups of a project')
    verify.add_argument('--dry-run', action='store_true',
                        help='change no row; damage is still marked in the '
                             'repository, so that later backups reuse nothing '
                             'of a damaged one')

    export = common.command(
        commands, 'export', _export, 'Print the record of a backup as JSON, '
        'for "repository import --record" in another database.')
    export.add_argument('backup_id', metavar='BACKUP_ID')

    import_ = common.listing(
        commands, _import, 'Import backups that are in a repository but not '
                           'in the database.', name='import')
    import_.add_argument('--repository', metavar='PATH',
                         help='repository to read (default: the configured '
                              'one)')
    import_.add_argument('--driver', metavar='NAME',
                         help='only backups of this driver')
    import_.add_argument('--record', metavar='FILE',
                         help='only the backup in this file, which '
                              '"repository export" has printed; - is standard '
                              'input')
    import_.add_argument('--dry-run', action='store_true',
                         help='only report what would be imported')

    upgrade = common.listing(
        commands, _upgrade, 'Upgrade the repositories to the newest format, '
                            'in which backups of shares with long paths take '
                            'far less space. WORKERS OF AN EARLIER RELEASE '
                            'CAN\'T USE THEM AFTERWARDS.', name='upgrade')
    upgrade.add_argument('--driver', metavar='NAME',
                         help='only repositories of this driver')
    upgrade.add_argument('--force', action='store_true',
                         help='even while workers of an earlier release are '
                              'running')

    key = common.listing(
        commands, _key, 'Print what is needed to read the backups of a '
                        'project without this service: the location of its '
                        'repository and THE PASSWORD that opens it.',
        name='key')
    key.add_argument('--project', metavar='PROJECT_ID', required=True)
    key.add_argument('--driver', metavar='NAME',
                     help='only repositories of this driver')

    rotate = common.listing(
        commands, _rotate_key, 'Replace the passwords of repositories: a new '
                               'one is added, tried and recorded, and those '
                               'before it are revoked. What was interrupted '
                               'is completed by the next run.',
        name='rotate-key')
    rotate.add_argument('--project', metavar='PROJECT_ID', action='append',
                        default=[], help='that of a project; may be given '
                                         'several times')
    rotate.add_argument('--catalogue', action='store_true',
                        help='that of the list of the repositories, after '
                             '[restic] password_file was replaced')
    rotate.add_argument('--all', action='store_true',
                        help='those of all projects, and of that list')
    rotate.add_argument('--driver', metavar='NAME',
                        help='only repositories of this driver')
    rotate.add_argument('--force', action='store_true',
                        help='even while workers of an earlier release are '
                             'running')
