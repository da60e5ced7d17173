# SPDX-License-Identifier: Apache-2.0
"""The one place that runs restic."""

import contextlib
import dataclasses
import functools
import json
import operator
import os
import re
import selectors
import signal
import subprocess
import sys
import threading
import time
from urllib import parse as urllib_parse

from manila_backup.drivers import base
from manila_backup.drivers.restic import environment
from manila_backup.drivers.restic import error_lines
from manila_backup.drivers.restic import faults
from manila_backup.drivers.restic import launch
from manila_backup import quoting

_LAUNCH = os.path.join(os.path.dirname(__file__), 'launch.py')
_TICK = 0.2
_KEPT = 64 << 10

# Seconds that restic waits for a lock before those that are of nobody are
# removed: a process that is dead may be there for a while.
_RETRY_LOCK = 5.0

# Seconds for restic to end in order.
_GRACE = 3

# restic shows how far it is as often as that, per second.
_FPS = '5'

_NO_LOCK = '--no-lock'


@dataclasses.dataclass(frozen=True, repr=False)
class ResticSettings:
    """Settings for running restic.

    :ivar command: str, the program.
    :ivar environment: dict, what it needs to reach repositories: secret.
    :ivar environment_file: str, a file with more of that; or None.
    :ivar cache: str, its cache directory.
    :ivar view: str, the directory that shares are shown to it at: the same
        each time, so that it knows one again.
    :ivar stall: float, seconds without reading or writing that are too many.
    :ivar lock: float, seconds to wait for locks.
    :ivar compression: str.
    """

    command: str
    environment: dict
    cache: str
    view: str
    stall: float
    lock: float
    compression: str = 'auto'
    environment_file: str | None = None

    def __post_init__(self):
        # It says, and wants to be told, paths without symbolic links.
        object.__setattr__(self, 'view', os.path.realpath(self.view))

    def secrets(self):
        """All of the environment that it needs.

        :raises RepositoryUnavailable: a part of it can't be had.
        """
        if not self.environment_file:
            return self.environment
        return {**self.environment,
                **environment.read(self.environment_file)}

    def compressing(self):
        """Arguments that say how hard to compress, if it is to be told."""
        return ([] if self.compression == 'auto'
                else [f'--compression={self.compression}'])

    def version(self):
        """Its version, as a tuple of ints.

        :raises RepositoryUnavailable: there is no such program.
        """
        try:
            said = subprocess.run(
                [self.command, 'version'], capture_output=True, text=True,
                stdin=subprocess.DEVNULL, check=True).stdout
            return tuple(map(int, re.match(r'restic (\d+)\.(\d+)',
                                           said).groups()))
        except (OSError, subprocess.CalledProcessError,
                AttributeError) as exc:
            raise base.RepositoryUnavailable(
                f'The command "{self.command}" of [restic] command can\'t be '
                f'run: {exc}.') from exc


