# SPDX-License-Identifier: Apache-2.0
"""A share that somebody changes while it is backed up and restored, with
the worst of intentions.

In short with every run of the functional tests, and at length by
``make fidelity``.
"""

import ctypes
import os
import random
import stat
import struct
import time
from unittest import mock

from manila_backup.drivers import base
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from manila_backup.fs import spools

_WRITE = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK

DIRECTORIES, FILES = 6, 30

_IN_ALL_EVENTS = 0xfff
_READ = 0x1 | 0x10      # read, closed after having been opened for it
_EVENT = struct.Struct('iIII')

_libc = ctypes.CDLL(None, use_errno=True)


class Watch:
    """Sees all that is done to some files and directories: whoever opens,
    reads, changes, lists or removes them; inotify."""

    def __init__(self):
        self.fd = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self._paths = {}

    def add(self, path):
        number = _libc.inotify_add_watch(self.fd, os.fsencode(path),
                                         _IN_ALL_EVENTS)
        if number < 0:
            raise OSError(ctypes.get_errno(), path)
        self._paths[number] = path

    def add_tree(self, root):
        for where, _, names in os.walk(root):
            self.add(where)
            for name in names:
                self.add(os.path.join(where, name))

    def events(self):
        """Return what happened since: set of (path, event's bits in hex)."""
        found = set()
        while True:
            try:
                data = os.read(self.fd, 1 << 16)
            except BlockingIOError:
                return found
            at = 0
            while at < len(data):
                number, mask, _, size = _EVENT.unpack_from(data, at)
                name = data[at + _EVENT.size:at + _EVENT.size + size]
                found.add((self._paths.get(number),
                           name.rstrip(b'\0'), hex(mask)))
                at += _EVENT.size + size


class Hostile(case.Case):

    #: How long each goes on.
    seconds = 2

    def setUp(self):
        super().setUp()
        # On the share's filesystem, so that links to it can be made, too.
        self.canary = self.make('canary')
        self.devices = self.make('devices')
        for number in range(DIRECTORIES):
            os.mkdir(os.path.join(self.canary, f'd{number}'))
        for name in (*(f'f{number}' for number in range(FILES)), 'd0/f0'):
            trees.write(os.path.join(self.canary, name), b'secret')
        # Null and zero: to open them does no harm, but may not be.
        for number in (3, 5):
            os.mknod(os.path.join(self.devices, str(number)),
                     stat.S_IFCHR | 0o666, os.makedev(1, number))
        self.watch = Watch()
        self.addCleanup(os.close, self.watch.fd)
        self.watch.add_tree(self.canary)
        self.facts()    # so that all were read once since they were written
        self.outside = self.facts()

    def facts(self):
        """Return the state of what is outside, access times and all."""
        found = {}
        for where, directories, files in os.walk(self.canary):
            for name in ('.', *directories, *files):
                path = os.path.join(where, name)
                st = os.lstat(path)
                found[path] = (st.st_mode, st.st_uid, st.st_nlink,
                               st.st_size, st.st_atime_ns, st.st_mtime_ns,
                               st.st_ctime_ns)
        return found

    def under_attack(self, root, run, how=None):
        """Have something run again and again while somebody changes a
        tree; it must not have gone astray.

        :param how: what to do to it, as :func:`attack`, the default.
        """
        opened = Watch()
        self.addCleanup(os.close, opened.fd)
        opened.add_tree(self.devices)
        for each in opened, self.watch:
            each.events()
        attacker = case.FORK.Process(
            target=how or attack, args=(root, self.canary, self.devices))
        attacker.start()
        try:
            end = time.monotonic() + self.seconds
            number = 0
            while not number or time.monotonic() < end:
                number += 1
                run(number)
        finally:
            attacker.kill()
            attacker.join()
        self.assertEqual(set(), self.watch.events())
        self.assertEqual(self.outside, self.facts())
        # To open a device alone may do anything. The attacker opens them
        # too, but to write.
        self.assertEqual(set(), {each for each in opened.events()
                                 if int(each[2], 16) & _READ})

    def test_a_device_in_the_place_of_a_file(self):
        # Just after it was seen to be a file, as if by a racing attacker.
        put = spools.Spool.put
        path = os.path.join(self.source, 'f')
        trees.write(path, b'x')

        def plant(spool, thing):
            if os.path.isfile(path):
                os.unlink(path)
                os.link(os.path.join(self.devices, '5'), path)
            return put(spool, thing)

        opened = Watch()
        self.addCleanup(os.close, opened.fd)
        opened.add_tree(self.devices)
        opened.events()
        with mock.patch.object(spools.Spool, 'put', plant):
            self.backup(still=False)
        self.assertEqual(set(), {each for each in opened.events()
                                 if int(each[2], 16) & _READ})
        self.assertEqual([], self.verify())
        self.restore()
        self.assertTrue(stat.S_ISCHR(os.stat(os.path.join(
            self.target, 'f')).st_mode))

    def test_a_share_that_changes_all_the_time(self):
        trees.many(self.source, DIRECTORIES, FILES, size=200_000)
        self.known = {}
        for where, _, names in os.walk(self.source):
            for name in names:
                with open(os.path.join(where, name), 'rb') as source:
                    self.known.setdefault(name, []).append(source.read())

        def run(number):
            place = case.place(number)
            self.backup(place, still=False)
            self.assertEqual([], self.verify(place))
            self._untorn(self.data(place))
            self.delete(place)

        self.under_attack(self.source, run)

    def _untorn(self, data):
        """Files hold what they had at some instant."""
        for where, _, files in os.walk(data):
            for name in files:
                path = os.path.join(where, name)
                if not stat.S_ISREG(os.lstat(path).st_mode):
                    continue
                with open(path, 'rb') as source:
                    content = source.read(1 << 20)
                if name.startswith('torn'):
                    # One letter throughout.
                    self.assertLessEqual(len(set(content)), 1, path)
                else:
                    self.assertTrue(any(
                        _is_of(content, one)
                        for one in self.known[name.removeprefix('kept')]),
                        path)

    def test_a_target_that_changes_all_the_time(self):
        trees.many(self.source, DIRECTORIES, FILES)
        os.chmod(os.path.join(self.source, 'd0', 'f0'), 0o4755)
        self.backup()
        trees.many(self.target, DIRECTORIES, FILES, seed=3)

        def run(_):
            try:
                self.restore()
            except base.DriverError as exc:
                # It may give up, saying why; never go astray.
                self.assertNotIsInstance(exc, base.DamagedBackup)

        self.under_attack(self.target, run)
        self.assertEqual([], self.verify())
        self.restore()
        self.assertSame(self.source, self.target)


