# SPDX-License-Identifier: Apache-2.0
"""Commands in processes that are forked from one that has imported what they
need: the tests start thousands, and importing takes most of what each costs.

A :class:`Nursery` is such a process, one for each set of modules and
PYTHONPATH of this process of tests. It has one thread, does nothing of its
own, and ends with the tests. What it forks has the command's arguments,
environment and output, and runs its script from the first line, as Python
does. The tests talk to it through a socket: a request is one connection, over
which it tells the pid, and then how the process ended.
"""

import atexit
import contextlib
import gc
import importlib
import importlib.metadata
import json
import os
import runpy
import selectors
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

# What stands for no limit where seconds are meant: of a test that has failed
# long before.
_LONG = 3600

# Modules that do something when they are imported.
_RUN = {'__main__', 'migrations', 'wsgi'}

_NUMBER = struct.Struct('=i')


class Child:
    """A process that a nursery has forked: as much of subprocess.Popen as is
    needed.

    :ivar pid: int.
    :ivar returncode: int as Popen's, or None.
    """

    def __init__(self, pid, connection):
        self.pid = pid
        self.returncode = None
        self._connection = connection

    def wait(self, timeout=_LONG):
        """Wait for its end.

        :returns: int, its exit status; negative: the signal that ended it.
        :raises subprocess.TimeoutExpired: it has not ended.
        """
        if self.returncode is None:
            self._connection.settimeout(timeout)
            try:
                self._end(self._connection.recv(_NUMBER.size))
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(str(self.pid),
                                                timeout) from None
        return self.returncode

    def _end(self, told):
        # A nursery that is gone has told nothing.
        self.returncode = (_NUMBER.unpack(told)[0] if told
                           else -signal.SIGKILL)
        self._connection.close()

    def poll(self):
        """Return its exit status, or None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def send_signal(self, number):
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        """End it as a power cut would."""
        self.send_signal(signal.SIGKILL)

    def terminate(self):
        """Tell it to end."""
        self.send_signal(signal.SIGTERM)


class Nursery:
    """A process that others are forked from.

    :param modules: sequence of str, what it imports. One that ends in ``.*``
        stands for all modules of a package; one that has a colon for a
        function of a module, which is called without arguments; one that
        begins with ``@`` for the entry points of all groups that begin so.
    :param path: str, its PYTHONPATH.
    """

    def __init__(self, modules, path=''):
        ours, theirs = socket.socketpair(socket.AF_UNIX,
                                         socket.SOCK_SEQPACKET)
        with theirs, tempfile.TemporaryFile() as errors:
            self._process = subprocess.Popen(
                [sys.executable, os.path.abspath(__file__),
                 str(theirs.fileno()), *modules],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=errors, pass_fds=[theirs.fileno()],
                env={**os.environ, 'PYTHONPATH': path})
            theirs.close()
            self._socket = ours
            self._guard = threading.Lock()
            atexit.register(self.close)
            if not ours.recv(1):
                errors.seek(0)
                raise RuntimeError('What processes are forked from has '
                                   f'ended: {errors.read().decode()}')

    def close(self):
        """End it, but none of what it forked."""
        self._socket.close()
        self._process.wait()

    def start(self, argv, output, errors, apart=False, env=None):
        """Fork a process that runs a script.

        :param argv: list of str, the script's path and its arguments.
        :param output: its output, as a file that has a descriptor.
        :param errors: likewise for its errors.
        :param apart: bool, whether it has a session of its own.
        :param env: dict, all of its environment; None for that of the tests.
        :returns: a :class:`Child`.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX,
                                         socket.SOCK_SEQPACKET)
        with theirs, tempfile.TemporaryFile() as file:
            # A message has less room than an environment may take.
            file.write(json.dumps({
                'argv': argv, 'apart': apart, 'folder': os.getcwd(),
                'env': dict(os.environ if env is None else env)}).encode())
            file.flush()
            with self._guard:
                socket.send_fds(self._socket, [b'.'], [
                    theirs.fileno(), file.fileno(), output.fileno(),
                    errors.fileno()])
        return Child(_NUMBER.unpack(ours.recv(_NUMBER.size))[0], ours)

    def run(self, argv, timeout=_LONG, env=None, merged=False):
        """Run a script to its end.

        :param merged: bool, whether its errors are among its output.
        :returns: a subprocess.CompletedProcess with its output and errors, as
            str.
        :raises subprocess.TimeoutExpired: it took longer, and was killed.
        """
        with tempfile.TemporaryFile() as output, \
                tempfile.TemporaryFile() as errors:
            child = self.start(argv, output, output if merged else errors,
                               env=env)
            try:
                child.wait(timeout)
            finally:
                child.kill()
            for file in (output, errors):
                file.seek(0)
            return subprocess.CompletedProcess(
                argv, child.returncode, output.read().decode(),
                errors.read().decode())


