# SPDX-License-Identifier: Apache-2.0
"""Numbers of things in sentences: one entry, two entries."""


def noun(number, one, many=None):
    """Return what a number is of, in the singular or in the plural.

    :param number: int.
    :param one: str, what it is of, in the singular.
    :param many: str, the plural; None for one with an ``s``.
    """
    return one if number == 1 else many or one + 's'


def counted(number, one, many=None):
    """Return a number with what it is of, such as ``1 entry``: see
    :func:`noun`."""
    return f'{number} {noun(number, one, many)}'


def entries(number):
    """Return a number of directory entries: ``1 entry``, ``2 entries``."""
    return counted(number, 'entry', 'entries')
