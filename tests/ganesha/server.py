# SPDX-License-Identifier: Apache-2.0
"""NFS-Ganesha, which exports one directory."""

import os
import socket
import subprocess

import fixtures
from testtools import content

from tests.functional import cloud
from tests.functional import keystone

_CONFIG = """
NFS_CORE_PARAM {{
    NFS_Protocols = 4;
    NFS_Port = {port};
    Bind_addr = 127.0.0.1;
    Enable_NLM = false;
    Enable_RQUOTA = false;
    allow_set_io_flusher_fail = true;
}}
NFS_KRB5 {{ Active_krb5 = false; }}
NFSv4 {{
    # Nobody has been here before, so nobody is waited for.
    Graceless = true;
    RecoveryBackend = fs;
    RecoveryRoot = "{folder}/recovery";
    Only_Numeric_Owners = true;
}}
# Others than its clients change what is in the share, and a restore gives
# directories their earlier times: no name may be remembered.
MDCACHE {{ Dir_Chunk = 0; }}
EXPORT {{
    Export_Id = 1;
    Path = "{path}";
    Pseudo = /share;
    Access_Type = RW;
    Squash = {squash};
    SecType = sys;
    Transports = TCP;
    Attr_Expiration_Time = 0;
    FSAL {{ Name = VFS; }}
}}
"""


class Server(fixtures.Fixture):
    """A file server, on a port of its own.

    :param path: str, the directory that it exports, on a file system that
        has file handles.
    :param squash: str, as its configuration has it.
    :ivar url: str, as :class:`tests.ganesha.client.Client` takes it.
    """

    def __init__(self, path, squash='No_Root_Squash'):
        self._path = path
        self._squash = squash

    def _setUp(self):
        self._folder = self.useFixture(fixtures.TempDir()).path
        os.mkdir(os.path.join(self._folder, 'recovery'))
        self._port = cloud.free_port()
        self.url = (f'nfs://127.0.0.1/share?version=4&nfsport={self._port}'
                    '&auto-traverse-mounts=0')
        self._config = os.path.join(self._folder, 'ganesha.conf')
        with open(self._config, 'w') as file:
            file.write(_CONFIG.format(port=self._port, folder=self._folder,
                                      path=self._path, squash=self._squash))
        self._log = os.path.join(self._folder, 'log')
        self.addCleanup(self._tell)
        self.addCleanup(self.stop)
        self.start()

    def start(self):
        """Start it and wait until it listens."""
        self._process = subprocess.Popen(
            ['ganesha.nfsd', '-F', '-f', self._config, '-L', self._log,
             '-p', os.path.join(self._folder, 'pid')],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env=keystone.clean_environment())
        cloud.eventually('the file server', self._listens)

    def stop(self):
        """End it at once, as a crash would."""
        self._process.kill()
        self._process.wait()

    def _listens(self):
        if self._process.poll() is not None:
            raise AssertionError(f'it ended: {self._said()[-2000:]}')
        try:
            socket.create_connection(('127.0.0.1', self._port)).close()
        except OSError:
            return False
        return True

    def _said(self):
        with open(self._log, errors='replace') as file:
            return file.read()

    def _tell(self):
        if os.path.exists(self._log):
            self.addDetail('ganesha.log', content.text_content(self._said()))
