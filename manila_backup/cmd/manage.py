# SPDX-License-Identifier: Apache-2.0
"""manila-backup-manage: the operator's tool, on a host of the service."""

from manila_backup.cmd import common

DAY = 86400


def _db_sync(conf):
    from manila_backup.db import engine
    from manila_backup.db import schema

    schema.sync(engine.Database(conf), conf, conf.command.revision)


def _db_version(conf):
    from manila_backup.db import engine
    from manila_backup.db import schema

    print(schema.version(engine.Database(conf)) or 'none')


def _db_purge(conf):
    from manila_backup.db import operations
    from manila_backup.db import services

    database = common.connect(conf)
    age = conf.command.older_than * DAY
    count = database.write(operations.purge, age)
    gone = database.write(services.purge, age)
    print(f'{count} operations and {gone} services removed')


def _service_list(conf):
    from manila_backup.db import services

    database = common.connect(conf)
    found = database.read(services.list_all, conf.service_down_time)
    _show(conf, ('id', 'binary', 'host', 'identity', 'availability_zone',
                 'state', 'last_seen', 'version'),
          [dict(each._mapping, state='up' if each.up else 'down')
           for each in found])


def _operation_list(conf):
    from manila_backup.db import operations

    database = common.connect(conf)
    found = database.read(operations.list_recent, conf.command.status,
                          conf.command.limit)
    _show(conf, ('id', 'kind', 'status', 'backup_id', 'share_id',
                 'project_id', 'attempt', 'worker', 'lease_until',
                 'files_done', 'bytes_done', 'error', 'created_at',
                 'finished_at'),
          [each._mapping for each in found])


def _show(conf, columns, rows):
    """Print rows as a table, or as JSON."""
    import json

    import prettytable

    rows = [{name: _plain(row[name]) for name in columns} for row in rows]
    if conf.command.format == 'json':
        print(json.dumps(rows, indent=2))
        return
    table = prettytable.PrettyTable(columns)
    table.align = 'l'
    for row in rows:
        table.add_row(['' if row[name] is None else row[name]
                       for name in columns])
    print(table)


def _plain(value):
    return value.isoformat() if hasattr(value, 'isoformat') else value


def _add_parsers(subparsers):
    db = _category(subparsers, 'db', 'The database\'s schema and rows.')
    sync = _command(db, 'sync', _db_sync,
                    'Bring the schema to this release\'s version.')
    sync.add_argument('revision', nargs='?', default='head',
                      help='the version to go to (the newest)')
    _command(db, 'version', _db_version, 'Print the schema\'s version.')
    purge = _command(db, 'purge', _db_purge,
                     'Forget operations that ended, and processes not heard '
                     'of, long ago.')
    purge.add_argument('--older-than', type=float, default=30,
                       metavar='DAYS', help='how long ago: 30 by default')

    service = _category(subparsers, 'service', 'The service\'s processes.')
    _listing(service, _service_list,
             'List the processes and whether they are up.')

    operation = _category(subparsers, 'operation',
                          'What workers do, did or are to do.')
    listing = _listing(operation, _operation_list,
                       'List operations, the newest first.')
    listing.add_argument('--status', action='append',
                         choices=['queued', 'running', 'cancelling', 'done',
                                  'failed', 'cancelled'],
                         help='only those; may be given several times')
    listing.add_argument('--limit', type=int, default=100,
                         help='how many at the most: 100 by default')


def _category(subparsers, name, text):
    parser = subparsers.add_parser(name, help=text, description=text)
    commands = parser.add_subparsers(dest='action', metavar='COMMAND')
    commands.required = True
    return commands


def _command(commands, name, function, text):
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(function=function)
    return parser


def _listing(commands, function, text):
    parser = _command(commands, 'list', function, text)
    parser.add_argument('--format', choices=['table', 'json'],
                        default='table', help='how to print it: table')
    return parser


def _main(args):
    from oslo_config import cfg

    from manila_backup import conf as config

    command = cfg.SubCommandOpt(
        'command', title='commands', handler=_add_parsers,
        help='COMMAND --help tells more.')
    conf = config.load(args, 'manila-backup-manage', cli_opts=[command])
    config.setup_logging(conf)
    if not conf.command.name:
        raise SystemExit('manila-backup-manage: say what to do; see --help')
    return conf.command.function(conf)


def main():
    """The console script's entry point."""
    common.run(_main)
