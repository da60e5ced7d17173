# SPDX-License-Identifier: Apache-2.0
"""manila-tempest-plugin's tests of share backups."""

import configparser
import os

from manila_backup.api import microversions
from tests.functional import keystone
from tests.suites import runner

TESTS = r'^manila_tempest_tests\.tests\.api\.test_backup(_negative)?\.'

#: What any deployment's configuration of tempest has.
# Names in tempest's configuration, not the password of anything.
DEPLOYMENT = {
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
        'cinder': False,
        'glance': False,
        'neutron': False,
        'nova': False,
        'swift': False,
    },
    'share': {
        'build_interval': 1,
        'build_timeout': 120,
        # A failure is to be seen in what was cleaned up too.
        'suppress_errors_in_cleanup': False,
    },
}

_SHARES = {
    'service_available': {
        'manila': True,
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
    },
}


class Tempest(runner.Suite):
    """``tempest run``."""

    name = 'tempest'

    def execute(self, cloud, args):
        path = self.initialize(cloud.keystone.url, DEPLOYMENT, _SHARES)
        return self.run_tests(path, args)

    def initialize(self, identity_url, *options):
        """Make the workspace.

        :param identity_url: str, Keystone's.
        :param options: dict of group to dict of option to value, each.
        :returns: str, the configuration file.
        """
        if self.command('tempest', 'init', self.workspace):
            raise AssertionError('tempest init has failed')
        config = configparser.RawConfigParser()
        for each in options:
            config.read_dict({name: {key: str(value) for key, value
                                     in section.items()}
                              for name, section in each.items()})
        config['identity']['uri_v3'] = identity_url
        config['oslo_concurrency']['lock_path'] = os.path.join(
            self.workspace, 'locks')
        path = os.path.join(self.workspace, 'etc', 'tempest.conf')
        with open(path, 'w') as file:
            config.write(file)
        return path

    def run_tests(self, path, args):
        """Run the tests of share backups.

        :param path: str, the configuration file.
        :param args: list of str for ``tempest run``.
        :returns: int, its exit status.
        """
        return self.command('tempest', 'run', '--config-file', path,
                            '--concurrency', '2', '--regex', TESTS, *args)
