# SPDX-License-Identifier: Apache-2.0
"""manila-tempest-plugin's tests of share backups."""

import configparser
import os

from manila_backup.api import microversions
from tests.functional import keystone
from tests.suites import runner

TESTS = r'^manila_tempest_tests\.tests\.api\.test_backup(_negative)?\.'

# Names in tempest's configuration, not the password of anything.
_OPTIONS = {
    'DEFAULT': {
        'log_file': 'tempest.log',
    },
    'auth': {
        'use_dynamic_credentials': True,
        'create_isolated_networks': False,
        'admin_username': 'admin',
        'admin_project_name': 'admin',
        'admin_domain_name': 'Default',
        'admin_password': keystone.password_of('admin'),
    },
    'identity': {
        'auth_version': 'v3',
        'region': keystone.REGION,
        'v3_endpoint_type': 'public',
    },
    'oslo_concurrency': {
        'lock_path': 'locks',
    },
    'service_available': {
        'manila': True,
        'cinder': False,
        'glance': False,
        'neutron': False,
        'nova': False,
        'swift': False,
    },
    'share': {
        'catalog_type': 'shared-file-system',
        'region': keystone.REGION,
        'endpoint_type': 'publicURL',
        'min_api_microversion': '2.0',
        'max_api_microversion': microversions.to_string(microversions.MAX),
        'multitenancy_enabled': False,
        'enable_protocols': 'nfs',
        'run_driver_assisted_backup_tests': True,
        # None: the generic way to back up, with what is there by default.
        'driver_assisted_backup_test_driver_options': '',
        'build_interval': 1,
        'build_timeout': 120,
        # A failure is to be seen in what was cleaned up too.
        'suppress_errors_in_cleanup': False,
    },
}


class Tempest(runner.Suite):
    """``tempest run``."""

    name = 'tempest'

    def execute(self, cloud, args):
        status = self.command('tempest', 'init', self.workspace)
        if status:
            return status
        config = configparser.RawConfigParser()
        config.read_dict({name: {key: str(value) for key, value
                                 in section.items()}
                          for name, section in _OPTIONS.items()})
        config['identity']['uri_v3'] = cloud.keystone.url
        config['oslo_concurrency']['lock_path'] = os.path.join(
            self.workspace, 'locks')
        path = os.path.join(self.workspace, 'etc', 'tempest.conf')
        with open(path, 'w') as file:
            config.write(file)
        return self.command('tempest', 'run', '--config-file', path,
                            '--concurrency', '2', '--regex', TESTS, *args)
