# SPDX-License-Identifier: Apache-2.0
"""Ownership marks, which tell this service's resources in Manila from all
others.

Whatever an attempt makes there carries a mark in its name, its metadata or
its reason from the moment it is there: so it can be found and removed whenever
and wherever the attempt was cut off, by asking Manila about the share.
"""

import re

#: The key of metadata that holds a mark.
KEY = 'share_backup'

_MARK = re.compile(r'manila-backup:([0-9a-f-]{36})\.(\d+)')


def of(job):
    """The mark of an attempt.

    :param job: a :class:`~manila_backup.shares.base.Job`.
    """
    return f'manila-backup:{job.operation_id}.{job.attempt}'


def find(text):
    """The mark in a text.

    :returns: (the operation's id, int: the attempt), or None.
    """
    match = _MARK.search(text or '')
    return (match[1], int(match[2])) if match else None


class Mine:
    """Mark of one attempt's resources. Calling it with a text tells whether
    that has the mark."""

    def __init__(self, job):
        self._mark = job.operation_id, job.attempt

    def __call__(self, text):
        return find(text) == self._mark


class UpTo(Mine):
    """Marks of the resources of an operation's attempts up to this one."""

    def __call__(self, text):
        found = find(text)
        return bool(found) and (found[0] == self._mark[0]
                                and found[1] <= self._mark[1])


class Others(Mine):
    """Marks of the service's other resources. On a share that this attempt has
    for itself, nobody needs those any more."""

    def __call__(self, text):
        found = find(text)
        return bool(found) and found != self._mark
