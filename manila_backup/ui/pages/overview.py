# SPDX-License-Identifier: Apache-2.0
"""Overview: what is protected, what happened last night, what failed."""

import datetime

from manila_backup.ui import calls
from manila_backup.ui import words

#: Days of which failures are listed.
PROBLEMS = 7

_SHOWN = 5


def show(page):
    """Show the overview."""
    now, usage = words.now(), _usage(page)
    newest = page.api.get('/share-backups/detail', limit=calls.PAGE,
                          sort_key='created_at',
                          sort_dir='desc')['share_backups']
    return page.render(
        'overview.html', coverage=_coverage(page),
        problems=_problems(page, now, newest), problem_days=PROBLEMS,
        night=_night(page, now), usage=usage, quota=_quota(page, usage),
        days=_days(newest, now), newest=len(newest),
        has_all=len(newest) < calls.PAGE)


def _coverage(page):
    found = page.api.get('/share-backup-coverage', limit=calls.PAGE)
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


def _since(now, days):
    return (now - datetime.timedelta(days=days)).strftime(
        '%Y-%m-%dT%H:%M:%SZ')


def _problems(page, now, newest):
    """The newest backups of the last days that failed or lack something, and
    those of the newest ones of all that are damaged."""
    found = [each for each in newest if each['result'] == 'damaged']
    for query in ({'status': 'error'}, {'result': 'incomplete'}):
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


def _days(backups, now):
    """Sum up the bytes that backups have added, by day.

    :param backups: list of dicts, newest first.
    :returns: list of (date, bytes), oldest first, at most of a month.
    """
    today = now.date()
    added = {}
    for each in backups:
        day = words.moment(each['created_at']).date()
        added[day] = added.get(day, 0) + (each['stored_bytes'] or 0)
    first = max(min(added, default=today), today - datetime.timedelta(days=29))
    count = max((today - first).days + 1, 7)
    return [(day, added.get(day, 0)) for day in (
        today - datetime.timedelta(days=number)
        for number in reversed(range(count)))]


ROUTES = {'/': {'GET': show}}
