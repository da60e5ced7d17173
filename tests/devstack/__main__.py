# SPDX-License-Identifier: Apache-2.0
"""Runs DevStack's plugin on this machine: installs, configures, initialises
and starts the service in a virtual environment of its own, against a real
Keystone, MariaDB, RabbitMQ and Apache, runs tempest's tests of share backups
against it, and has it removed again.

usage: python -m tests.devstack [ARGUMENT...]

The arguments are those of ``tempest run``. The last line counts what was
checked here together with tempest's tests.
"""

import contextlib
import os
import shutil
import signal
import sys
import tempfile

from manila_backup import version
from tests.devstack import apache
from tests.devstack import checks
from tests.devstack import deployment
from tests.functional import keystone
from tests.suites import tempest


def install(cloud, check):
    """Have the plugin do all that stack.sh has it do.

    :returns: bool, whether it has.
    """
    cloud.copy_sources()
    cloud.make_venv()
    # As local.conf may have it.
    with open(os.path.join(cloud.root, 'post-config'), 'w') as file:
        file.write('backup progress_interval 0.5\n')
    status = cloud.devstack('stack', 'pre-install', 'install', 'post-config',
                            'extra', 'test-config')
    return check('stack.sh gets to its end', status == 0, cloud.said())


def run_tempest(cloud, check, suite, args):
    """tempest's tests of share backups, as the plugin has configured them."""
    status = suite.run_tests(cloud.tempest, args)
    counts = suite.count()
    check.add(*counts)
    check('tempest runs tests, and is content', status == 0 and counts[0])


def remove(cloud, check):
    """Have the plugin do what unstack.sh and clean.sh have it do."""
    def unstack():
        return cloud.devstack('unstack') == 0 and not checks.processes(
            cloud.root) and not cloud.units.processes()

    check('unstack.sh leaves no process', unstack(), cloud.said())
    check('but it leaves the data', os.listdir(cloud.state))
    status = cloud.devstack('stack', 'install', 'post-config', 'extra')
    check('stack.sh can be run again', status == 0 and checks.get(
        cloud, '/share-backup/healthcheck')[0] == 200, cloud.said())
    check('and unstack.sh, too', unstack(), cloud.said())
    status = cloud.devstack('clean')
    check('clean.sh gets to its end', status == 0, cloud.said())
    cloud.apache.restart()
    checks.left_behind(cloud, check)


def main(args):
    if os.geteuid():
        sys.exit('The harness starts processes as other users: run it as '
                 'root.')
    if not apache.PROGRAM:
        sys.exit('Apache is not installed (Debian: apache2-bin).')
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    # A copy has no history to take it from.
    os.environ.setdefault('PBR_VERSION', version.string())
    check = checks.Checks()
    root = tempfile.mkdtemp(prefix='manila-backup-devstack-')
    os.chmod(root, 0o755)
    before = checks.elsewhere()
    try:
        with contextlib.ExitStack() as stack:
            identity = stack.enter_context(keystone.Keystone())
            cloud = deployment.Deployment(root, identity, stack)
            suite = tempest.Tempest(os.path.join(root, 'tempest'))
            suite.clear()
            cloud.tempest = suite.initialize(identity.url,
                                             tempest.DEPLOYMENT)
            os.chown(cloud.tempest, *checks.ids(cloud.user))
            os.chown(os.path.dirname(cloud.tempest), *checks.ids(cloud.user))
            print(f'As {cloud.user}, below {root}:', flush=True)
            cloud.write_localrc(MANILA_BACKUP_WORKERS='3',
                                MANILA_BACKUP_ROUTE_MANILA='True')
            if install(cloud, check):
                checks.deployed(cloud, check)
                run_tempest(cloud, check, suite, args)
                checks.logs(cloud, check)
                remove(cloud, check)
    finally:
        shutil.rmtree(root)
    check('nothing is left elsewhere', checks.elsewhere() == before,
          sorted(checks.elsewhere() - before))
    return check.summary()


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
