# SPDX-License-Identifier: Apache-2.0
"""The service's database and its user: "init" makes them or brings them to
what they should be, "drop" removes them."""

import os
import sys

import sqlalchemy


def _statements(action, quote, name):
    """Return a list of statements; ``:user`` and the like are parameters."""
    if action == 'drop':
        return [f'DROP DATABASE IF EXISTS {quote(name)}',
                'DROP USER IF EXISTS :user@:host']
    # In a GRANT, "_" stands for any character.
    pattern = quote(name.replace('_', r'\_'))
    return [f'CREATE DATABASE IF NOT EXISTS {quote(name)} '
            'CHARACTER SET utf8mb4',
            'CREATE USER IF NOT EXISTS :user@:host IDENTIFIED BY :password',
            'ALTER USER :user@:host IDENTIFIED BY :password',
            f'GRANT ALL ON {pattern}.* TO :user@:host']


def main(action):
    """Execute the action's statements, as ADMIN_DB_CONNECTION says who."""
    if action not in ('init', 'drop'):
        return 'usage: database.py init | drop'
    wanted = sqlalchemy.engine.make_url(os.environ['DB_CONNECTION'])
    if wanted.get_backend_name() not in ('mysql', 'mariadb'):
        return f'{wanted.get_backend_name()}: not known here'
    engine = sqlalchemy.create_engine(os.environ['ADMIN_DB_CONNECTION'])
    quote = engine.dialect.identifier_preparer.quote_identifier
    values = {'user': wanted.username, 'password': wanted.password,
              'host': '%'}
    with engine.begin() as connection:
        for line in _statements(action, quote, wanted.database):
            connection.execute(sqlalchemy.text(line), {
                name: value for name, value in values.items()
                if f':{name}' in line})
    return 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
