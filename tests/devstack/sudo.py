# SPDX-License-Identifier: Apache-2.0
"""``sudo`` for the plugin: the one way in which it can do what its own user
can't. It does no more than the plugin has to, and only below one directory.

As a program, this is the plugin's ``sudo``: it passes its arguments, input
and output to the :class:`Server` that $HARNESS_SUDO names.
"""

import json
import os
import socket
import subprocess
import sys
import threading

#: What may be run, and whether its arguments that begin with a slash have to
#: be below the directory.
COMMANDS = {'chown': True, 'install': True, 'ln': True, 'mkdir': True,
            'pip': True, 'rabbitmqctl': False, 'rm': True,
            'systemctl': False, 'tee': True}


def check(root, args):
    """Refuse what the plugin has no business to do as root.

    :param root: str, the directory that everything is below.
    :param args: list of str, the command.
    :raises ValueError: it may not be run.
    """
    name = os.path.basename(args[0]) if args else ''
    if name not in COMMANDS:
        raise ValueError(f'sudo {" ".join(args)}: not for a plugin')
    for path in args if COMMANDS[name] else ():
        if path.startswith('/') and path != '/dev/null' and not (
                os.path.normpath(path) + '/').startswith(root + '/'):
            raise ValueError(f'sudo {" ".join(args)}: {path} is outside '
                             f'{root}')


class Server:
    """Runs what the plugin runs by sudo.

    :param root: str, the directory that everything is below.
    :param systemctl: called with the arguments of each ``systemctl``;
        returns an exit status, or raises ValueError.
    :ivar path: str, the socket.
    """

    def __init__(self, root, systemctl):
        self._root = root
        self._systemctl = systemctl
        self._running = set()
        self.path = os.path.join(root, 'sudo.socket')
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(self.path)
        os.chmod(self.path, 0o666)
        self._socket.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        """Serve no more, and end what runs yet."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for process in tuple(self._running):
            process.terminate()
            process.wait()

    def _serve(self):
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(client,),
                             daemon=True).start()

    def _answer(self, client):
        with client:
            text, files, _, _ = socket.recv_fds(client, 65536, 3)
            try:
                request = json.loads(text)
                status = self._run(request['args'], request['cwd'], files)
            except (OSError, ValueError) as exc:
                os.write(files[2], f'sudo: {exc}\n'.encode())
                status = 125
            finally:
                for each in files:
                    os.close(each)
            client.sendall(str(status).encode())

    def _run(self, args, cwd, files):
        check(self._root, args)
        if args[0] == 'systemctl':
            return self._systemctl(args[1:])
        process = subprocess.Popen(args, cwd=cwd, stdin=files[0],
                                   stdout=files[1], stderr=files[2])
        self._running.add(process)
        try:
            return process.wait()
        finally:
            self._running.discard(process)


def ask(path, args):
    """Have a :class:`Server` run a command.

    :returns: int, its exit status.
    """
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        socket.send_fds(server, [json.dumps(
            {'args': args, 'cwd': os.getcwd()}).encode()], [0, 1, 2])
        return int(server.recv(16) or 126)


if __name__ == '__main__':
    sys.exit(ask(os.environ['HARNESS_SUDO'], sys.argv[1:]))
