# SPDX-License-Identifier: Apache-2.0
"""A real Apache on a port of its own, with the sites of one directory, as
DevStack has one on port 80.
"""

import os
import shutil
import signal
import socket
import subprocess

from tests.functional import cloud

PROGRAM = shutil.which('apache2', path=f'{os.environ.get("PATH", "")}:'
                                       '/usr/sbin')
_MODULES = '/usr/lib/apache2/modules'

_CONFIG = """\
ServerRoot {root}
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile {root}/pid
ErrorLog {root}/error.log
# Apache ends idle connections after the 5 seconds that a waiting client lets
# pass between two requests: one would meet the other now and then.
KeepAlive Off
User {user}
Group {group}
{modules}
IncludeOptional {root}/sites-enabled/*.conf
"""


class Apache:
    """The server; it is started by the first restart. It has the site of a
    Manila that is not running.

    :param root: str, a directory for it.
    :ivar port: int.
    """

    def __init__(self, root, user='nobody', group='nogroup'):
        self.root = root
        self.port = cloud.free_port()
        self._process = None
        for name in ('sites-available', 'sites-enabled'):
            os.makedirs(os.path.join(root, name))
        modules = ''.join(
            f'LoadModule {name}_module {_MODULES}/mod_{name}.so\n'
            for name in ('mpm_event', 'authz_core', 'proxy', 'proxy_uwsgi'))
        with open(os.path.join(root, 'apache2.conf'), 'w') as file:
            file.write(_CONFIG.format(root=root, port=self.port, user=user,
                                      group=group, modules=modules))
        with open(os.path.join(root, 'sites-enabled', 'manila-api.conf'),
                  'w') as file:
            file.write(f'ProxyPass "/share" "unix:{root}/manila.socket|'
                       'uwsgi://uwsgi-uds-manila-api" retry=0\n')

    def restart(self):
        """Read the sites anew."""
        self.stop()
        self._process = subprocess.Popen(
            [PROGRAM, '-f', os.path.join(self.root, 'apache2.conf'),
             '-DFOREGROUND'], stdin=subprocess.DEVNULL)

        def answers():
            if self._process.poll() is not None:
                raise AssertionError('Apache does not start: its sites are '
                                     'not valid')
            try:
                socket.create_connection(('127.0.0.1', self.port)).close()
            except OSError:
                return False
            return True

        cloud.eventually('Apache', answers)

    def stop(self):
        """End it, if it runs."""
        if self._process:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(cloud.PATIENCE)
            self._process = None
