# SPDX-License-Identifier: Apache-2.0
"""A Ceph cluster on one host, below a directory of its own."""

import json
import os
import subprocess
import uuid

from tests.functional import cloud

#: Bytes of the OSD's file, which is sparse.
_SIZE = 8 << 30

_OPTIONS = """\
[global]
fsid = {fsid}
mon_host = v2:127.0.0.1:{port}/0
public_addr = 127.0.0.1
public_network = 127.0.0.0/8
ms_bind_ipv4 = true
ms_bind_ipv6 = false
ms_bind_port_min = {low}
ms_bind_port_max = {high}
run_dir = {root}
admin_socket = {root}/$cluster-$name.$pid.asok
pid_file =
log_file = {root}/$name.log
log_to_stderr = false
err_to_stderr = false
mon_cluster_log_file = {root}/cluster.log
keyring = {root}/keyring
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_warn_on_pool_no_redundancy = false
mon_data_avail_crit = 1
mon_data_avail_warn = 2
auth_allow_insecure_global_id_reclaim = false
crash_dir = {root}

[mon]
mon_data = {root}/mon
mon_rocksdb_options = write_buffer_size=4194304,compression=kNoCompression

[mgr]
mgr_data = {root}/mgr
mgr_initial_modules =

[osd]
osd_data = {root}/osd
osd_objectstore = bluestore
bluestore_block_size = {size}
bluestore_cache_autotune = false
bluestore_cache_size = 67108864
osd_memory_target = 939524096
osd_op_num_shards = 2
osd_op_num_threads_per_shard = 2
osd_fast_shutdown = true

[mds]
mds_data = {root}/$name
mds_cache_memory_limit = 134217728
mds_beacon_grace = 4
mds_beacon_interval = 1
mds_reconnect_timeout = 8

[client]
client_cache_size = 16384
client_oc_size = 33554432
client_acl_type = posix_acl
fuse_default_permissions = false
"""


