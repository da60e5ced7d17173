# SPDX-License-Identifier: Apache-2.0
"""manila-backup-status: is this host ready for this release?"""

from oslo_config import cfg
from oslo_upgradecheck import common_checks
from oslo_upgradecheck import upgradecheck

from manila_backup.cmd import common
from manila_backup import conf as config
from manila_backup import exception
from manila_backup.operations import plugins


class Checks(upgradecheck.UpgradeCommands):
    """The checks of ``manila-backup-status upgrade check``."""

    def _schema(self):
        try:
            common.connect(self._conf)
        except exception.ConfigurationError as exc:
            return upgradecheck.Result(upgradecheck.Code.FAILURE, str(exc))
        return upgradecheck.Result(upgradecheck.Code.SUCCESS)

    def _plugins(self):
        try:
            plugins.drivers(self._conf)
            plugins.share_source(self._conf)
        except exception.ConfigurationError as exc:
            return upgradecheck.Result(upgradecheck.Code.FAILURE, str(exc))
        return upgradecheck.Result(upgradecheck.Code.SUCCESS)

    def __init__(self, conf):
        self._conf = conf
        self._upgrade_checks = (
            # Called with this object, as if they stood in the class.
            ('Database schema', Checks._schema),
            ('Drivers and share source', Checks._plugins),
            ('Policy file format',
             (common_checks.check_policy_json, {'conf': conf})),
        )


def _main(args):
    # oslo.upgradecheck parses the command line and the configuration.
    conf = config.register(cfg.ConfigOpts())
    return upgradecheck.main(conf, project=config.PROJECT,
                             upgrade_command=Checks(conf), argv=args)


def main():
    """The console script's entry point."""
    common.run(_main)
