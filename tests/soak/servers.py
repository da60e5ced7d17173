# SPDX-License-Identifier: Apache-2.0
"""Servers of one's own, to be killed at will: RabbitMQ, MariaDB, PostgreSQL.

They are started from the distribution's programs, keep everything below one
directory, and listen on the loopback address only.
"""

import contextlib
import glob
import os
import random
import shutil
import signal
import socket
import subprocess
import time

import sqlalchemy as sa

#: Seconds for a server to come up, with a busy machine in mind.
PATIENCE = 600

# Seconds for rabbitmqctl, which takes a few on a machine at rest.
_CONTROL = 60

#: Below the ports that the kernel gives to outgoing connections: a server
#: that is down for a while must find its own free again.
PORTS = range(20000, 30000)

#: Where distributions keep programs that are not on everyone's path.
_PLACES = ('/usr/sbin', '/usr/lib/rabbitmq/bin', '/usr/lib/postgresql/*/bin')


def program(name, *first):
    """The path of a program.

    :param first: directories to look in before any other.
    :raises RuntimeError: it is not installed.
    """
    places = [*first, *os.environ.get('PATH', '').split(os.pathsep)]
    for pattern in _PLACES:
        places += sorted(glob.glob(pattern), reverse=True)
    found = shutil.which(name, path=os.pathsep.join(places))
    if found is None:
        raise RuntimeError(f'{name} is not installed')
    return found


def own_port():
    """A TCP port on the loopback address that nobody listens on."""
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        with socket.socket() as found, contextlib.suppress(OSError):
            found.bind(('127.0.0.1', port))
            return port
    raise RuntimeError('no port is free')


def listens(port):
    """Tell whether somebody listens on that port."""
    with contextlib.suppress(OSError):
        socket.create_connection(('127.0.0.1', port), 5).close()
        return True
    return False


class Server:
    """One server.

    :param folder: str, an existing directory, for everything it writes.
    :ivar url: str, what the service connects to it with.
    """

    #: What ends it in order.
    ENDING = signal.SIGTERM

    def __init__(self, folder):
        self.folder = folder
        self.port = own_port()
        self._process = None
        self._frozen = []

    def command(self):
        """Return what to run: (list of str, environment or None)."""
        raise NotImplementedError

    def launch(self):
        """Start it."""
        words, environment = self.command()
        with open(os.path.join(self.folder, 'output'), 'ab') as output:
            # In a session of its own: a Ctrl-C is not for it.
            self._process = subprocess.Popen(
                words, env=environment, stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, start_new_session=True)

    def start(self):
        """Start it, again if it ends at once, and wait until it answers."""
        end = time.monotonic() + PATIENCE
        self.launch()
        while not self.has_come_up():
            if time.monotonic() > end:
                raise RuntimeError(f'{type(self).__name__} does not answer; '
                                   f'see {self.folder}/output')
            time.sleep(0.1)

    def has_come_up(self):
        """Tell whether it answers; launch it again if it has ended instead."""
        if self.ready():
            return True
        if self._process.poll() is not None:
            # PostgreSQL does as long as a process of its former self has
            # not noticed.
            time.sleep(0.3)
            self.launch()
        return False

    def ready(self):
        """Tell whether it answers."""
        return listens(self.port)

    def freeze(self):
        """Stop it, as a virtual machine is."""
        self._frozen = [self._process.pid, *descendants(self._process.pid)]
        send(self._frozen, signal.SIGSTOP)

    def is_frozen(self):
        """True from :meth:`freeze` to :meth:`thaw`."""
        return bool(self._frozen)

    def thaw(self):
        """Go on."""
        send(self._frozen, signal.SIGCONT)
        self._frozen = []

    def kill(self):
        """End it as a power cut would."""
        self._signal(signal.SIGKILL)

    def stop(self):
        """End it in order."""
        self._signal(self.ENDING)

    def _signal(self, number):
        if self._process is None:
            return
        self.thaw()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        # Whatever its children are still at: nobody waits for them.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process = None


class RabbitMQ(Server):
    """:param settings: str, what its configuration file is to have."""

    def __init__(self, folder, settings=''):
        super().__init__(folder)
        self.url = f'rabbit://guest:guest@127.0.0.1:{self.port}/'
        self._epmd_port = own_port()
        self._epmd = None
        home = os.path.join(folder, 'home')
        os.mkdir(home)
        plugins = os.path.join(folder, 'plugins')
        with open(plugins, 'w') as file:
            file.write('[].\n')
        configuration = os.path.join(folder, 'rabbitmq.conf')
        with open(configuration, 'w') as file:
            file.write(settings)
        self._environment = {
            **{name: value for name, value in os.environ.items()
               if not name.startswith(('RABBITMQ_', 'ERL_'))},
            'HOME': home,
            'ERL_EPMD_PORT': str(self._epmd_port),
            'ERL_EPMD_ADDRESS': '127.0.0.1',
            'RABBITMQ_NODENAME': 'soak@localhost',
            'RABBITMQ_NODE_IP_ADDRESS': '127.0.0.1',
            'RABBITMQ_NODE_PORT': str(self.port),
            'RABBITMQ_DIST_PORT': str(own_port()),
            'RABBITMQ_MNESIA_BASE': os.path.join(folder, 'mnesia'),
            'RABBITMQ_LOG_BASE': os.path.join(folder, 'log'),
            'RABBITMQ_ENABLED_PLUGINS_FILE': plugins,
            # The machine's own settings are not for this one.
            'RABBITMQ_CONF_ENV_FILE': '/dev/null',
            'RABBITMQ_CONFIG_FILE': configuration,
        }
        # Not the wrappers on the path, which insist on another account.
        self._programs = [os.path.dirname(program('rabbitmq-env',
                                                  '/usr/lib/rabbitmq/bin'))]

    def command(self):
        return ([program('rabbitmq-server', *self._programs)],
                self._environment)

    def launch(self):
        if self._epmd is None:
            self._epmd = subprocess.Popen(
                [program('epmd'), '-port', str(self._epmd_port),
                 '-address', '127.0.0.1'], stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                start_new_session=True)
        super().launch()

    def control(self, *words):
        """rabbitmqctl.

        :returns: str, what it printed; None if it failed, or was not done on
            a machine that has other work.
        """
        try:
            done = subprocess.run(
                [program('rabbitmqctl', *self._programs), '--quiet', *words],
                env=self._environment, stdin=subprocess.DEVNULL,
                capture_output=True, text=True, timeout=_CONTROL)
        except subprocess.TimeoutExpired:
            return None
        return None if done.returncode else done.stdout

    def purge(self):
        """Throw away all messages that wait in queues.

        :returns: int, in how many queues.
        """
        # By one command: each takes seconds to start.
        return int(self.control(
            'eval', 'length([rabbit_amqqueue:purge(Q) || '
            'Q <- rabbit_amqqueue:list()]).') or 0)

    def stop(self):
        # Nothing that it keeps is of use afterwards.
        self.kill()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()
            self._epmd = None


