# SPDX-License-Identifier: Apache-2.0
"""Overview: what is protected, what happened last night, what failed."""

import datetime

from manila_backup.ui import calls
from manila_backup.ui import words

#: The most shares of which the protection is counted.
COUNTED = 1000

#: Days of which the picture shows what was stored.
DAYS = 30

_SHOWN = 5


def show(page):
    """Show the overview."""
    now, usage = words.now(), _usage(page)
    return page.render(
        'overview.html', coverage=_coverage(page), problems=_problems(page),
        night=_night(page, now), usage=usage, quota=_quota(page, usage),
        days=_days(page, now))


def _coverage(page):
    found = page.api.get('/share-backup-coverage', limit=COUNTED)
    shares = found['share_backup_coverage']
    return {
        'shares': len(shares),
        'more': 'share_backup_coverage_links' in found,
        'protected': sum(each['protected'] for each in shares),
        'broken': [each for each in shares
                   if each['objective'] == 'broken'][:_SHOWN],
        'unprotected': [each for each in shares
                        if not each['protected']][:_SHOWN],
    }


def _number(page, **query):
    return page.api.get('/share-backups', limit=1, with_count='true',
                        **query)['count']


def _problems(page):
    found = []
    for query in ({'status': 'error'}, {'result': 'incomplete'},
                  {'result': 'damaged'}):
        found += page.api.get(
            '/share-backups/detail', limit=_SHOWN, sort_key='created_at',
            sort_dir='desc', **query)['share_backups']
    return sorted(found, key=lambda each: each['created_at'],
                  reverse=True)[:_SHOWN]


def _night(page, now):
    """Numbers of the backups of the last day."""
    since = (now - datetime.timedelta(days=1)).strftime('%Y-%m-%dT%H:%M:%SZ')
    return {
        'complete': _number(page, created_since=since, result='complete'),
        'incomplete': _number(page, created_since=since,
                              result='incomplete'),
        'error': _number(page, created_since=since, status='error'),
        'running': _number(page, created_since=since, status='creating'),
    }


def _usage(page):
    found = page.api.get('/share-backup-usage', group_by='project')
    return next(iter(found['share_backup_usage']), None)


def _quota(page, usage):
    if not usage:
        return None
    try:
        found = page.api.get('/share-backup-quotas/'
                             f'{words.quote(usage["project_id"])}/detail')
    except calls.Refused:
        # Not everybody may see it, and not all sources of shares have it.
        return None
    return {name: value for name, value in
            found['share_backup_quota'].items() if isinstance(value, dict)}


def _days(page, now):
    """Bytes that the backups of each of the last days have added.

    :returns: list of (date, bytes), oldest first.
    """
    first = (now - datetime.timedelta(days=DAYS - 1)).date()
    added = {first + datetime.timedelta(days=number): 0
             for number in range(DAYS)}
    offset = 0
    while offset < COUNTED:
        found = page.api.get(
            '/share-backups/detail', created_since=f'{first}T00:00:00Z',
            limit=calls.PAGE, offset=offset)['share_backups']
        for each in found:
            day = words.moment(each['created_at']).date()
            if day in added:
                added[day] += each['stored_bytes'] or 0
        if len(found) < calls.PAGE:
            break
        offset += len(found)
    return list(added.items())


ROUTES = {'/': {'GET': show}}
