# SPDX-License-Identifier: Apache-2.0
"""Settings that the plugin finds when it runs: DevStack's variables, and what
local.conf says about the plugin's own."""

import os
import shlex


def write(root, more):
    """Write ``localrc`` for run.sh.

    :param root: str, the directory that everything is below.
    :param more: dict of str to str: what differs from the defaults here.
    """
    dest = os.path.join(root, 'stack')
    apache = os.path.join(root, 'apache')
    values = {
        'DEST': dest,
        'DATA_DIR': os.path.join(dest, 'data'),
        'DEVSTACK_VENV': os.path.join(dest, 'data', 'venv'),
        'STACK_USER': 'daemon',
        'SYSTEMD_DIR': os.path.join(root, 'systemd'),
        'ENABLED_SERVICES': 'key,mysql,rabbit,tempest',
        'DISABLED_SERVICES': '',
        'SERVICE_HOST': '127.0.0.1',
        'SERVICE_PROTOCOL': 'http',
        'SERVICE_TIMEOUT': '90',
        'REGION_NAME': 'RegionOne',
        'ENABLE_DEBUG_LOG_LEVEL': 'True',
        'API_WORKERS': '2',
        'DATABASE_TYPE': 'mysql',
        'DATABASE_HOST': '127.0.0.1',
        'DATABASE_USER': 'root',
        'DATABASE_PASSWORD': 'secret',
        'BASE_SQL_CONN': 'mysql+pymysql://root:secret@127.0.0.1',
        'RABBIT_HOST': '127.0.0.1',
        'RABBIT_USERID': 'guest',
        'RABBIT_PASSWORD': 'guest',
        'KEYSTONE_SERVICE_URI': 'http://127.0.0.1/identity',
        'SERVICE_DOMAIN_NAME': 'Default',
        'SERVICE_PROJECT_NAME': 'service',
        'SERVICE_PASSWORD': 'secret',
        'SSL_BUNDLE_FILE': '',
        'MEMCACHE_SERVERS': '',
        'APACHE_CONF_DIR': os.path.join(apache, 'sites-available'),
        'APACHE_ENABLED_DIR': os.path.join(apache, 'sites-enabled'),
        'UWSGI_SOCKET_DIR': os.path.join(root, 'run-uwsgi'),
        'TEMPEST_CONFIG': os.path.join(root, 'tempest.conf'),
        'MANILA_BACKUP_CONF_DIR': os.path.join(root, 'etc', 'manila-backup'),
        **more}
    with open(os.path.join(root, 'localrc'), 'w') as file:
        for name, value in values.items():
            file.write(f'{name}={shlex.quote(value)}\n')
