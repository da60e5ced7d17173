# SPDX-License-Identifier: Apache-2.0
"""Interpretation of restic's error messages."""

import re

from manila_backup.drivers import base

_LONGEST = 600


class Locked(base.RepositoryUnavailable):
    """Somebody else has a lock.

    :ivar exclusive: bool, whether it keeps everybody else out.
    """

    @property
    def exclusive(self):
        return 'locked exclusively' in self.message


class Absent(base.RepositoryUnavailable):
    """There is no repository."""


#: What its exit status says, if it is one of those.
_ABSENT, _LOCKED, _PASSWORD = 10, 11, 12


def _doing(args):
    return next((each for each in args if not each.startswith('-')), '')


def _short(text):
    return ' '.join(text.split())[-_LONGEST:]


def _search(*words):
    return re.compile('|'.join(words), re.IGNORECASE).search


_NO_CONFIG = _search('unable to open config file')
_NOT_THERE = _search(
    'does not exist', 'no such file', 'not found', 'NoSuchKey', 'NoSuchBucket',
    r'\b404\b')
_FULL = _search('no space left on device', 'disk quota exceeded',
                'insufficient storage', 'QuotaExceeded')
# One whose owner is done, while others look at all the locks that there are.
_LOCK_GONE = _search(r'<lock/[^>]*>.*(no such file|does not exist|not found)')
_DENIED = _search(
    'access ?denied', 'permission denied', 'InvalidAccessKeyId',
    'SignatureDoesNotMatch', r'\b40[13]\b', 'unauthorized')
_AWAY = _search(
    'connection refused', 'no such host', 'time ?out', r'\b50[0-9]\b',
    'slow ?down', 'reset by peer', 'broken pipe', 'unreachable',
    'server misbehaving', 'service ?unavailable', 'temporarily',
    r'unexpected EOF', 'server closed', 'handshake failure',
    'connection closed')
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
    words = (f'restic {_doing(args)} has neither read nor written anything '
             f'for {seconds:g} seconds on the repository "{shown}"')
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
    doing = _doing(args)
    said = _short(text) or f'exit status {code}'
    if code == _LOCKED or _LOCK_GONE(text):
        return Locked(f'The repository "{shown}" is in use, so that restic '
                      f'{doing} has to wait: {said}')
    if code == _PASSWORD:
        return base.RepositoryUnavailable(
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
        return base.DriverError(words)
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
    return base.DriverError(words, retryable=True)
