# SPDX-License-Identifier: Apache-2.0
"""manila-backup-api: the HTTP API."""

from manila_backup.cmd import common
from manila_backup.cmd import systemd


def _main(args):
    from manila_backup.api import app
    from manila_backup.api import bound
    from manila_backup.api import gate
    from manila_backup.api import server
    from manila_backup import conf as config
    from manila_backup.db import engine
    from manila_backup.db import schema
    from manila_backup.maintenance import misspelt
    from manila_backup.requests import admission
    from manila_backup.ui import app as ui

    conf = config.load(args, 'manila-backup-api')
    config.setup_logging(conf)
    misspelt.warn(conf)
    signals = common.Signals.of_service(conf)
    told = systemd.Notifier()
    database = engine.Database(conf)
    requests = admission.Admission.from_conf(conf, database)
    at_hand = gate.Gate(lambda: schema.check(database))
    http = server.Server(conf, ui.mount(app.build(
        conf, database, requests, gate=at_hand,
        places=bound.Bound(conf.api.threads)), conf), systemd.sockets())
    # With a database that is there, it is so from the first request on.
    at_hand.look()
    http.start()
    try:
        if common.patiently(conf, at_hand.check, signals):
            told.ready(http.has_turned)
            signals.wait()
    finally:
        told.stopping()
        http.stop()
        requests.close()


def main():
    """The console script's entry point."""
    common.run(_main)
