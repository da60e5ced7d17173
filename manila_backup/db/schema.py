# SPDX-License-Identifier: Apache-2.0
"""The schema's versions, by alembic.

Services only look which version the database is at, and that without
alembic: it is a tenth of a process's memory.
"""

import contextlib
import os

from oslo_log import log
from oslo_utils import uuidutils
import sqlalchemy as sa

from manila_backup.db import models
from manila_backup.db import rows
from manila_backup.db import shares as db_shares
from manila_backup import exception

LOG = log.getLogger(__name__)

#: The version that this release of the service needs at least: the newest of
#: those in ``migrations/versions``. Versions are numbers of four digits.
HEAD = '0026'

_HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                     'migrations')


def config(connection=None):
    """alembic's configuration.

    :param connection: the SQLAlchemy connection to run migrations on.
    """
    from alembic import config as alembic_config

    config_ = alembic_config.Config()
    config_.set_main_option('script_location', _HERE)
    config_.attributes['connection'] = connection
    return config_


def version(database):
    """The version that the database is at, or None if it has none."""
    table = sa.table('alembic_version', sa.column('version_num'))
    with database.connection() as connection:
        if not sa.inspect(connection).has_table(table.name):
            return None
        return connection.execute(sa.select(table)).scalar()


def sync(database, conf, to='head'):
    """Bring the database's schema to a version, and put in the rows that
    the service can't do without. One that is newer than this release stays.

    :param to: str, a revision; the newest by default.
    """
    from alembic import command

    if is_newer(version(database)):
        return
    with database.connection() as connection:
        _leave_rows_alone(connection)
        command.upgrade(config(connection), to)
        connection.commit()
        # Nobody else is to have its ways.
        connection.invalidate()
    if to in ('head', HEAD):
        fill(database, conf)


def fill(database, conf):
    """Put in the rows that the service can't do without."""
    if conf.shares.source == 'local':
        database.write(_default_share_type,
                       conf.local_shares.default_share_type)


def _leave_rows_alone(connection):
    """Have migrations on a connection hold no row that is there against a
    constraint that they add: it is for what is written from then on. And
    SQLite, which copies a table to change it, is not to remove what refers
    to the old one."""
    statements = {
        'sqlite': ['PRAGMA foreign_keys = OFF',
                   'PRAGMA ignore_check_constraints = ON'],
        'mysql': (['SET SESSION check_constraint_checks = 0']
                  if getattr(connection.dialect, 'is_mariadb', False) else []),
    }
    statements['mariadb'] = statements['mysql']
    # Not by SQLAlchemy: in a transaction SQLite would not heed them.
    with contextlib.closing(connection.connection.cursor()) as cursor:
        for statement in statements.get(connection.dialect.name, ()):
            cursor.execute(statement)


def is_newer(current):
    """Tell whether a newer release has migrated the database to this version.
    This release can work with it: columns that it needs are dropped two
    releases later at the earliest.

    :param current: what :func:`version` said.
    """
    return current is not None and current > HEAD


def check(database):
    """Make sure that the schema has all that this release needs.

    :raises manila_backup.exception.ConfigurationError: it has not.
    """
    current = version(database)
    if current is None or current < HEAD:
        raise exception.ConfigurationError(
            f'The database is at schema version {current or "none"} and must '
            f'be at {HEAD}: run "manila-backup-manage db sync".')
    if is_newer(current):
        LOG.info('The database is at schema version %s, of a newer release '
                 'than this one, which needs %s', current, HEAD)


def _default_share_type(conn, name):
    if db_shares.get_type(conn, name) is None:
        rows.insert(conn, models.share_types, id=uuidutils.generate_uuid(),
                    name=name, is_public=True,
                    extra_specs={'driver_handles_share_servers': 'False',
                                 'snapshot_support': 'True'})


def differences(database):
    """List the differences between the database and the models, as alembic has
    them: empty if there are none."""
    from alembic import autogenerate
    from alembic.runtime import migration

    with database.connection() as connection:
        context = migration.MigrationContext.configure(
            connection, opts={'compare_type': _compare_type})
        return autogenerate.compare_metadata(context, models.Base.metadata)


def _compare_type(context, inspected_column, metadata_column,
                  inspected_type, metadata_type):
    # JSON is LONGTEXT on MariaDB, and a Boolean TINYINT: those are not
    # differences.
    if isinstance(metadata_type, (sa.JSON, sa.Boolean)):
        return False
    return None