def _is_of(content, original):
    """Tell whether it is what a file became that was cut and appended to."""
    same = len(os.path.commonprefix((content, original)))
    return not content[same:].strip(b'\0more')


def attack(root, canary, devices):
    """Swap, rename, truncate, grow and plant, until killed."""
    numbers = random.Random()
    os.chdir(root)
    while True:
        one, two = (f'd{numbers.randrange(DIRECTORIES)}' for _ in range(2))
        name = f'f{numbers.randrange(FILES)}'
        try:
            numbers.choice(_MISCHIEF)(one, two, name, canary, devices)
        except OSError:
            pass


def _swap_directory(one, two, name, canary, devices):
    os.rename(one, one + '.away')
    os.symlink(canary, one)
    time.sleep(0.0005)
    os.unlink(one)
    os.rename(one + '.away', one)


def _swap_below(one, two, name, canary, devices):
    os.rename(one, os.path.join(two, one))
    time.sleep(0.0005)
    os.rename(os.path.join(two, one), one)


def _rename(one, two, name, canary, devices):
    os.rename(os.path.join(one, name), os.path.join(two, name))


def _truncate(one, two, name, canary, devices):
    fd = os.open(os.path.join(one, name), _WRITE)
    os.ftruncate(fd, random.randrange(100_000))
    os.close(fd)


def _grow(one, two, name, canary, devices):
    fd = os.open(os.path.join(one, name), _WRITE | os.O_APPEND)
    os.write(fd, b'more' * 1000)
    os.close(fd)


def _fifo(one, two, name, canary, devices):
    _put(os.mkfifo, one, name)


def _symlink(one, two, name, canary, devices):
    _put(lambda path: os.symlink(os.path.join(canary, name), path), one,
         name)


def _device(one, two, name, canary, devices):
    number = random.choice(('3', '5'))
    _put(lambda path: os.link(os.path.join(devices, number), path), one,
         name)


def _put(make, one, name):
    """Replace a file at one stroke, and put it back."""
    path = os.path.join(one, name)
    if not stat.S_ISREG(os.lstat(path).st_mode):
        return
    make('planted')
    os.rename(path, 'kept' + name)
    os.rename('planted', path)
    time.sleep(0.0002)
    os.rename('kept' + name, path)


def _directory(one, two, name, canary, devices):
    path = os.path.join(one, name)
    if not os.path.islink(path) and os.path.exists(path):
        os.unlink(path)
    os.mkdir(path)
    os.rmdir(path)


def _torn(one, two, name, canary, devices):
    # One letter throughout, but for the moment that this takes.
    fd = os.open(os.path.join(one, 'torn' + name), _WRITE | os.O_CREAT,
                 0o600)
    os.pwrite(fd, bytes([random.choice(b'abcdefgh')]) * 500_000, 0)
    os.close(fd)


_MISCHIEF = (_swap_directory, _swap_below, _rename, _truncate, _grow, _fifo,
             _symlink, _device, _device, _directory, _torn)
