# SPDX-License-Identifier: Apache-2.0
"""The schema's versions, by alembic.

Services only look which version the database is at, and that without
alembic: it is a tenth of a process's memory.
"""

import os

from oslo_utils import uuidutils
import sqlalchemy as sa

from manila_backup.db import models
from manila_backup.db import rows
from manila_backup.db import shares as db_shares
from manila_backup import exception

#: The version that this release of the service needs: the newest of those in
#: ``migrations/versions``.
HEAD = '0003'

_HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                     'migrations')


def config(connection=None):
    """alembic's configuration.

    :param connection: the SQLAlchemy connection to run migrations on.
    """
    from alembic import config as alembic_config

    found = alembic_config.Config()
    found.set_main_option('script_location', _HERE)
    found.attributes['connection'] = connection
    return found


def version(database):
    """The version that the database is at, or None if it has none."""
    table = sa.table('alembic_version', sa.column('version_num'))
    with database.engine.connect() as connection:
        if not sa.inspect(connection).has_table(table.name):
            return None
        return connection.execute(sa.select(table)).scalar()


def sync(database, conf, to='head'):
    """Bring the database's schema to a version, and put in the rows that
    the service can't do without.

    :param to: str, a revision; the newest by default.
    """
    from alembic import command

    with database.engine.connect() as connection:
        command.upgrade(config(connection), to)
        connection.commit()
    if to in ('head', HEAD) and conf.shares.source == 'local':
        database.write(_default_share_type,
                       conf.local_shares.default_share_type)


def check(database):
    """Make sure that the schema is the one that this release needs.

    :raises manila_backup.exception.ConfigurationError: it is not.
    """
    found = version(database)
    if found != HEAD:
        raise exception.ConfigurationError(
            f'The database is at schema version {found or "none"} and must '
            f'be at {HEAD}: run "manila-backup-manage db sync".')


def _default_share_type(conn, name):
    if db_shares.get_type(conn, name) is None:
        rows.insert(conn, models.share_types, id=uuidutils.generate_uuid(),
                    name=name, is_public=True,
                    extra_specs={'driver_handles_share_servers': 'False',
                                 'snapshot_support': 'True'})


def differences(database):
    """What differs between the database and the models, as alembic's list
    of differences: empty if nothing does."""
    from alembic import autogenerate
    from alembic.runtime import migration

    with database.engine.connect() as connection:
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
