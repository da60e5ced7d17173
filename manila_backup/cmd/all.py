# SPDX-License-Identifier: Apache-2.0
"""manila-backup-all: the API and one worker in one process.

Needs no other server: SQLite, an in-memory bus, local shares and the posix
driver, no authentication, on a loopback address. Every default can be
overridden in its configuration.
"""

from manila_backup.cmd import common
from manila_backup.cmd import embedded
from manila_backup.cmd import systemd


def _main(args):
    from manila_backup.api import app
    from manila_backup.api import bound
    from manila_backup.api import gate
    from manila_backup.api import server
    from manila_backup.bus import rpc
    from manila_backup import conf as config
    from manila_backup.db import engine
    from manila_backup.db import schema
    from manila_backup import exception
    from manila_backup.maintenance import misspelt
    from manila_backup import private
    from manila_backup.requests import admission
    from manila_backup.ui import app as ui

    conf = config.load(args, 'manila-backup-all', configure=embedded.configure)
    config.setup_logging(conf)
    misspelt.warn(conf)
    signals = common.Signals.of_service(conf)
    told = systemd.Notifier()
    try:
        private.make_directories(conf.state_path)
    except OSError as exc:
        raise exception.ConfigurationError(
            f'state_path {conf.state_path} can\'t be made: '
            f'{exc.strerror}') from exc
    database = engine.Database(conf)
    at_hand = gate.Gate(lambda: schema.sync(database, conf))
    transport = rpc.get_transport(conf)
    requests = admission.Admission.from_conf(conf, database, transport)
    running = common.make_worker(conf, database, transport)
    requests.asker.answer_here(running)
    http = server.Server(conf, ui.mount(app.build(
        conf, database, requests, running.metrics.registry, at_hand,
        bound.Bound(conf.api.threads)), conf), systemd.sockets())
    if not at_hand.look():
        # Whoever asks is told so meanwhile.
        http.start()
        there = False
        try:
            there = common.patiently(conf, at_hand.check, signals)
        finally:
            if not there:
                http.stop()
        if not there:
            return
    running.start()
    try:
        http.start()
        print(f'manila-backup: {http.url}/v2', flush=True)
        if conf.ui.enabled:
            print(f'In a browser:  {http.url}/ui/', flush=True)
        told.ready(lambda: http.has_turned() and running.is_whole())
        signals.wait()
        told.stopping()
        http.stop()
    finally:
        requests.close()
        running.stop(signals.left_for_work())


def main():
    """The console script's entry point."""
    common.run(_main)