_nurseries = {}


def nursery(modules, path=''):
    """Return the nursery of some modules, which is made when it is first
    asked for: see :class:`Nursery`."""
    key = (tuple(modules), path)
    if key not in _nurseries:
        _nurseries[key] = Nursery(*key)
    return _nurseries[key]


# -- in the nursery ------------------------------------------------------


def _main(fd, *modules):
    # Its directory is not to be found in: a command's is.
    del sys.path[0]
    control = socket.socket(fileno=int(fd))
    for name in modules:
        _load(name)
    # What is there by now stays: collections need not write to its pages.
    gc.collect()
    gc.freeze()
    control.send(b'.')
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    request = _serve(control)
    if request:
        _become(request)


def _load(name):
    if name.startswith('@'):
        _load_points(name[1:])
    elif ':' in name:
        module, function = name.split(':')
        getattr(importlib.import_module(module), function)()
    elif name.endswith('.*'):
        _load_all(name[:-2])
    else:
        importlib.import_module(name)


def _load_points(prefix):
    points = importlib.metadata.entry_points()
    for group in points.groups:
        if group.startswith(prefix):
            for each in points.select(group=group):
                each.load()


def _load_all(package):
    import pkgutil

    found = importlib.import_module(package)
    for each in pkgutil.walk_packages(found.__path__, f'{package}.'):
        if not _RUN & set(each.name.split('.')):
            importlib.import_module(each.name)


def _serve(control):
    """Fork for each request.

    :returns: in each child, the files of its request; where the tests have
        ended, None.
    """
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        while True:
            for key, _events in selector.select():
                if key.fileobj is control:
                    message, fds, _flags, _address = socket.recv_fds(
                        control, 1, 4)
                    if not message:
                        return None
                    request = _fork(control, selector, fds)
                    if request:
                        return request
                else:
                    selector.unregister(key.fd)
                    os.close(key.fd)
                    _bury(*key.data)


def _fork(control, selector, fds):
    connection = socket.socket(fileno=fds[0])
    pid = os.fork()
    if not pid:
        control.close()
        connection.close()
        for key in list(selector.get_map().values()):
            if key.data:
                os.close(key.fd)
                key.data[1].close()
        return fds[1:]
    for fd in fds[1:]:
        os.close(fd)
    connection.send(_NUMBER.pack(pid))
    selector.register(os.pidfd_open(pid), selectors.EVENT_READ,
                      (pid, connection))
    return None


def _bury(pid, connection):
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    # Whoever asked for it may have ended.
    with contextlib.suppress(OSError):
        connection.send(_NUMBER.pack(status))
    connection.close()


def _become(fds):
    """Run what a request is for, in a child.

    :param fds: numbers of the files that hold the request, and that its output
        and its errors go to.
    """
    with open(fds[0]) as file:
        file.seek(0)
        request = json.load(file)
    os.dup2(fds[1], 1)
    os.dup2(fds[2], 2)
    for fd in fds[1:]:
        os.close(fd)
    if request['apart']:
        os.setsid()
    os.chdir(request['folder'])
    os.environ.clear()
    os.environ.update(request['env'])
    time.tzset()
    argv = request['argv']
    sys.argv[:] = argv
    sys.orig_argv[:] = [sys.executable, *argv]
    for folder in os.environ.get('PYTHONPATH', '').split(os.pathsep):
        # Python looks for it when it starts.
        hook = os.path.join(folder, 'sitecustomize.py')
        if os.path.exists(hook):
            runpy.run_path(hook)
    runpy.run_path(argv[0], run_name='__main__')


if __name__ == '__main__':
    _main(*sys.argv[1:])