class Database(Server):
    """A database's server.

    :cvar options: str, what ``[database]`` of the service is to have for it.
    :ivar admin: str, the URL of a database that is always there.
    :ivar url: str, that of the service's.
    :ivar nodes: list of the servers that it consists of, each a Database.
    """

    options = ''

    #: (Lists the ids of the service's connections, ends one.)
    _CONNECTIONS = None

    def __init__(self, folder):
        super().__init__(folder)
        self.nodes = [self]

    def frozen(self):
        """True while a server of it is, which answers nothing, for ever."""
        return any(node.is_frozen() for node in self.nodes)

    def engine(self):
        """A SQLAlchemy engine, to look into the service's database."""
        return sa.create_engine(self.url, isolation_level='AUTOCOMMIT',
                                pool_pre_ping=True, pool_size=10)

    def cut(self, chosen):
        """End connections of the service's.

        :param chosen: called for each; whether to end it.
        :returns: bool, whether there was any.
        """
        which, how = self._CONNECTIONS
        admin = sa.create_engine(self.admin, isolation_level='AUTOCOMMIT',
                                 poolclass=sa.NullPool,
                                 connect_args={'connect_timeout': 5})
        found = []
        with contextlib.suppress(sa.exc.DBAPIError), admin.connect() as conn:
            found = conn.exec_driver_sql(which).all()
            for each, in found:
                if chosen():
                    # It may have ended by itself.
                    with contextlib.suppress(sa.exc.DBAPIError):
                        conn.exec_driver_sql(how.format(each))
        return bool(found)


class MariaDB(Database):

    _CONNECTIONS = ('SELECT id FROM information_schema.processlist '
                    "WHERE db = 'soak'", 'KILL {}')

    def __init__(self, folder):
        super().__init__(folder)
        self._data = os.path.join(folder, 'data')
        # As root it wants to be told that this is meant.
        self._user = ['--user=root'] if os.geteuid() == 0 else []
        self.admin = f'mysql+pymysql://root@127.0.0.1:{self.port}/mysql'
        self.url = f'mysql+pymysql://root@127.0.0.1:{self.port}/soak'
        subprocess.run(
            [program('mariadb-install-db'), '--no-defaults',
             f'--datadir={self._data}', '--skip-test-db',
             '--auth-root-authentication-method=normal', *self._user],
            check=True, stdin=subprocess.DEVNULL, capture_output=True)

    def command(self):
        return [program('mariadbd'), '--no-defaults',
                f'--datadir={self._data}', f'--port={self.port}',
                f'--socket={self.folder}/socket', '--bind-address=127.0.0.1',
                '--skip-name-resolve',
                '--innodb-log-file-size=32M', *self._user], None


class PostgreSQL(Database):

    _CONNECTIONS = ("SELECT pid FROM pg_stat_activity WHERE datname = 'soak'",
                    'SELECT pg_terminate_backend({})')

    #: "Fast": without waiting for clients to go.
    ENDING = signal.SIGINT

    def __init__(self, folder):
        super().__init__(folder)
        self._data = os.path.join(folder, 'data')
        os.mkdir(self._data)
        self._as = []
        if os.geteuid() == 0:   # which it refuses to run as
            shutil.chown(self._data, 'postgres', 'postgres')
            self._as = [program('setpriv'), '--reuid=postgres',
                        '--regid=postgres', '--clear-groups', '--']
        self.admin = (f'postgresql+psycopg2://postgres@127.0.0.1:{self.port}'
                      f'/postgres')
        self.url = (f'postgresql+psycopg2://postgres@127.0.0.1:{self.port}'
                    f'/soak')
        subprocess.run(
            [*self._as, program('initdb'), '-D', self._data, '-A', 'trust',
             '-U', 'postgres', '--no-sync'], check=True, cwd='/',
            stdin=subprocess.DEVNULL, capture_output=True)

    def command(self):
        return [*self._as, program('postgres'), '-D', self._data,
                '-p', str(self.port), '-c', 'listen_addresses=127.0.0.1',
                '-c', 'unix_socket_directories='], None


def send(pids, number):
    """Send a signal to those of the processes that are there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def descendants(pid):
    """The process ids of a process's children, and theirs."""
    parents = {}
    for name in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{name}/stat') as file:
                parent = int(file.read().rpartition(')')[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents.setdefault(parent, []).append(int(name))
    found = todo = parents.get(pid, [])
    while todo:
        todo = [each for one in todo for each in parents.get(one, [])]
        found = found + todo
    return found
