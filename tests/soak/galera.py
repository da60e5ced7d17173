# SPDX-License-Identifier: Apache-2.0
"""A Galera cluster of one's own: three MariaDB servers, to be killed, frozen
and let in again one by one.

All buffers are small. A server that comes back gets what it missed from
another's cache, or everything, by rsync.
"""

import contextlib
import os
import shutil

import pymysql
import sqlalchemy as sa

from tests.soak import servers

NODES = 3

#: Seconds for an answer: a node may wait for one that is frozen, until it goes
#: on without that.
_PATIENCE = 30

_PROVIDERS = ('/usr/lib/galera/libgalera_smm.so',
              '/usr/lib64/galera/libgalera_smm.so',
              '/usr/lib64/galera-4/libgalera_smm.so')


def _provider():
    for each in _PROVIDERS:
        if os.path.exists(each):
            return each
    raise RuntimeError('galera-4 is not installed')


class Node(servers.MariaDB):
    """One server of a cluster.

    :param address: int, the port that the others reach it on.
    """

    # Programs that hand the data over run as the server's user, and rsync's
    # server would write as "nobody" for root.
    USER = 'mysql'

    def __init__(self, folder, cluster, address):
        self._cluster = cluster
        self.address = address
        self._ports = servers.own_port(), servers.own_port()
        super().__init__(folder)
        if os.geteuid() == 0:
            shutil.chown(folder, self.USER, self.USER)
            self._user = [f'--user={self.USER}']
            for path, folders, files in os.walk(self._data):
                for name in ('', *folders, *files):
                    shutil.chown(os.path.join(path, name), self.USER,
                                 self.USER)

    def command(self):
        words, environment = super().command()
        whole, part = self._ports
        own = f'127.0.0.1:{self.address}'
        others = self._cluster.addresses(self)
        return [
            *words, '--innodb-buffer-pool-size=32M', '--binlog-format=ROW',
            '--innodb-autoinc-lock-mode=2',
            '--innodb-flush-log-at-trx-commit=0', '--wsrep-on=ON',
            f'--wsrep-provider={_provider()}', '--wsrep-sst-method=rsync',
            '--wsrep-cluster-name=soak', f'--wsrep-node-name=n{self.address}',
            f'--wsrep-node-address={own}',
            f'--wsrep-sst-receive-address=127.0.0.1:{whole}',
            f'--wsrep-cluster-address=gcomm://{",".join(others)}',
            f'--wsrep-provider-options=gmcast.listen_addr=tcp://{own};'
            f'ist.recv_addr=127.0.0.1:{part};gcache.size=16M;'
            'pc.recovery=false'], environment

    def status(self, name):
        """One of its wsrep_ variables, as str; None if it says nothing."""
        connections = sa.create_engine(
            self.admin, poolclass=sa.NullPool,
            connect_args={'connect_timeout': 5, 'read_timeout': 5})
        with contextlib.suppress(sa.exc.DBAPIError):
            with connections.connect() as conn:
                found = conn.exec_driver_sql(
                    f"SHOW STATUS LIKE 'wsrep_{name}'").first()
                return found and found[1]

    def ready(self):
        # One that was let in answers queries a moment before it is synced.
        return (servers.listens(self.port) and self.status('ready') == 'ON'
                and self.status('local_state_comment') == 'Synced')

    def runs(self):
        """Tell whether it was started and not ended here."""
        return self._process is not None

    def takes_connections(self):
        """Tell whether it takes connections, and is not frozen."""
        return self.runs() and not self._frozen


class Galera:
    """A cluster. As a :class:`~tests.soak.servers.Database`, with the first
    of its nodes for what needs only one.

    :param folder: str, an existing directory, for everything it writes.
    :ivar nodes: list of :class:`Node`.
    """

    options = 'mysql_wsrep_sync_wait = 1\n'

    def __init__(self, folder):
        self.nodes = []
        for number in range(NODES):
            below = os.path.join(folder, f'node{number}')
            os.mkdir(below, 0o755)
            self.nodes.append(Node(below, self, servers.own_port()))
        self.admin, self.url = self.nodes[0].admin, self.nodes[0].url

    def addresses(self, node):
        """Return where a node finds those that run; none, for it to be the
        first of a new cluster, if no other does."""
        return [f'127.0.0.1:{each.address}' for each in self.nodes
                if each is not node and each.runs()]

    def launch(self):
        self.start()

    def start(self):
        """Start all that don't run, one after the other, and wait until
        each has everything."""
        for each in self.nodes:
            if not each.runs():
                each.start()

    def ready(self):
        """Tell whether all of them are there."""
        return all(each.ready() for each in self.nodes)

    def kill(self):
        """End all as a power cut would."""
        for each in self.nodes:
            each.kill()

    def stop(self):
        """End all; nothing that they keep is of use afterwards."""
        self.kill()

    def engine(self):
        """See :meth:`tests.soak.servers.Database.engine`. It connects to
        any node that is there, and sees what was committed on all."""
        return sa.create_engine(
            self.url, isolation_level='AUTOCOMMIT', creator=self._connect,
            poolclass=sa.NullPool, pool_reset_on_return=None,
            skip_autocommit_rollback=True)

    def _connect(self):
        refused = None
        for each in self.nodes:
            if not each.takes_connections():
                continue
            try:
                return pymysql.connect(
                    host='127.0.0.1', port=each.port, user='root',
                    database='soak', connect_timeout=5,
                    read_timeout=_PATIENCE, write_timeout=_PATIENCE,
                    init_command='SET SESSION wsrep_sync_wait = 1')
            except pymysql.err.OperationalError as exc:
                refused = exc
        raise refused or pymysql.err.OperationalError('no node is there')
