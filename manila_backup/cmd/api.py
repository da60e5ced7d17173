# SPDX-License-Identifier: Apache-2.0
"""manila-backup-api: the HTTP API."""

from manila_backup.cmd import common


def _main(args):
    from manila_backup.api import app
    from manila_backup.api import server
    from manila_backup import conf as config
    from manila_backup.operations import admission

    conf = config.load(args, 'manila-backup-api')
    config.setup_logging(conf)
    signals = common.Signals(conf.mutate_config_files)
    database = common.connect(conf)
    requests = admission.Admission.from_conf(conf, database)
    http = server.Server(conf, app.build(conf, database, requests))
    http.start()
    signals.wait()
    http.stop()
    requests.close()


def main():
    """The console script's entry point."""
    common.run(_main)
