# SPDX-License-Identifier: Apache-2.0
"""manila-backup-worker: runs backups, restores and deletions."""

from manila_backup.cmd import common
from manila_backup.cmd import systemd


def _main(args):
    from manila_backup.bus import rpc
    from manila_backup import conf as config
    from manila_backup.maintenance import misspelt
    from manila_backup.telemetry import metrics

    conf = config.load(args, 'manila-backup-worker')
    config.setup_logging(conf)
    misspelt.warn(conf)
    signals = common.Signals.of_service(conf)
    told = systemd.Notifier()
    database = common.connect(conf, signals)
    if database is None:
        return
    running = common.make_worker(conf, database, rpc.get_transport(conf))
    endpoint = (metrics.Endpoint(conf, running.metrics.registry)
                if conf.metrics.enabled else None)
    running.start()
    told.ready(running.is_whole)
    signals.wait()
    told.stopping()
    running.stop(signals.left_for_work())
    if endpoint:
        endpoint.close()


def main():
    """The console script's entry point."""
    common.run(_main)
