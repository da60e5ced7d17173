# SPDX-License-Identifier: Apache-2.0
"""Questions about what a backup lacks."""

from manila_backup import quoting

#: The most warnings in one answer.
MOST = 10_000


def list_warnings(driver, place, folder, skip, limit):
    """Read what a backup lacks, entry by entry.

    :param skip: int, how many to leave out.
    :param limit: int, the most to return.
    :returns: dict: ``warnings``, a list of [path, code, list of what is
        lost]; ``complete``, whether all that there are can be had; ``more``,
        whether some of them had no room in the answer.
    """
    driver.prepare(place, _alone)
    page = driver.warnings(place, skip, min(limit, MOST))
    if page is None:
        return {'warnings': [], 'complete': False, 'more': False}
    return {'warnings': [
        [quoting.quote(each.path), str(each.code), list(each.lost)]
        for each in page.warnings], 'complete': page.complete,
        'more': page.more}


def _alone():
    raise NotImplementedError('A question makes nothing.')
