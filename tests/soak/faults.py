# SPDX-License-Identifier: Apache-2.0
"""Faults, at random times: processes and servers are killed, frozen, stopped
and cut off."""

import heapq
import itertools
import random
import signal
import time

from tests.soak import servers
from tests.soak import service as services

#: How often each fault is chosen, in relation to the others.
WEIGHTS = {'kill worker': 22, 'freeze worker': 12, 'end worker': 10,
           'kill api': 12, 'freeze api': 8, 'end api': 5,
           'stop bus': 5, 'purge queues': 4, 'kill bus': 1,
           'kill database': 6, 'restart database': 4, 'freeze database': 4,
           'cut database': 14}

#: How much oftener something befalls the database where it is a cluster.
_IN_A_CLUSTER = 3

#: Seconds until a server that was started again must be one of the others.
_REJOINING = 180

#: What a process says that starts while there is none.
_NO_DATABASE = 'The database can\'t be used'


class Faults:
    """Injects them. To be used by the main thread only.

    :param tally: a :class:`~tests.soak.model.Tally`.
    """

    def __init__(self, seed, service, tally):
        self._random = random.Random(f'{seed} faults')
        self._service = service
        self._tally = tally
        several = len(service.database.nodes) > 1
        self._weights = {
            kind: weight * (_IN_A_CLUSTER if several and 'database' in kind
                            else 1) for kind, weight in WEIGHTS.items()}
        self._due = []
        self._order = itertools.count()
        self._away = set()      # what a fault has hold of

    def run(self, seconds, tick):
        """Inject faults for so long; some may last beyond.

        :param tick: called several times a second.
        """
        end = time.monotonic() + seconds
        next_ = time.monotonic() + 1
        while time.monotonic() < end:
            if time.monotonic() >= next_:
                self._inject()
                next_ = time.monotonic() + self._random.expovariate(1.2)
            self._do_due()
            self._look_after()
            tick()
            time.sleep(0.1)

    def end(self):
        """Have everything work again."""
        while self._due:
            _, _, _, function = heapq.heappop(self._due)
            function()
        # What was started before the database was there ends yet.
        self._service.start_all(self._look_after)

    # -- the schedule ----------------------------------------------------

    def _later(self, seconds, what, function):
        """Undo a fault after so many seconds."""
        self._away.add(what)
        heapq.heappush(self._due, (time.monotonic() + seconds,
                                   next(self._order), what,
                                   lambda: self._undo(what, function)))

    def _undo(self, what, function):
        self._away.discard(what)
        function()

    def _do_due(self):
        while self._due and self._due[0][0] <= time.monotonic():
            _, _, _, function = heapq.heappop(self._due)
            function()

    def _look_after(self):
        """Restart what ended by itself, as a service manager would."""
        for name, process in self._service.processes.items():
            if process and name not in self._away and not process.running():
                said = process.said()[-2000:]
                if _NO_DATABASE in said:
                    self._tally.count('restarts', name.rstrip('0123456789'),
                                      'found no database')
                else:
                    self._tally.violation(f'{name} ended by itself: {said}')
                self._service.start(name)

    # -- the faults ------------------------------------------------------

    def _inject(self):
        kind, = self._random.choices(list(self._weights),
                                     self._weights.values())
        verb, what = kind.split()
        if getattr(self, f'_{verb}_{what}')():
            self._tally.count('faults', kind)

    def _pick(self, names):
        """One of these processes that runs and that nothing has befallen."""
        names = [name for name in names
                 if self._service.processes[name] and name not in self._away]
        return self._random.choice(names) if names else None

    def _pick_worker(self):
        name = self._pick(self._service.workers)
        if name and self._random.random() < 0.8:
            self._wait_busy(name)
        return name

    def _wait_busy(self, name):
        """Wait, a little, until a worker is at work on something."""
        worker = f'here:{self._service.processes[name].pid}:%'
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            if self._service.try_rows(
                    'SELECT id FROM operations WHERE worker LIKE :worker '
                    "AND status IN ('running', 'cancelling')",
                    worker=worker):
                # Anywhere in it.
                time.sleep(self._random.uniform(0, 0.15))
                return
            time.sleep(0.02)

    def _kill_worker(self):
        return self._kill(self._pick_worker())

    def _kill_api(self):
        return self._kill(self._pick(self._service.apis))

    def _kill(self, name):
        if name:
            self._service.processes[name].kill()
            self._service.processes[name] = None
            self._later(self._random.uniform(0, 4), name,
                        lambda: self._service.start(name))
        return name

    def _freeze_worker(self):
        # Beyond its lease, mostly.
        return self._freeze(self._pick_worker(), self._random.uniform(
            services.LEASE_TTL / 2, services.LEASE_TTL * 2.5))

    def _freeze_api(self):
        name = self._pick(self._service.apis)
        if self._random.random() < 0.5:
            return self._freeze(name, self._random.uniform(1, 8))
        # Not to wake again: with whatever it was in the middle of.
        return self._freeze(name, self._random.uniform(0.5, 2),
                            lambda: self._kill(name))

    def _freeze(self, name, seconds, then=None):
        if name:
            pids = [self._service.processes[name].pid]
            if self._random.random() < 0.7:
                # As a virtual machine is: with all its children.
                pids += servers.descendants(pids[0])
            servers.send(pids, signal.SIGSTOP)
            self._later(seconds, name, then or (
                lambda: servers.send(pids, signal.SIGCONT)))
        return name

    def _end_worker(self):
        return self._end(self._pick_worker())

    def _end_api(self):
        return self._end(self._pick(self._service.apis))

    def _end(self, name):
        if name:
            process = self._service.processes[name]
            process.signal(signal.SIGTERM)
            self._later(self._random.uniform(1, 3), name,
                        lambda: self._ended(name, process))
        return name

    def _ended(self, name, process):
        status = process.wait()
        said = process.said()
        if status == -signal.SIGTERM and not said:
            # Not even its own handler of signals was there yet.
            self._tally.count('restarts', 'told to end', 'while starting')
        elif status and _NO_DATABASE not in said:
            self._tally.violation(f'{name} was told to end and did so with '
                                  f'{status}: {said[-2000:]}')
        self._service.start(name)

    def _stop_bus(self):
        if 'bus' in self._away:
            return False
        self._service.bus.control('stop_app')
        self._later(self._random.uniform(0, 6), 'bus', self._resume_bus)
        return True

    def _resume_bus(self):
        bus = self._service.bus
        if bus.control('start_app') is None:
            self._tally.count('restarts', 'bus', 'did not go on')
            bus.kill()
            bus.start()

    def _purge_queues(self):
        return 'bus' not in self._away and self._service.bus.purge()

    def _kill_bus(self):
        if 'bus' in self._away:
            return False
        self._service.bus.kill()
        self._later(self._random.uniform(0, 3), 'bus',
                    self._service.bus.start)
        return True

    # Of several servers that are the database, one is chosen.

    def _kill_database(self):
        return self._end_database('kill')

    def _restart_database(self):
        return self._end_database('stop')

    def _end_database(self, how):
        if 'database' in self._away:
            return False
        node = self._pick_node()
        getattr(node, how)()

        def start():
            node.launch()
            self._wait_for(node.has_come_up)

        self._later(self._random.uniform(0, 5), 'database', start)
        return True

    def _freeze_database(self):
        """One server; or, now and then, all but one, which then is without
        the majority."""
        if 'database' in self._away:
            return False
        nodes = list(self._service.database.nodes)
        self._random.shuffle(nodes)
        some = nodes[1:] if self._random.random() < 0.3 else []
        some = some or nodes[:1]
        for each in some:
            each.freeze()

        def thaw():
            for each in some:
                each.thaw()
            self._wait_for(self._service.database.ready)

        # Beyond the time in which the others do without it, mostly.
        self._later(self._random.uniform(2, 12), 'database', thaw)
        return True

    def _wait_for(self, is_there):
        """Keep the database from other faults until it is there."""
        end = time.monotonic() + _REJOINING

        def look():
            if is_there():
                return
            if time.monotonic() > end:
                raise RuntimeError('the database does not come back')
            self._later(0.3, 'database', look)

        look()

    def _pick_node(self):
        return self._random.choice(self._service.database.nodes)

    def _cut_database(self):
        """End some of the connections to it."""
        return ('database' not in self._away and self._pick_node().cut(
            lambda: self._random.random() < 0.5))
