# SPDX-License-Identifier: Apache-2.0
"""Stand-in for systemd, which does with the units that DevStack makes what it
does, as far as the processes in them can tell: no shell, no environment but a
path, a user, a notification that is waited for, and SIGTERM at the end."""

import configparser
import contextlib
import os
import pwd
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time

#: Seconds for a unit to be ready, or to end: systemd's own default.
PATIENCE = 90

#: What would be for a shell, and what systemd takes for something of its own.
_NOT_FOR_SYSTEMD = re.compile(r'[;&|<>*?$`%\\#~(){}]')


class Failed(ValueError):
    """A unit is not valid, or its process did not do what it has to."""


def read(path):
    """Read a unit, and see whether systemd would.

    :param path: str, its file.
    :returns: dict of str to str, its section ``[Service]``, and
        ``Command``, the words of ``ExecStart``.
    :raises Failed: systemd would not start it.
    """
    parser = configparser.RawConfigParser(strict=True)
    parser.optionxform = str
    with open(path) as file:
        parser.read_file(file)
    service = dict(parser['Service'])
    line = service['ExecStart']
    wrong = _NOT_FOR_SYSTEMD.search(line)
    if wrong:
        raise Failed(f'{path}: no shell reads {wrong.group()!r} in {line}')
    service['Command'] = shlex.split(line)
    if not service['Command'][0].startswith('/'):
        raise Failed(f'{path}: {line} does not begin with a full path')
    try:
        pwd.getpwnam(service['User'])
    except KeyError as exc:
        raise Failed(f'{path}: there is no user {service["User"]}') from exc
    return service


def verify(path):
    """Have systemd itself read a unit.

    :returns: bool, False if it is not installed here.
    :raises Failed: it complains.
    """
    program = shutil.which('systemd-analyze')
    if not program:
        return False
    done = subprocess.run([program, 'verify', '--man=no', path],
                          capture_output=True, text=True)
    # It also tells of others' units.
    wrong = [line for line in done.stderr.splitlines()
             if os.path.basename(path) in line]
    if wrong:
        raise Failed('\n'.join(wrong))
    return True


class Units:
    """The units of one directory, and what runs of them.

    :param folder: str, the directory with the units' files.
    :param logs: str, the directory for what their processes write.
    :ivar verified: set of str, the units that systemd itself has read.
    """

    def __init__(self, folder, logs):
        self._folder = folder
        self._logs = logs
        self._enabled = set()
        self._running = {}
        self.verified = set()

    def systemctl(self, args):
        """As the command of that name.

        :returns: int, an exit status.
        :raises Failed: it could not be done.
        """
        verb, *names = args
        name = names[0] if names else None
        if verb == 'daemon-reload':
            return 0
        if verb == 'is-enabled':
            return 0 if name in self._enabled else 1
        {'enable': self._enabled.add, 'disable': self._enabled.discard,
         'start': self._start, 'stop': self._stop}[verb](name)
        return 0

    def processes(self):
        """The main processes.

        :returns: dict of unit's name to ``subprocess.Popen``.
        """
        return dict(self._running)

    def log(self, name):
        """Output of a unit's processes."""
        with open(self._log(name), errors='replace') as file:
            return file.read()

    def _log(self, name):
        return os.path.join(self._logs, f'{name}.log')

    def _start(self, name):
        path = os.path.join(self._folder, name)
        service = read(path)
        if verify(path):
            self.verified.add(name)
        if name in self._running:
            raise Failed(f'{name} is running')
        user = pwd.getpwnam(service['User'])
        environment = {
            'PATH': '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin',
            'LANG': 'C.UTF-8', 'HOME': user.pw_dir, 'USER': user.pw_name,
            'LOGNAME': user.pw_name, 'SHELL': user.pw_shell}
        with contextlib.ExitStack() as stack:
            ready = None
            if service['Type'] == 'notify':
                ready = stack.enter_context(self._notified(name))
                environment['NOTIFY_SOCKET'] = ready.getsockname()
            output = stack.enter_context(open(self._log(name), 'ab'))
            process = subprocess.Popen(
                service['Command'], stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, env=environment, cwd='/', umask=0o22,
                start_new_session=True, user=user.pw_uid, group=user.pw_gid,
                extra_groups=[])
            self._running[name] = process
            if ready:
                self._wait_ready(name, process, ready)

    @contextlib.contextmanager
    def _notified(self, name):
        path = os.path.join(self._folder, f'{name}.notify')
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(path)
            os.chmod(path, 0o666)
            ready.settimeout(0.2)
            try:
                yield ready
            finally:
                os.unlink(path)

    def _wait_ready(self, name, process, ready):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and process.poll() is None:
            with contextlib.suppress(TimeoutError):
                if b'READY=1' in ready.recv(4096):
                    return
        raise Failed(f'{name} has not said that it is ready: '
                     f'{self.log(name)}')

    def _stop(self, name):
        """SIGTERM to the main process alone, as KillMode=process says."""
        process = self._running.pop(name)
        ended = process.poll() is not None
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(PATIENCE)
        except subprocess.TimeoutExpired as exc:
            process.kill()
            process.wait()
            raise Failed(f'{name} took no SIGTERM: {self.log(name)}') from exc
        if ended or status not in (0, -signal.SIGTERM):
            raise Failed(f'{name} had ended, or ended with {status}: '
                         f'{self.log(name)}')

    def kill(self):
        """End whatever runs yet, when something has failed."""
        for process in self._running.values():
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(PATIENCE)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        self._running.clear()


if __name__ == '__main__':
    try:
        read(sys.argv[1])
    except Failed as failed:
        sys.exit(str(failed))
