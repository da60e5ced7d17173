# SPDX-License-Identifier: Apache-2.0
"""The rules for migrations, of doc/source/contributor/schema.rst, as code:
what a migration does, told by what it asks alembic for."""

import contextlib
import types

from alembic import operations
from alembic.operations import ops
from alembic.runtime import migration

EXPAND, CONTRACT = 'expand', 'contract'

_TAKES_AWAY = (ops.DropColumnOp, ops.DropTableOp, ops.DropIndexOp,
               ops.DropConstraintOp)


class _Batch(operations.BatchOperations):

    def __init__(self, context, table_name, invoke):
        super().__init__(context, impl=types.SimpleNamespace(
            table_name=table_name, schema=None))
        self.invoke = invoke


def _asked_for(upgrade):
    """Record what a migration asks alembic for, instead of having it done.

    :returns: list of alembic's operations; get_bind's name stands for
        statements of its own.
    """
    seen = []

    def invoke(operation):
        seen.append(operation)
        if isinstance(operation, ops.CreateTableOp):
            return operation.to_table(context)

    @contextlib.contextmanager
    def batch_alter_table(table_name, **kwargs):
        yield _Batch(context, table_name, invoke)

    context = migration.MigrationContext.configure(
        dialect_name='mysql', opts={'as_sql': True})
    with operations.Operations.context(context) as op:
        op.invoke = invoke
        op.batch_alter_table = batch_alter_table
        op.get_bind = lambda: seen.append('get_bind')
        upgrade()
    return seen


def violations(module):
    """List what in a migration is against the rules.

    :param module: the migration: has ``upgrade`` and perhaps ``phase``.
    :returns: list of str, sentences.
    """
    seen = _asked_for(module.upgrade)
    phase = getattr(module, 'phase', EXPAND)
    if phase == CONTRACT:
        return [f'A contract migration only takes away, and has: {_name(each)}'
                for each in seen
                if not isinstance(each, _TAKES_AWAY)]
    if phase != EXPAND:
        return [f'There is no phase {phase}.']
    new = {each.table_name for each in seen
           if isinstance(each, ops.CreateTableOp)}
    return [problem for each in seen
            for problem in _of_expand(each, new)]


def _name(operation):
    return (operation if isinstance(operation, str)
            else type(operation).__name__)


def _of_expand(operation, new):
    if isinstance(operation, ops.CreateTableOp):
        for item in operation.columns:
            yield from _references(item, operation.table_name, new)
        return
    if getattr(operation, 'table_name', None) in new:
        return      # nobody knows it yet
    if isinstance(operation, ops.AddColumnOp):
        column = operation.column
        name = f'{operation.table_name}.{column.name}'
        if not column.nullable and column.server_default is None:
            yield (f'{name} may not be null and has no server default: what '
                   f'the release before writes lacks it.')
        if column.unique:
            yield (f'{name} is unique: the release before does not know '
                   f'what to write there.')
        yield from _references(column, operation.table_name, new)
    elif isinstance(operation, ops.CreateIndexOp):
        if operation.unique:
            yield (f'{operation.index_name} is unique, which the release '
                   f'before does not heed.')
    elif isinstance(operation, ops.CreateCheckConstraintOp):
        if not operation.kw.get('postgresql_not_valid'):
            yield (f'{operation.constraint_name} is held against the rows '
                   f'that are there.')
    elif isinstance(operation, ops.AlterColumnOp):
        yield from _of_alteration(operation)
    elif not isinstance(operation, ops.BulkInsertOp) or (
            operation.table.name not in new):
        yield f'An expand migration only adds, and has: {_name(operation)}'


def _of_alteration(operation):
    name = f'{operation.table_name}.{operation.column_name}'
    if operation.modify_name is not None:
        yield f'{name} is renamed.'
    if operation.modify_type is not None:
        yield f'{name} gets another type.'
    if operation.modify_nullable is False:
        yield f'{name} may not be null any more.'
    if operation.modify_server_default is None:
        yield f'{name} loses its server default.'


def _references(item, table, new):
    """Foreign keys, of a column or a constraint, to what the release before
    removes rows of without knowing of the reference."""
    for key in getattr(item, 'foreign_keys', None) or getattr(
            item, 'elements', ()):
        if (key.target_fullname.partition('.')[0] not in new
                and key.ondelete is None):
            yield (f'{table} refers to {key.target_fullname} without saying '
                   f'what becomes of it ON DELETE.')
