# SPDX-License-Identifier: Apache-2.0
"""Interpretation of restic's error messages."""

import errno
import re

from manila_backup.drivers import base
from manila_backup.drivers.restic import error_lines
from manila_backup.fs import errnos
from manila_backup.fs import errors
from manila_backup import status_codes

_LONGEST = 600

#: Commands that write nothing but their lock.
READING = frozenset(('restore', 'dump', 'ls', 'cat', 'check', 'snapshots'))


class Locked(base.RepositoryUnavailable):
    """Somebody else has a lock.

    :ivar exclusive: bool, whether it keeps everybody else out.
    """

    @property
    def exclusive(self):
        return 'locked exclusively' in self.message


class WrongPassword(base.RepositoryUnavailable):
    """The repository has no key of that password."""


class ReadOnly(base.DriverError):
    """Nothing can be written to the repository, not even a lock."""


class Absent(base.RepositoryUnavailable):
    """There is no repository."""


#: What its exit status says, if it is one of those.
_ABSENT, _LOCKED, _PASSWORD = 10, 11, 12


def command_of(args):
    """Return the command among arguments, as str."""
    return next((each for each in args if not each.startswith('-')), '')


def _short(text):
    return ' '.join(text.split())[-_LONGEST:]


def _search(*words):
    return re.compile('|'.join(words), re.IGNORECASE).search


def _status(digits):
    """A pattern of an HTTP status, which no part of a time (508.83ms), of an
    address or of a name is."""
    return rf'(?<![\w./:-]){digits}(?![\w/:-]|\.\d)'


_NO_CONFIG = _search('unable to open config file')
_NOT_THERE = _search(
    'does not exist', 'no such file', 'not found', 'NoSuchKey', 'NoSuchBucket',
    _status('404'))
_FULL = _search('no space left on device', 'disk quota exceeded',
                'insufficient storage', 'QuotaExceeded')
# One whose owner is done, while others look at all the locks that there are.
_LOCK_GONE = _search(r'<lock/[^>]*>.*(no such file|does not exist|not found)')
_DENIED = _search(
    'access ?denied', 'permission denied', 'InvalidAccessKeyId',
    'SignatureDoesNotMatch', _status('40[13]'), 'unauthorized')
_AWAY = _search(
    'connection refused', 'no such host', 'time ?out', _status('50[0-9]'),
    'slow ?down', 'reset by peer', 'broken pipe', 'unreachable',
    'server misbehaving', 'service ?unavailable', 'temporarily',
    r'unexpected EOF', 'server closed', 'handshake failure',
    'connection closed')
# What its own messages have of a local repository's file system.
_ERRNO = re.compile(r': ([a-z][^:\n]*?)[.)\s]*$', re.MULTILINE)
_RETRIED = re.compile(r'returned error, retrying after ')
_DAMAGED = _search(
    'ciphertext verification failed', 'invalid data returned',
    'has wrong hash', 'hash does not match', 'does not match id',
    'not found in (index|repository)', r'id [0-9a-f]+ not found',
    'wrong data returned', 'is damaged', 'unexpected pack',
    'blob.* not found', 'decrypting blob', 'pack.* does not exist',
    '(load|readfull).<data/[^>]*>.*(no such file|does not exist|not found)',
    'range.*not satisfiable', 'invalid header',
    'data/[0-9a-f/]+: no such file', 'file size does not match',
    'hash mismatch', 'repository contains errors', 'integrity',
    'no matching ID found', 'is too short')
#: "ls" of 0.18, at a directory that it can't read.
_BROKE_DOWN = re.compile(r'^panic: |main\.runLs', re.MULTILINE).search


def hung(args, shown, seconds, text):
    """The error for what was stopped because it did nothing any more.

    :param seconds: float, for how long.
    :param text: str, what it said; without anything secret. Newer releases
        try again by themselves for longer than that.
    """
    if _FULL(text):
        # It tries that again too.
        return _full(command_of(args), shown, _short(text))
    words = (f'restic {command_of(args)} has neither read nor written '
             f'anything for {seconds:g} seconds on the repository "{shown}"')
    said = _short(text)
    return base.RepositoryUnavailable(
        f'{words}: {said}' if said else f'{words}.',
        retryable=not _DENIED(text) or bool(_AWAY(text)))


def of(args, shown, code, text):
    """The error for a run that failed.

    :param args: list of str, the command and its arguments.
    :param shown: str, the repository's place.
    :param code: int, the exit status.
    :param text: str, what it said; without anything secret.
    :returns: a :class:`~manila_backup.drivers.base.DriverError`.
    """
    doing = command_of(args)
    said = _short(text) or f'exit status {code}'
    if code == _LOCKED or _LOCK_GONE(text):
        return Locked(f'The repository "{shown}" is in use, so that restic '
                      f'{doing} has to wait: {said}')
    if code == _PASSWORD:
        return WrongPassword(
            f'The password is not that of the repository "{shown}": is '
            '[restic] password_file that of another service, or of another '
            'host?', retryable=False)
    # Or what it is in is not there, such as a bucket.
    if code == _ABSENT or (_NO_CONFIG(text) and _NOT_THERE(text)
                           and not _AWAY(text)):
        return Absent(f'There is no repository at "{shown}": is it not '
                      'mounted, or was it removed?')
    words = f'restic {doing} failed on the repository "{shown}": {said}'
    if _FULL(text):
        return _full(doing, shown, said)
    if doing not in ('backup', 'init') and _DAMAGED(text):
        return base.DamagedBackup(words)
    if _AWAY(text):
        return base.RepositoryUnavailable(words)
    if doing == 'ls' and _BROKE_DOWN(text):
        return base.DamagedBackup(
            f'restic ls found what it can\'t read in the repository '
            f'"{shown}", and broke down.')
    if _DENIED(text):
        return base.RepositoryUnavailable(words, retryable=False)
    if _NO_CONFIG(text):
        return base.RepositoryUnavailable(words)
    return _of_disk(doing, text, words) or base.DriverError(
        words, retryable=True)


def _full(doing, shown, said):
    return base.DriverError(
        f'restic {doing} failed on the repository "{shown}": {said}',
        code=status_codes.StatusCode.NO_SPACE)


def _of_disk(doing, text, words):
    """The error for what the file system of a local repository says.

    :returns: a DriverError, as of the same for the ``posix`` driver; None if
        it is not known.
    """
    exc = _last_errno(text)
    if exc is None:
        return None
    if exc.errno == errno.EROFS:
        return ReadOnly(words)
    if doing in READING and (
            errnos.meaning(exc).reading is errnos.Of.DAMAGE):
        return base.DamagedBackup(words)
    return base.DriverError(words, retryable=errnos.is_passing(exc))


def _last_errno(text):
    """The last error of the system that is named, as OSError; None if there is
    none, or only that something is gone, which may be no more than old."""
    codes = [error_lines.CODES[said] for said in _ERRNO.findall(text)
             if said in error_lines.CODES]
    if not codes or codes[-1] in errors.GONE:
        return None
    return OSError(codes[-1], '')


def is_hopeless(line):
    """Tell whether restic tries something again that can't come right: it goes
    on with that for a quarter of an hour.

    :param line: str, of what it says about a local repository.
    """
    exc = _RETRIED.search(line) and _last_errno(line)
    return bool(exc) and not errnos.is_passing(exc)
