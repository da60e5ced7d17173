# SPDX-License-Identifier: Apache-2.0
"""python-manilaclient's functional tests of share backups, as its source
distribution has them."""

import configparser
import glob
import os

from tests.functional import keystone
from tests.suites import runner

TESTS = r'^manilaclient\.tests\.functional\.osc\.test_share_backups\.'


class Client(runner.Suite):
    """stestr, in the unpacked source distribution."""

    name = 'client-functional'
    # The tests pass its backup option to every backup.
    options = {'backup__enabled_drivers': 'dummy, posix'}

    def prepare(self):
        # For the service's processes: see dummy_driver.py there.
        os.environ['PYTHONPATH'] = os.path.join(
            os.path.dirname(os.path.abspath(__file__)), 'plugin')

    def execute(self, cloud, args):
        sources, = glob.glob(os.path.join(runner.VENV, 'src',
                                          'python_manilaclient-*/'))
        # The share type that they create shares with.
        cloud.cloud.ask(200, 'POST', '/types', {'share_type': {
            'name': 'dhss_false',
            'extra_specs': {'driver_handles_share_servers': 'False'}}},
            token=cloud.keystone.token)
        os.mkdir(self.workspace)
        self._configure(cloud)
        return self.command(
            'stestr', '--repo-url', self.workspace,
            '--test-path', os.path.join(
                sources, 'manilaclient', 'tests', 'functional'),
            '--top-dir', sources,
            'run', '--concurrency', '2', TESTS, *args,
            OS_MANILACLIENT_CONFIG_DIR=self.workspace,
            OS_MANILA_EXEC_DIR=os.path.join(runner.VENV, 'bin'))

    def _configure(self, cloud):
        config = configparser.RawConfigParser()
        options = {
            'build_interval': '1',
            'build_timeout': '120',
            'suppress_errors_in_cleanup': 'false',
        }
        for prefix, user, project in (
                ('', runner.USER, runner.PROJECT),
                ('admin_', 'admin', 'admin')):
            options |= {f'{prefix}{name}': value for name, value in {
                'username': user,
                'password': keystone.password_of(user),
                'tenant_name': project,
                'auth_url': cloud.keystone.url,
                'user_domain_id': 'default',
                'project_domain_id': 'default'}.items()}
        config['DEFAULT'] = options
        with open(os.path.join(self.workspace, 'manilaclient.conf'),
                  'w') as file:
            config.write(file)
