# SPDX-License-Identifier: Apache-2.0
"""manila-backup-manage: the operator's tool, on a host of the service."""

from manila_backup.cmd import common
from manila_backup.cmd import embedded
from manila_backup.cmd import repository
from manila_backup.cmd import usage
from manila_backup import exception
from manila_backup import wording

DAY = 86400


def _db_sync(conf):
    from manila_backup.db import engine
    from manila_backup.db import schema

    database = engine.Database(conf)
    found = _version(conf, database)
    if schema.is_newer(found):
        print(f'The database is at schema version {found} and stays there: '
              f'this release has {schema.HEAD}.')
        return
    schema.sync(database, conf, conf.command.revision)


def _db_version(conf):
    from manila_backup.db import engine

    print(_version(conf, engine.Database(conf)) or 'none')


def _version(conf, database):
    """Look up the schema's version, waiting for a database that is away.

    :returns: str, or None where there is no schema yet.
    :raises manila_backup.exception.ConfigurationError: it stayed away.
    """
    from manila_backup.db import schema

    found = []
    common.patiently(conf, lambda: found.append(schema.version(database)))
    return found[0]


def _db_purge(conf):
    from manila_backup.db import operations
    from manila_backup.db import receipts
    from manila_backup.db import repositories
    from manila_backup.db import service_hosts
    from manila_backup.db import services

    database = common.connect(conf)
    age = conf.command.older_than * DAY
    count = database.write(operations.purge, age)
    # What is thought to be up is not dead, however little age is asked for.
    gone = database.write(services.purge, max(age, conf.service_down_time))
    database.write(service_hosts.purge)
    database.write(repositories.purge)
    database.write(receipts.purge, age)
    print(f'{wording.counted(count, "operation")} and '
          f'{wording.counted(gone, "service")} removed')


def _service_list(conf):
    from manila_backup.db import service_hosts
    from manila_backup.db import services

    database = common.connect(conf)
    found = database.read(services.list_all, conf.service_down_time)
    modes = database.read(service_hosts.modes)

    def shown(each):
        host = modes.get((each.binary, each.host))
        return dict(each._mapping, state='up' if each.up else 'down',
                    status=host.mode if host else 'enabled',
                    disabled_reason=host and host.reason)

    common.show(conf, ('id', 'binary', 'host', 'identity',
                       'availability_zone', 'state', 'last_seen', 'version',
                       'rpc_version', 'status', 'disabled_reason'),
                [shown(each) for each in found])


def _operation_list(conf):
    from manila_backup.db import operations

    database = common.connect(conf)
    found = database.read(operations.list_recent, conf.command.status,
                          conf.command.limit)
    common.show(conf, ('id', 'kind', 'status', 'backup_id', 'share_id',
                       'project_id', 'attempt', 'worker', 'lease_until',
                       'files_done', 'bytes_done', 'error', 'created_at',
                       'finished_at'),
                [each._mapping for each in found],
                None if conf.command.long else (
                    'id', 'kind', 'status', 'attempt', 'created_at'))


def _share_reset(conf):
    from manila_backup.db import shares
    from manila_backup.db import transitions
    from manila_backup import states

    share_id = conf.command.share
    if not common.connect(conf).write(
            transitions.override, shares.TABLE, share_id,
            states.Share.AVAILABLE, states.Override.SHARE_RESET,
            states.Share.BACKUP_RESTORING_ERROR):
        raise exception.ConfigurationError(
            f'Share {share_id} is not in '
            f'{states.Share.BACKUP_RESTORING_ERROR}.')


def _share_trust(conf):
    from manila_backup.db import places

    database = common.connect(conf)
    wanted = conf.command.share
    if wanted == places.ROOT:
        if not database.write(places.forget, wanted):
            raise exception.ConfigurationError(
                'No identity of the directory of the shares is recorded.')
    elif not database.write(places.forget_share,
                            None if wanted == 'all' else wanted):
        raise exception.ConfigurationError(f'There is no share {wanted}.')


def add_parsers(subparsers):
    """Add this tool's commands to those of a parser."""
    db = common.category(subparsers, 'db',
                         'Database schema and rows.')
    sync = common.command(db, 'sync', _db_sync,
                          'Upgrade the schema to this release\'s version.')
    sync.add_argument('revision', nargs='?', default='head',
                      help='version to upgrade to (default: the newest)')
    common.command(db, 'version', _db_version, 'Print the version of the '
                                               'schema.')
    purge = common.command(db, 'purge', _db_purge,
                           'Delete old records of ended operations and of '
                           'dead processes.')
    purge.add_argument('--older-than', type=float, default=30,
                       metavar='DAYS', help='how long ago: 30 by default')

    service = common.category(subparsers, 'service',
                              'Processes of the service.')
    common.listing(service, _service_list,
                   'List the processes and whether they are up.')

    share = common.category(subparsers, 'share',
                            'Shares in the database.')
    reset = common.command(share, 'reset', _share_reset,
                           'Reset a share to available after a failed '
                           'restore.')
    reset.add_argument('share', help='its id')
    trust = common.command(share, 'trust', _share_trust,
                           'Accept the present directory of a share when it '
                           'is used next, for instance after its content was '
                           'moved to another file system.')
    trust.add_argument('share', help='share id; "all"; or "local_shares" for '
                                     'the directory that holds the shares')

    operation = common.category(subparsers, 'operation',
                                'Operations of the workers.')
    listing = common.listing(operation, _operation_list,
                             'List operations, newest first.')
    listing.add_argument('--long', action='store_true',
                         help='a table with all columns, as JSON has them')
    listing.add_argument('--status', action='append',
                         choices=['queued', 'running', 'cancelling', 'done',
                                  'failed', 'cancelled'],
                         help='only those; may be given several times')
    listing.add_argument('--limit', type=int, default=100,
                         help='how many at the most: 100 by default')

    usage.add_parsers(subparsers)
    repository.add_parsers(subparsers)


def _main(args):
    from oslo_config import cfg

    from manila_backup import conf as config

    command = cfg.SubCommandOpt(
        'command', title='commands', handler=add_parsers,
        help='See COMMAND --help for details.')
    conf = config.load(args, 'manila-backup-manage', cli_opts=[command])
    embedded.find(conf)
    config.setup_logging(conf)
    if not conf.command.name:
        raise SystemExit('manila-backup-manage: no command given; see --help')
    return conf.command.function(conf)


def main():
    """The console script's entry point."""
    common.run(_main)
