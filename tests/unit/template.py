# SPDX-License-Identifier: Apache-2.0
"""A database that has been migrated once, for every test to have a copy of:
the migrations take longer than most tests."""

import functools
import os
import tempfile

from manila_backup import conf as config
from manila_backup.db import engine
from manila_backup.db import schema


def put(path):
    """Put a database with all tables and no rows into a file.

    To be called before the test loads its configuration, as this may load
    one.
    """
    with open(path, 'xb') as copy:
        copy.write(_migrated())


@functools.cache
def _migrated():
    """The content of the file, as bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'db')
        conf = config.load(['--config-file', os.devnull], 'test')
        conf.set_override('connection', f'sqlite:///{path}', 'database')
        # Which has no default share type: each test has its own.
        conf.set_override('source', 'manila', 'shares')
        database = engine.Database(conf)
        schema.sync(database, conf)
        database.dispose()
        assert os.listdir(folder) == ['db'], 'not all is in the file'
        with open(path, 'rb') as file:
            return file.read()
