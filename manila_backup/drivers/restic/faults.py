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


_RETRIED = re.compile(
    r'(?:Load|Remove)\(<((?:data|index|snapshot|lock)/\w+)>.* returned error, '
    r'retrying after [^:]*: (.*)')


def _doing(args):
    return next((each for each in args if not each.startswith('-')), '')


def _short(text):
    return ' '.join(text.split())[-_LONGEST:]


def _search(*words):
    return re.compile('|'.join(words), re.IGNORECASE).search


_LOCKED = _search('repository is already locked')
_PASSWORD = _search('wrong password or no key found')
_NO_CONFIG = _search('unable to open config file')
_NOT_THERE = _search(
    'does not exist', 'no such file', 'not found', 'NoSuchKey', 'NoSuchBucket',
    r'\b404\b')
_FULL = _search('no space left on device', 'disk quota exceeded',
                'insufficient storage', 'QuotaExceeded')
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
    'load.<data/[^>]*>.*no such file', 'invalid header',
    'data/[0-9a-f/]+: no such file', 'file size does not match',
    'hash mismatch', 'repository contains errors', 'integrity',
    'no matching ID found', 'is too short')
#: "ls" of 0.18, at a directory that it can't read.
_BROKE_DOWN = re.compile(r'^panic: |main\.runLs', re.MULTILINE).search


def missing(line, is_local):
    """Return the file of the repository that an error line reports as missing
    or, in a local repository, as truncated; None for any other line."""
    found = _RETRIED.search(line)
    if found and (_NOT_THERE(found[2])
                  or is_local and found[2].endswith('EOF')):
        return found[1]
    return None


def gone(args, shown, text):
    """The error for what was stopped because a file is gone.

    A lock is when its owner is done, and does so while others look at all the
    locks that there are.
    """
    if '(<lock/' in text:
        return Locked(f'A lock of the repository "{shown}" went away while '
                      f'restic {_doing(args)} looked at it: {_short(text)}')
    return base.DamagedBackup(
        f'restic {_doing(args)} did not find what should be in the '
        f'repository "{shown}": {_short(text)}')


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
    for is_so, kind, words, retryable in (
            (_LOCKED, Locked, f'The repository "{shown}" is in use, so that '
             f'restic {doing} has to wait: {said}', True),
            (_PASSWORD, base.RepositoryUnavailable, 'The password is not '
             f'that of the repository "{shown}": is [restic] password_file '
             'that of another service, or of another host?', False)):
        if is_so(text):
            return kind(words, retryable)
    if _NO_CONFIG(text) and _NOT_THERE(text) and not _AWAY(text):
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
