# SPDX-License-Identifier: Apache-2.0
"""manila-backup-all: the API and one worker in one process.

Needs no other server: SQLite, an in-memory bus, local shares and the posix
driver, no authentication, on a loopback address. Every default can be
overridden in its configuration.
"""

import os

from manila_backup.cmd import common


def _embedded(conf):
    conf.set_default('state_path', _state_path())
    conf.set_default('auth_strategy', 'noauth')
    conf.set_default('transport_url', 'fake://')
    conf.set_default('connection',
                     'sqlite:///$state_path/manila-backup.sqlite',
                     group='database')


def _state_path():
    if os.geteuid() == 0:
        return '/var/lib/manila-backup'
    base = (os.environ.get('XDG_STATE_HOME')
            or os.path.expanduser('~/.local/state'))
    return os.path.join(base, 'manila-backup')


def _register(conf):
    from oslo_messaging import opts

    # Its default can only be set once it is registered.
    conf.register_opts([
        opt for group, found in opts.list_opts() for opt in found
        if group is None and opt.dest == 'transport_url'])
    _embedded(conf)


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
    from manila_backup import private
    from manila_backup.requests import admission

    conf = config.load(args, 'manila-backup-all', configure=_register)
    config.setup_logging(conf)
    signals = common.Signals.of_service(conf)
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
    http = server.Server(conf, app.build(conf, database, requests,
                                         running.metrics.registry, at_hand,
                                         bound.Bound(conf.api.threads)))
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
        print(f'manila-backup: http://{conf.api.bind_host}:{http.port}/v2',
              flush=True)
        signals.wait()
        http.stop()
    finally:
        requests.close()
        running.stop()


def main():
    """The console script's entry point."""
    common.run(_main)
