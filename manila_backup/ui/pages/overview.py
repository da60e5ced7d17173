# SPDX-License-Identifier: Apache-2.0
"""Overview: what is protected, what happened last night, what failed, and use
over time beside the quota."""

import datetime

from manila_backup.ui import calls
from manila_backup.ui import pictures
from manila_backup.ui import words

#: Days of which failures are listed.
PROBLEMS = 7

#: Days of which use is shown.
DAYS = 90

_SHOWN = 8

#: How many shares are looked at by themselves: the others are counted.
_LOOKED_AT = 50

# Of quotas: what each is called, and what is used of it, by the sums over all
# backups.
_USED = {
    'backups': ('backups', lambda total: total['backups']),
    'backup_gigabytes': ('GiB of shares', lambda total: total['gigabytes']),
    'backup_stored_gigabytes': (
        'GiB stored', lambda total: round(total['stored_bytes'] / 2 ** 30,
                                          1)),
}

_SUMS = ('backups', 'gigabytes', 'content_bytes', 'stored_bytes')


def show(page):
    """Show the overview."""
    now = words.now()
    coverage, names = _coverage(page)
    days = _days(page)
    total = {name: sum(each[name] for each in days) for name in _SUMS}
    limits = _limits(page, days)
    quota = [(title, used(total), limits[name])
             for name, (title, used) in _USED.items() if name in limits]
    stored = limits.get('backup_stored_gigabytes', -1)
    return page.render(
        'overview.html', coverage=coverage, names=names,
        problems=_problems(page, now), problem_days=PROBLEMS,
        night=_night(page, now), total=total, quota=quota,
        use=days and pictures.use(
            _by_day(days, now.date()),
            stored * 2 ** 30 if stored >= 0 else None))


def _coverage(page):
    """Numbers of shares, those of the first ones that want a look, and the
    names that these have, by id."""
    found = page.api.get('/share-backup-coverage', limit=_LOOKED_AT,
                         with_count='true')
    shares = found['share_backup_coverage']
    return {
        'shares': found['count'],
        'protected': found['protected_count'],
        'looked_at': len(shares),
        'broken': [each for each in shares
                   if each['objective'] == 'broken'][:_SHOWN],
    }, {each['share_id']: each['share_name'] for each in shares}


def _number(page, **query):
    return page.api.get('/share-backups', limit=0, with_count='true',
                        **query)['count']


def _since(now, days):
    return (now - datetime.timedelta(days=days)).strftime(
        '%Y-%m-%dT%H:%M:%SZ')


def _problems(page, now):
    """The newest backups of the last days that failed, lack something or are
    damaged."""
    found = []
    for query in ({'status': 'error'}, {'result': 'incomplete'},
                  {'result': 'damaged'}):
        found += page.api.get(
            '/share-backups/detail', limit=_SHOWN, sort_key='created_at',
            sort_dir='desc', created_since=_since(now, PROBLEMS),
            **query)['share_backups']
    # One in error may lack something, too.
    found = {each['id']: each for each in found}.values()
    return sorted(found, key=lambda each: each['created_at'],
                  reverse=True)[:_SHOWN]


def _night(page, now):
    """Numbers of the backups of the last day."""
    since = _since(now, 1)
    return {
        'complete': _number(page, created_since=since, result='complete'),
        'incomplete': _number(page, created_since=since,
                              result='incomplete'),
        'error': _number(page, created_since=since, status='error'),
        'running': _number(page, created_since=since, status='creating'),
    }


def _days(page):
    """Sums of the project's backups for each day on which some of them were
    created, the first day first."""
    found, offset = [], 0
    while offset is not None:
        body = page.api.get('/share-backup-usage', interval='day',
                            offset=offset or None)
        found += body['share_backup_usage']
        offset = len(found) if 'share_backup_usage_links' in body else None
    return found


def _by_day(days, today):
    """Bytes that were stored up to each of the last days, and that day.

    :returns: list of (date, bytes that are stored by then for the backups
        that are still there, bytes of that day).
    """
    added = {datetime.date.fromisoformat(each['day']): each['stored_bytes']
             for each in days}
    first = max(min(added), today - datetime.timedelta(days=DAYS - 1))
    first = min(first, today - datetime.timedelta(days=6))
    stored = sum(size for day, size in added.items() if day < first)
    found = []
    for number in range((today - first).days + 1):
        day = first + datetime.timedelta(days=number)
        stored += added.get(day, 0)
        found.append((day, stored, added.get(day, 0)))
    return found


def _limits(page, days):
    """Quotas of the project by name; none where nobody says."""
    if not days:
        return {}
    try:
        found = page.api.get('/share-backup-quotas/'
                             f'{words.quote(days[0]["project_id"])}')
    except calls.Refused:
        # Not everybody may see it, and not all sources of shares have it.
        return {}
    return found['share_backup_quota']


ROUTES = {'/': {'GET': show}}
