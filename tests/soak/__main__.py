# SPDX-License-Identifier: Apache-2.0
"""A whole service under load, in which everything that can die does, again
and again; and then a look at whether anything was lost.

    python -m tests.soak [--minutes 10] [--seed n] [--database mysql]
                         [--driver posix]
"""

import argparse
import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback

from tests.functional import cloud
from tests.soak import audit
from tests.soak import clients
from tests.soak import faults
from tests.soak import galera
from tests.soak import model
from tests.soak import plans
from tests.soak import repositories
from tests.soak import servers
from tests.soak import service as services
from tests.soak import trees

APIS, WORKERS, CLIENTS = 2, 3, 6

DATABASES = {'mysql': servers.MariaDB, 'postgresql': servers.PostgreSQL,
             'galera': galera.Galera}

PROJECTS = ('p0', 'p1', 'p2', 'p3')

#: In each project.
SHARES = 10

#: How many of them have enough in them for operations to last. Those are
#: asked for as often as the others together.
LARGE = 0.2

#: Backups that a project may have: reached now and then.
QUOTA = 30


def _arguments():
    parser = argparse.ArgumentParser(prog='soak', description=__doc__)
    parser.add_argument('--minutes', type=float, default=10,
                        help='how long requests and faults go on')
    parser.add_argument('--seed', type=int, help='another one for other '
                        'faults and requests; printed where it is not given')
    parser.add_argument('--database', choices=list(DATABASES),
                        default='mysql')
    parser.add_argument('--driver', choices=list(repositories.DRIVERS),
                        default='posix')
    parser.add_argument('--keep', action='store_true', help='leave logs and '
                        'data behind, also where all is well')
    args = parser.parse_args()
    if args.seed is None:
        args.seed = random.SystemRandom().randrange(10 ** 6)
    return args


def main():
    args = _arguments()
    # So that what was started is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = tempfile.mkdtemp(prefix='soak-', dir=cloud.FOLDER)
    os.chmod(folder, 0o711)     # PostgreSQL's account has to come through
    print(f'soak: seed {args.seed}, {args.database}, {args.driver}, '
          f'{args.minutes:g} minutes, in {folder}', flush=True)
    tally = model.Tally()
    try:
        with contextlib.ExitStack() as stack:
            _Soak(args, folder, tally, stack).run()
    except Exception:
        traceback.print_exc()
        tally.violation('the soak itself failed')
    except BaseException:
        traceback.print_exc()
        shutil.rmtree(folder)
        raise
    print(tally.report())
    if tally.violations:
        print(f'soak: seed {args.seed}: {len(tally.violations)} violations; '
              f'logs and data stay in {folder}')
        for each in tally.violations:
            print(f'  {each}')
        return 1
    if not args.keep:
        shutil.rmtree(folder)
    print(f'soak: seed {args.seed}: all is as it must be')
    return 0


class _Soak:

    def __init__(self, args, folder, tally, stack):
        self._args = args
        self._folder = folder
        self._tally = tally
        self._random = random.Random(f'{args.seed} shares')
        bus, database = (self._server(kind, stack) for kind in (
            servers.RabbitMQ, DATABASES[args.database]))
        for each in bus, database:
            each.launch()
        for each in bus, database:
            cloud.eventually(type(each).__name__, each.ready,
                             services.STARTING)
        self._service = services.Service(folder, database, bus,
                                         args.driver)
        stack.callback(self._service.end_hard)

    def _server(self, kind, stack):
        folder = os.path.join(self._folder, kind.__name__.lower())
        os.mkdir(folder, 0o755)
        server = kind(folder)
        stack.callback(server.stop)
        return server

    def run(self):
        began = time.monotonic()
        self._service.prepare(APIS, WORKERS, QUOTA)
        planned = plans.Plans(self._service, self._tally)
        planned.set_clock()
        self._service.start_all()
        shares = self._make_shares()
        planned.begin([self._plant(project, 5) for project in plans.PROJECTS])
        print(f'soak: begun after {time.monotonic() - began:.1f} s',
              flush=True)
        stop = threading.Event()
        asking = [clients.Client(number, self._args.seed, self._service,
                                 shares, self._tally, stop)
                  for number in range(CLIENTS)]
        for each in asking:
            each.start()
        troubles = faults.Faults(self._args.seed, self._service, self._tally)
        monitor = audit.Monitor(self._service, self._tally)
        try:
            troubles.run(self._args.minutes * 60, monitor.look)
        finally:
            stop.set()
            troubles.end()
        for each in asking:
            if not each.join(services.PATIENCE):
                self._tally.violation(f'{each.name} gets no answer')
            if each.failed:
                raise each.failed
        began = time.monotonic()
        planned.end()
        audit.drain(self._service, self._tally)
        print(f'soak: quiet after {time.monotonic() - began:.1f} s',
              flush=True)
        audit.Audit(self._service, shares + planned.shares,
                    self._tally).run(asking, planned)
        for name, status in self._service.stop_all().items():
            if status:
                self._tally.violation(f'{name} ended with {status}')

    def _make_shares(self):
        found = []
        for number in range(len(PROJECTS) * SHARES):
            project = PROJECTS[number % len(PROJECTS)]
            if self._random.random() < LARGE:
                found.append(self._plant(project, 2500, 5, 1 / LARGE))
            else:
                found.append(self._plant(project,
                                         self._random.randint(1, 40)))
        return found

    def _plant(self, project, files, large=0, weight=1):
        """A share with something in it; see :class:`~.model.Share`."""
        share_id = self._make_share(project)
        path = os.path.join(self._service.state, 'shares', share_id)
        trees.Gardener(self._random).plant(path, files, large)
        return model.Share(share_id, project, path,
                           model.Known(trees.walk(path)), weight)

    def _make_share(self, project):
        def ask(method, path, body=None):
            return self._service.request('api0', f'soak-{project}:{project}',
                                         method, path, body).body['share']

        share_id = ask('POST', '/shares', {'share': {
            'share_proto': 'NFS', 'size': 1}})['id']
        cloud.eventually('a share', lambda: ask(
            'GET', f'/shares/{share_id}')['status'] == 'available',
            services.STARTING)
        return share_id


if __name__ == '__main__':
    sys.exit(main())