class Restic:
    """restic on one repository.

    :param settings: a :class:`ResticSettings`.
    :param url: str, the repository as restic names it.
    :param password: str.
    :param host: str, what its locks say that they are of; None for this
        host's name. Whoever has the same may remove them if it is stopped
        by them: there must be no other.
    :param tick: called several times a second.
    :param others: called without arguments if that password is not the right
        one; returns an iterator of more that may be.
    :param learn: called with the one of them that was.
    """

    def __init__(self, settings, url, password, host=None, tick=None,
                 others=lambda: iter(()), learn=lambda password: None):
        self.url = url
        self._others = others
        self._learn = learn
        self._untried = None
        self._settings = settings
        self._password = password
        self._host = host and host[:64]
        self._tick = tick or (lambda: None)

    @property
    def shown(self):
        """The repository's place without what is secret in it."""
        return quoting.without_userinfo(self.url)

    def json(self, *args, **kwargs):
        """Run a command, and parse its output as JSON."""
        said = self.run('--json', *args, **kwargs)
        try:
            return json.loads(said)
        except ValueError as exc:
            raise base.DriverError(
                f'restic {args[0]} on "{self.shown}" did not answer in JSON.',
                retryable=True) from exc

    def run(self, *args, wait=True, **kwargs):
        """Run a command.

        What a lock of another stands in the way of is tried again until
        ``lock`` seconds have gone by, and now and then without those that
        are of nobody.

        :param wait: bool, whether to do so.
        :param kwargs: as for :class:`Process`; ``accept``, called with an
            exit status beside 0: whether it is none of a failure.
        :returns: bytes, what it printed.
        :raises faults.Locked: after that.
        :raises manila_backup.drivers.base.DriverError: it failed.
        """
        end = time.monotonic() + (self._settings.lock if wait else 0)
        # It does nothing while it waits.
        longest = min(_RETRY_LOCK, self._settings.stall / 2)
        seconds = None
        while True:
            try:
                return self._once(args, retry_lock=seconds or 0, **kwargs)
            except faults.ReadOnly:
                if (faults.command_of(args) not in faults.READING
                        or _NO_LOCK in args):
                    raise
                # Nobody can be changing it either.
                args = (*args[:1], _NO_LOCK, *args[1:])
            except faults.Locked as exc:
                if seconds is not None and time.monotonic() >= end:
                    raise
                self._tidy(str(exc))
                seconds = max(0, min(longest, end - time.monotonic()))

    def _tidy(self, said):
        """Remove the locks that are of nobody: ours, or those that restic
        takes for stale. Or whoever is killed while it prunes would keep all
        others out until the next pass."""
        if self._host and f' on {self._host} by ' in said:
            self.unlock()
            return
        Restic(self._settings, self.url, self._password,
               tick=self._tick).unlock()

    def unlock(self):
        """Remove the locks of our host's name. Whoever had them is over, or
        its name would not be ours: so restic is shown no process, and takes
        theirs for gone, as they are. Nobody else's are touched but those
        that restic itself takes for stale, not having been renewed for half
        an hour. Where there can't be such names, those go that restic takes
        for stale as their process on this host is gone."""
        # Or others are removing the same.
        with contextlib.suppress(faults.Locked):
            self._once(['unlock'], sink=True,
                       alone=bool(self._host) and os.geteuid() == 0)

    def _once(self, args, **kwargs):
        while True:
            if kwargs.get('stdin'):
                # A run before may have read it.
                kwargs['stdin'].seek(0)
            try:
                found = self._run(args, **kwargs)
            except faults.WrongPassword:
                if not self._take_another():
                    raise
                continue
            if self._untried is not None:
                self._untried = None
                self._learn(self._password)
            return found

    def _take_another(self):
        """Take the next password; False if there is none."""
        if self._untried is None:
            first = self._password
            self._untried = (each for each in self._others()
                             if each != first)
        for each in self._untried:
            self._password = each
            return True
        self._untried = None
        return False

    def _run(self, args, accept=lambda _: False, **kwargs):
        with Process(self._settings, self.url, self._password, self._host,
                     args, self._tick, **kwargs) as process:
            code = process.run()
        if process.hung:
            raise faults.hung(args, self.shown, self._settings.stall,
                              self.redact(process.errors))
        if process.hopeless:
            raise faults.of(args, self.shown, 1, self.redact(process.errors))
        if code and not accept(code):
            text = self.redact(process.errors)
            raise faults.of(args, self.shown, code, text)
        return process.output

    def redact(self, text):
        """Text without anything secret."""
        for value in (self._password, *self._settings.secrets().values()):
            if len(value) > 3:
                text = text.replace(value, '***')
        return quoting.without_userinfo(text)


