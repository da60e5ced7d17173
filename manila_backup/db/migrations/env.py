# SPDX-License-Identifier: Apache-2.0
"""Runs migrations on the connection that ``manila_backup.db.schema`` gives."""

from alembic import context

from manila_backup.db import models


def run():
    """Run what alembic was asked to."""
    connection = context.config.attributes['connection']
    context.configure(
        connection=connection, target_metadata=models.Base.metadata,
        render_as_batch=connection.dialect.name == 'sqlite',
        # PostgreSQL and SQLite undo a migration that fails half-way.
        transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


run()
