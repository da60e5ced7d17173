# SPDX-License-Identifier: Apache-2.0
"""Checking passwords against bcrypt hashes, which is slow on purpose, so
that nobody can have all of the service's processors do nothing else."""

import collections
import contextlib
import hmac
import logging
import secrets
import threading
import time

import bcrypt

LOG = logging.getLogger(__name__)

#: Results that are remembered at most, right and wrong ones each.
MAX_REMEMBERED = 10000

#: Seconds that a caller waits for a hash, his own or that of another request
#: with the same name and password.
PATIENCE = 5.0

#: The cost of the hash for a name that is not known, if no name is.
DEFAULT_COST = 10


class Busy(Exception):
    """Too many passwords are being checked already."""


class Places:
    """Limits of the callers that hash passwords or wait to do so.

    :param slots: int, hashes that are made at once.
    :param places: int, callers that hash or wait at once. All but one of
        these can be taken by callers from one address.
    """

    def __init__(self, slots, places):
        self._slots = threading.Semaphore(slots)
        self._places = max(slots, places)
        self._lock = threading.Lock()
        self._taken = collections.Counter()

    @contextlib.contextmanager
    def slot(self, address):
        """A context in which to hash.

        :param address: str, where the caller is, or None.
        :raises Busy: there are too many others.
        """
        with self._place(address):
            if not self._slots.acquire(timeout=PATIENCE):
                raise Busy
            try:
                yield
            finally:
                self._slots.release()

    @contextlib.contextmanager
    def _place(self, address):
        with self._lock:
            if (self._taken.total() >= self._places
                    or (address and self._taken[address]
                        >= max(1, self._places - 1))):
                raise Busy
            self._taken[address] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[address] -= 1
                if not self._taken[address]:
                    del self._taken[address]


class Passwords:
    """Users and their hashes, and what was found of passwords lately.

    :param hashes: dict of name to bcrypt hash (bytes).
    :param places: a :class:`Places`.
    :param right_time: seconds since its last use for which a right password
        is remembered.
    :param wrong_time: seconds for which a wrong one is.
    """

    def __init__(self, hashes, places, right_time, wrong_time):
        self._hashes = hashes
        self._places = places
        self._secret = secrets.token_bytes(32)
        self._right = _Memory(right_time)
        self._wrong = _Memory(wrong_time)
        self._lock = threading.Lock()
        self._under_way = {}
        #: What those who are not known are compared with. Costs differ as
        #: they do among those who are.
        self._none = [_nobody(each) for each in sorted(hashes.values())]
        self._none = self._none or [_nobody(b'')]

    def check(self, name, password, address):
        """Tell whether a password is right.

        Names that are not known take as long as those that are.

        :param name: str.
        :param password: bytes.
        :param address: str, where the caller is, or None.
        :returns: bool.
        :raises Busy: it can't be found out right now.
        """
        key = self._digest(name.encode() + b'\0' + password)
        known = self._known(key)
        if known is not None:
            return known
        with self._lock:
            other = self._under_way.get(key)
            if other is None:
                done = self._under_way[key] = threading.Event()
        if other is not None:
            other.wait(PATIENCE)
            known = self._known(key)
            if known is None:
                raise Busy
            return known
        try:
            with self._places.slot(address):
                right = self._hash(name, password)
            (self._right if right else self._wrong).put(key)
        finally:
            del self._under_way[key]
            done.set()
        return right

    def _known(self, key):
        if self._right.has(key):
            self._right.put(key)
            return True
        return False if self._wrong.has(key) else None

    def _hash(self, name, password):
        hashed = self._hashes.get(name)
        against = hashed or self._none[
            int.from_bytes(self._digest(name.encode())[:8], 'big')
            % len(self._none)]
        try:
            equal = bcrypt.checkpw(password, against)
        except ValueError as exc:
            # A password that bcrypt does not take, or a malformed hash.
            LOG.info('The password of user %s can\'t be checked: %s', name,
                     exc)
            return False
        if not (equal and hashed):
            LOG.info('Wrong name or password of user %s', name)
            return False
        return True

    def _digest(self, data):
        return hmac.digest(self._secret, data, 'sha256')


class _Memory:
    """Keys that are forgotten after a while.

    :param lasts: seconds; 0 if nothing is remembered.
    """

    def __init__(self, lasts):
        self._lasts = lasts
        self._until = {}

    def has(self, key):
        return self._until.get(key, 0) > time.monotonic()

    def put(self, key):
        if not self._lasts:
            return
        if len(self._until) >= MAX_REMEMBERED and key not in self._until:
            self._until.clear()
        self._until[key] = time.monotonic() + self._lasts


def _nobody(hashed):
    """A hash of the same cost that no password has."""
    try:
        cost = int(hashed.split(b'$')[2])
        return bcrypt.gensalt(cost) + b'.' * 31
    except (IndexError, ValueError):
        return bcrypt.gensalt(DEFAULT_COST) + b'.' * 31