class Cluster:
    """A monitor, a manager, an OSD on a file, two metadata servers of which
    one stands by, and the file system ``cephfs``.

    :param root: str, an empty directory for all of it.
    """

    def __init__(self, root):
        self.root = root
        self.config = os.path.join(root, 'ceph.conf')
        self._port = cloud.free_port()
        self._daemons = {}
        self._clients = []

    # -- daemons

    def start(self):
        """Make it and start it.

        :raises subprocess.CalledProcessError: a command failed.
        """
        low = 40000 + os.getpid() % 100 * 100
        with open(self.config, 'w') as file:
            file.write(_OPTIONS.format(
                fsid=uuid.uuid4(), root=self.root, port=self._port, low=low,
                high=low + 99, size=_SIZE))
        self._keys()
        self._start_monitor()
        self._start_manager()
        self._start_osd()
        for name in 'a', 'b':
            self._start_mds(name)
        self._make_file_system()

    def _keys(self):
        ring = self._path('keyring')
        tool = ['ceph-authtool', ring, '--gen-key', '-n']
        self._run('ceph-authtool', '--create-keyring', ring)
        for name, *caps in (
                ('mon.', 'mon', 'allow *'),
                ('client.admin', 'mon', 'allow *', 'osd', 'allow *',
                 'mds', 'allow *', 'mgr', 'allow *'),
                ('mgr.x', 'mon', 'allow profile mgr', 'osd', 'allow *',
                 'mds', 'allow *'),
                ('osd.0', 'mon', 'allow profile osd', 'osd', 'allow *',
                 'mgr', 'allow profile osd'),
                *((f'mds.{each}', 'mon', 'allow profile mds', 'osd',
                   'allow rwx', 'mds', 'allow', 'mgr', 'allow profile mds')
                  for each in 'ab'),
                # What Manila gives a user: no layouts, quotas, snapshots.
                ('client.share', 'mon', 'allow r', 'mds', 'allow rw',
                 'osd', 'allow rw')):
            pairs = [word for pair in zip(caps[::2], caps[1::2], strict=True)
                     for word in ('--cap', *pair)]
            self._run(*tool, name, *pairs)

    def _start_monitor(self):
        self._run('ceph-mon', '-c', self.config, '--mkfs', '-i', 'x',
                  '--keyring', self._path('keyring'), '--mon-data',
                  self._path('mon'), '--mon-initial-members', 'x',
                  '--public-addr', f'v2:127.0.0.1:{self._port}/0')
        self._spawn('ceph-mon', 'mon.x', '--public-addr',
                    f'v2:127.0.0.1:{self._port}/0')
        cloud.eventually('the monitor', lambda: self.ceph('mon', 'stat'))
        self.ceph('auth', 'import', '-i', self._path('keyring'))

    def _start_manager(self):
        os.mkdir(self._path('mgr'))
        self._spawn('ceph-mgr', 'mgr.x')

    def _start_osd(self):
        number = str(uuid.uuid4())
        os.mkdir(self._path('osd'))
        self.ceph('osd', 'new', number)
        self._run('ceph-osd', '-c', self.config, '-i', '0', '--mkfs',
                  '--osd-uuid', number)
        self._spawn('ceph-osd', 'osd.0')

    def _start_mds(self, name):
        os.makedirs(self._path(f'mds.{name}'), exist_ok=True)
        self._spawn('ceph-mds', f'mds.{name}')

    def _make_file_system(self):
        for pool in 'meta', 'data', 'more':
            self.ceph('osd', 'pool', 'create', pool, '8')
        self.ceph('fs', 'new', 'cephfs', 'meta', 'data')
        self.ceph('fs', 'add_data_pool', 'cephfs', 'more')
        cloud.eventually('the metadata servers', self.is_ready, 120)

    def _spawn(self, program, name, *more):
        """Start a daemon: it ends with the process that started it, at the
        latest."""
        log = open(self._path(f'{name}.out'), 'ab')
        with log:
            self._daemons[name] = subprocess.Popen(
                ['setpriv', '--pdeathsig', 'KILL', program, '-c', self.config,
                 '-f', '-i', name.partition('.')[2], *more],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)

    def stop(self):
        """Unmount what is mounted, and end all of it."""
        for client in self._clients:
            client.unmount()
        for process in self._daemons.values():
            process.kill()
            process.wait()

    # -- what can be done to it

    def ceph(self, *command):
        """Run a command of an administrator's.

        :returns: what it says, as JSON has it; None for nothing.
        """
        done = subprocess.run(
            ['ceph', '-c', self.config, '--connect-timeout', '20',
             '--format', 'json', *command], stdin=subprocess.DEVNULL,
            capture_output=True, text=True)
        if done.returncode:
            raise subprocess.CalledProcessError(
                done.returncode, command, done.stdout, done.stderr)
        try:
            return json.loads(done.stdout)
        except ValueError:
            return None

    def metadata_servers(self):
        """dict of a metadata server's name to its state, such as
        ``up:active``."""
        found = self.ceph('fs', 'dump')
        return {each['name']: each['state'] for each in (
            *found['standbys'],
            *(info for system in found['filesystems']
              for info in system['mdsmap']['info'].values()))}

    def is_ready(self):
        """Tell whether one metadata server is at work and one stands by."""
        return sorted(self.metadata_servers().values()) == [
            'up:active', 'up:standby']

    def kill_active(self):
        """Kill the metadata server that is at work.

        :returns: str, its name.
        """
        name = next(name for name, state in self.metadata_servers().items()
                    if state == 'up:active')
        process = self._daemons[f'mds.{name}']
        process.kill()
        process.wait()
        return name

    def evict(self, pid):
        """Have the metadata server forget a client's process, which is dead:
        it would wait for it for minutes by itself."""
        for each in self.ceph('tell', 'mds.cephfs:0', 'session', 'ls'):
            if each['client_metadata'].get('pid') == str(pid):
                self.ceph('tell', 'mds.cephfs:0', 'client', 'evict',
                          f'id={each["id"]}')

    def restart(self, name):
        """Start a metadata server that was killed, and wait until it stands
        by."""
        self._start_mds(name)
        cloud.eventually('two metadata servers', self.is_ready, 120)

    def mount(self, path, user='admin', root='/', options=()):
        """Mount it, by a client of its own.

        :returns: a :class:`Client`.
        """
        client = Client(self, path, user, root, options)
        self._clients.append(client)
        client.mount()
        return client

    def _path(self, name):
        return os.path.join(self.root, name)

    @staticmethod
    def _run(*command):
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL)


class Client:
    """A mount with a client process of its own, which can be killed.

    :ivar path: str, where it is mounted.
    """

    def __init__(self, cluster, path, user, root, options):
        self.path = path
        self._cluster = cluster
        self._command = [
            'ceph-fuse', '-c', cluster.config, '-n', f'client.{user}', '-r',
            root, *options, path]
        self._log = os.path.join(cluster.root, 'clients.out')
        self._process = None

    def mount(self):
        with open(self._log, 'ab') as log:
            self._process = subprocess.Popen(
                ['setpriv', '--pdeathsig', 'KILL', *self._command, '-f'],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)
        cloud.eventually(f'the mount at {self.path}', self._is_mounted)

    def _is_mounted(self):
        if self._process.poll() is not None:
            raise AssertionError(f'ceph-fuse ended; see {self._log}')
        return os.path.ismount(self.path)

    def kill(self):
        """Have its process end: whoever uses the mount gets ENOTCONN, and
        what it had not sent is lost."""
        self._process.kill()
        self._process.wait()
        self._cluster.evict(self._process.pid)

    def unmount(self):
        """Let go of it, whatever uses it."""
        if self._process is None:
            return
        subprocess.run(['umount', '-l', self.path],
                       stderr=subprocess.DEVNULL)
        if self._process.returncode is None:
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()
        self._process = None