class Process:
    """One run of it.

    :param view: int, descriptor of a share's directory to run in; None for
        none.
    :param writable: bool, whether that may be written to.
    :param stdin: a file to read from; None for none.
    :param on_line: called with each line that it prints, as bytes; None to
        keep them as the output.
    :param on_data: called with each piece that it prints, as bytes, wherever
        lines end; instead of ``on_line``.
    :param on_error: called with each line of its errors, as str.
    :param sink: bool, whether to read and forget the output.
    :param idle: called while it runs; returns False when it has no more to
        do.
    :param on_io: called with the numbers of bytes that it has read and
        written so far, of any kind.
    :param alone: bool, whether it is to see no process.
    :param limits: (upload, download) in KiB/s, 0 for none.
    :param retry_lock: float, seconds to wait for a lock of another.
    :param cwd: str, the directory to run in, without a ``view``; None for
        ours.
    :ivar hung: bool, whether it was stopped because it neither read nor
        wrote for too long.
    :ivar hopeless: bool, whether it was stopped because it tried again what a
        local repository's file system won't do.
    """

    def __init__(self, settings, url, password, host, args, tick, view=None,
                 writable=False, stdin=None, on_line=None, on_data=None,
                 on_error=None, sink=False, idle=None, on_io=None,
                 alone=False, limits=(0, 0), retry_lock=0, cwd=None):
        self._settings = settings
        self._tick = tick
        self._on_line = on_line
        self._on_data = on_data
        self._on_error = on_error
        self._sink = sink
        self._idle = idle
        self._on_io = on_io
        self._is_local = local_path(url) is not None
        self.hung = self.hopeless = False
        self._output = []
        self._errors = []
        self._kept = self._taken = 0
        self._rest = {}
        with contextlib.ExitStack() as stack:
            reader = _pipe(password.encode() + b'\n')
            stack.callback(os.close, reader)
            spec = {'parent': os.getpid(), 'host': host, 'alone': alone,
                    'view': view is not None and {
                        'fd': view, 'path': settings.view,
                        'writable': writable}}
            command = [settings.command, f'--retry-lock={retry_lock:.1f}s',
                       *_limits(limits),
                       *settings.compressing(), *args]
            surround = functools.partial(launch.surround, spec)
            if threading.active_count() > 1 or alone:
                surround = None
                command = [sys.executable, '-I', '-S', _LAUNCH,
                           json.dumps(spec), *command]
            self._popen = subprocess.Popen(
                command, preexec_fn=surround, cwd=cwd,
                stdin=stdin or subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(reader, *([] if view is None else [view])),
                env=self._environment(url, reader))

    def _environment(self, url, reader):
        found = {name: value for name, value in os.environ.items()
                 if not name.startswith('RESTIC_')}
        found.update(self._settings.secrets())
        found.update({
            'RESTIC_REPOSITORY': url,
            'RESTIC_PASSWORD_FILE': f'/proc/self/fd/{reader}',
            'RESTIC_CACHE_DIR': self._settings.cache,
            'RESTIC_PROGRESS_FPS': _FPS})
        found.setdefault('HOME', '/nonexistent')
        return found

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        if self._popen.poll() is None:
            # So that it takes its lock away.
            self._popen.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(_GRACE)
            self._popen.kill()
        self._popen.wait()
        self._popen.stdout.close()
        self._popen.stderr.close()

    @property
    def pid(self):
        return self._popen.pid

    @property
    def output(self):
        return b''.join(self._output)

    @property
    def errors(self):
        return '\n'.join(self._errors)

    def run(self):
        """Wait for its end.

        :returns: int, its exit status; None if it was not waited for, see
            ``hung`` and ``hopeless``.
        """
        most, since = (-1, -1), time.monotonic()
        with selectors.DefaultSelector() as selector:
            for file, take in ((self._popen.stdout, self._out),
                               (self._popen.stderr, self._err)):
                os.set_blocking(file.fileno(), False)
                selector.register(file, selectors.EVENT_READ, take)
            while selector.get_map() and not (self.hung or self.hopeless):
                busy = self._idle and self._idle()
                if not busy:
                    self._idle = None
                for key, _ in selector.select(0 if busy else _TICK):
                    data = key.fileobj.read(1 << 20)
                    self._taken += len(data or b'')
                    key.data(data)
                    if data == b'':
                        selector.unregister(key.fileobj)
                self._tick()
                done = self._counters()
                if any(map(operator.gt, done, most)):
                    most = tuple(map(max, done, most))
                    since = time.monotonic()
                    if self._on_io:
                        self._on_io(*done)
                elif time.monotonic() - since > self._settings.stall:
                    self.hung = True
        return (None if self.hung or self.hopeless
                else self._popen.wait())

    def _counters(self):
        """Bytes that it has read and written so far; nothing of what it says
        about how far it is, which it goes on with whatever happens."""
        read, written = counters(self.pid) or (0, 0)
        return read, written - self._taken

    def _out(self, data):
        if self._sink:
            return
        if self._on_data:
            self._on_data(data or b'')
            return
        if not self._on_line:
            self._output.append(data or b'')
            return
        self._lines('out', data, self._on_line)

    def _err(self, data):
        self._lines('err', data, self._error)

    def _lines(self, which, data, take):
        if data is None:
            return
        text = self._rest.get(which, b'') + data
        *lines, self._rest[which] = text.split(b'\n')
        if data == b'' and self._rest[which]:
            lines.append(self._rest[which])
        for line in lines:
            take(line)

    def _error(self, line):
        text = line.decode(errors='backslashreplace')
        if self._on_error and self._on_error(text):
            return
        text = error_lines.text(text)
        self.hopeless |= self._is_local and faults.is_hopeless(text)
        if text.strip() and (self._kept < _KEPT or self.hopeless):
            self._kept += len(text)
            self._errors.append(text)


def counters(pid):
    """Read the I/O counters of a process, (bytes read, bytes written); None
    once it has ended."""
    try:
        with open(f'/proc/{pid}/io') as file:
            found = dict(line.split(': ') for line in file)
        return int(found['rchar']), int(found['wchar'])
    except (OSError, ValueError, KeyError):
        return None


def appended(url, name):
    """The place of a repository below that of others.

    :param url: str, as [restic] repository says.
    :param name: str, quoted where it has to be.
    """
    name = urllib_parse.quote(name, safe='')
    scheme, colon, rest = url.partition(':')
    if colon and scheme in ('b2', 'azure', 'gs', 'swift') and (
            ':' not in rest):
        url += ':'
        if scheme != 'b2':
            url += '/'
    url = url.rstrip('/') if url != '/' else ''
    if url.endswith(':') and scheme in ('b2', 'rclone', 'sftp'):
        return url + name
    return f'{url}/{name}' + ('/' if scheme == 'rest' else '')


def local_path(url):
    """The directory that a place is, as str; None if it is none."""
    if url.startswith('local:'):
        return url[len('local:'):]
    return url if url.startswith('/') else None


def _limits(limits):
    return [f'--limit-{name}={value}' for name, value
            in zip(('upload', 'download'), limits) if value]


def _pipe(data):
    """A descriptor that a little data can be read from."""
    reader, writer = os.pipe()
    os.write(writer, data)
    os.close(writer)
    return reader
