# SPDX-License-Identifier: Apache-2.0
"""Modules that an API does without: each of its processes would have them in
memory."""

from importlib import util
import os
import subprocess
import sys

import fixtures
from oslotest import base

# Parents of what is looked for are loaded for that, oslo.messaging too.
from manila_backup.bus import rpc  # noqa: F401
from manila_backup.wsgi import config_files
from tests.unit import template

#: Modules that are not to be loaded by an API with the defaults, which sends
#: to RabbitMQ: those of other settings, of workers and of commands.
UNWANTED = frozenset((
    # Of another database, and of migrations.
    'alembic', 'manila_backup.db.migrations', 'psycopg2', 'pymysql',
    # Of another bus.
    'oslo_messaging._drivers.impl_fake',
    'oslo_messaging._drivers.impl_kafka',
    # Of other ways to know a caller, and of Manila's shares.
    'keystoneauth1', 'keystonemiddleware', 'manila_backup.shares.manila',
    'manilaclient',
    # Of other drivers, and of what keeps their passwords.
    'castellan', 'cryptography', 'manila_backup.drivers.conformance',
    'manila_backup.drivers.nfs', 'manila_backup.drivers.restic',
    # Of workers.
    'manila_backup.engine.attempt', 'manila_backup.engine.worker',
    'manila_backup.maintenance.scheduler', 'manila_backup.maintenance.sweep',
    # Of metrics that are not asked for.
    'manila_backup.telemetry.metrics', 'prometheus_client',
    # Of commands, of another server, and of tests.
    'manila_backup.cmd', 'oslo_upgradecheck', 'prettytable', 'unittest',
    'waitress',
))

#: Those that :mod:`manila_backup` itself keeps from being loaded.
KEPT_OUT = frozenset(('eventlet',))

#: Loads the application as a WSGI server does, and says what it has then that
#: is a module (``manila_backup`` says of some that they are none).
LOAD = '''
import sys
import manila_backup.wsgi.api
print(*(name for name, module in sys.modules.items() if module))
'''


class TestCase(base.BaseTestCase):

    def test_each_is_there_to_be_loaded(self):
        self.assertEqual([], [name for name in sorted(UNWANTED)
                              if not util.find_spec(name)])

    def test_nothing_that_it_does_without(self):
        root = self.useFixture(fixtures.TempDir()).path
        template.put(f'{root}/db')
        with open(f'{root}/manila-backup.conf', 'w') as file:
            file.write(f'[DEFAULT]\nstate_path = {root}\n'
                       'auth_strategy = noauth\n'
                       'transport_url = rabbit://127.0.0.1:1/\n'
                       f'[database]\nconnection = sqlite:///{root}/db\n')
        loaded = subprocess.run(
            [sys.executable, '-c', LOAD], check=True, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**os.environ, config_files.CONFIG_DIR: root}).stdout.split()
        # It is the whole of it that was loaded.
        self.assertIn('oslo_messaging._drivers.impl_rabbit', loaded)
        self.assertEqual(
            [], sorted((UNWANTED | KEPT_OUT).intersection(loaded)))
