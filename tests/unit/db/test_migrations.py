# SPDX-License-Identifier: Apache-2.0
"""Migrations keep the rules by which two releases can work on one schema."""

import types

from alembic import op
from alembic import script
from oslotest import base
import sqlalchemy as sa

from manila_backup.db import schema
from tests.unit.db import rules


def migrations():
    """Every migration, the oldest first."""
    found = script.ScriptDirectory.from_config(
        schema.config()).walk_revisions()
    return list(reversed(list(found)))


class Migrations(base.BaseTestCase):

    def test_are_numbered(self):
        found = migrations()
        self.assertEqual([f'{number:04}' for number in
                          range(1, len(found) + 1)],
                         [each.revision for each in found])
        self.assertEqual(found[-1].revision, schema.HEAD)

    def test_keep_the_rules(self):
        # There was no release before the first.
        for each in migrations()[1:]:
            self.assertEqual([], rules.violations(each.module),
                             each.revision)


class Rules(base.BaseTestCase):
    """Findings of the test above."""

    def _violations(self, upgrade, **values):
        return rules.violations(types.SimpleNamespace(upgrade=upgrade,
                                                      **values))

    def assert_forbidden(self, word, upgrade, **values):
        self.assertIn(word, ' '.join(self._violations(upgrade, **values)))

    def assert_allowed(self, upgrade, **values):
        self.assertEqual([], self._violations(upgrade, **values))

    def test_columns(self):
        def add(*args, **kwargs):
            return lambda: op.add_column(
                'shares', sa.Column('more', sa.Integer, *args, **kwargs))

        self.assert_allowed(add())
        self.assert_allowed(add(nullable=False, server_default='0'))
        self.assert_allowed(add(sa.ForeignKey('shares.id',
                                              ondelete='CASCADE')))
        self.assert_forbidden('server default', add(nullable=False))
        # The models' own default is in the new code alone.
        self.assert_forbidden('server default', add(nullable=False,
                                                    default=0))
        self.assert_forbidden('unique', add(unique=True))
        self.assert_forbidden('ON DELETE', add(sa.ForeignKey('shares.id')))

    def test_alterations(self):
        def alter(**kwargs):
            return lambda: op.alter_column(
                'shares', 'size', existing_type=sa.Integer, **kwargs)

        self.assert_allowed(alter(nullable=True))
        self.assert_allowed(alter(server_default='1'))
        self.assert_forbidden('renamed', alter(new_column_name='gigabytes'))
        self.assert_forbidden('type', alter(type_=sa.BigInteger))
        self.assert_forbidden('null', alter(nullable=False))
        self.assert_forbidden('default', alter(server_default=None))
        self.assert_forbidden('renamed', lambda: self._batch(
            lambda batch: batch.alter_column('size', new_column_name='x')))

    def _batch(self, function):
        with op.batch_alter_table('shares') as batch:
            function(batch)

    def test_what_takes_away(self):
        for upgrade in (
                lambda: op.drop_column('shares', 'size'),
                lambda: op.drop_table('shares'),
                lambda: op.drop_index('ix_shares_created', 'shares'),
                lambda: op.drop_constraint('pk_shares', 'shares'),
                lambda: self._batch(lambda batch: batch.drop_column('size'))):
            self.assert_forbidden('only adds', upgrade)
            self.assert_allowed(upgrade, phase='contract')
        self.assert_forbidden('only takes away', lambda: op.add_column(
            'shares', sa.Column('more', sa.Integer)), phase='contract')
        self.assert_forbidden('no phase', lambda: None, phase='other')

    def test_the_rest(self):
        for upgrade in (
                lambda: op.rename_table('shares', 'exports'),
                lambda: op.create_unique_constraint('uq', 'shares', ['name']),
                lambda: op.create_foreign_key(
                    'fk', 'shares', 'snapshots', ['id'], ['share_id']),
                lambda: op.execute('UPDATE shares SET size = 1'),
                lambda: op.get_bind()):
            self.assert_forbidden('only adds', upgrade)
        self.assert_forbidden('unique', lambda: op.create_index(
            'ix', 'shares', ['name'], unique=True))
        self.assert_allowed(lambda: op.create_index('ix', 'shares', ['name']))

    def test_checks(self):
        def check(**kwargs):
            return lambda: op.create_check_constraint(
                'ck', 'shares', 'size > 0', **kwargs)

        self.assert_forbidden('held against the rows', check())
        self.assert_allowed(check(postgresql_not_valid=True))

    def test_tables(self):
        def create(*args):
            table = op.create_table(
                'things', sa.Column('id', sa.Integer, nullable=False),
                sa.Column('other', sa.String(36)), *args)
            op.create_index('ix', 'things', ['other'], unique=True)
            op.bulk_insert(table, [{'id': 1}])

        def refer(**kwargs):
            return lambda: create(sa.ForeignKeyConstraint(
                ['other'], ['shares.id'], **kwargs))

        self.assert_allowed(create)
        self.assert_allowed(refer(ondelete='CASCADE'))
        self.assert_forbidden('ON DELETE', refer())
