# SPDX-License-Identifier: Apache-2.0
"""Share backups, shares and operations, as panels need them."""

from manila_backup_dashboard import errors
from manila_backup_dashboard import service
from manila_backup_dashboard import text

# The most shares that are offered or named in one list.
_SHARES = 1000

#: What is shown of a list within a page.
FEW = 100

#: Statuses that do not stay.
BUSY = ('creating', 'restoring', 'deleting')


def path(backup_id):
    """Return the path of a backup."""
    return f'/share-backups/{service.quote(backup_id)}'


def page(request, offset, size, all_projects=False, **filters):
    """Return one page of backups, the newest first, and whether there are
    more.

    :param offset: int, how many come before it.
    :param size: int, the most to return.
    """
    found = service.of(request).get(
        '/share-backups/detail', offset=offset or None, limit=size + 1,
        sort_key='created_at', sort_dir='desc',
        all_tenants=1 if all_projects else None, **filters)['share_backups']
    known = shares(request, all_projects)
    backups = [_complete(each, known)
               for each in service.resources(found[:size])]
    return backups, len(found) > size


def one(request, backup_id):
    """Return a backup."""
    found, = service.resources([service.of(request).get(path(backup_id))[
        'share_backup']])
    try:
        known = {found.share_id: service.of(request).get_as_manila(
            f'/shares/{service.quote(found.share_id)}')['share']}
    except errors.ServiceError:
        # It may be gone, and its backups are not.
        known = {}
    return _complete(found, known)


def _complete(backup, known):
    """Put to a backup what only its share has, or None: the share's name, and
    the project that both are of."""
    share = known.get(backup.share_id, {})
    backup.share_name = share.get('name')
    backup.project_id = share.get('project_id')
    backup.title = text.name_of(backup)
    return backup


def shares(request, all_projects=False):
    """Return shares by their ids, as dicts with a ``name`` and, of all
    projects, a ``project_id``; none if they can't be listed."""
    try:
        found = service.of(request).get_as_manila(
            '/shares/detail' if all_projects else '/shares', limit=_SHARES,
            all_tenants=1 if all_projects else None)['shares']
    except errors.Unauthorized:
        raise
    except errors.ServiceError:
        return {}
    return {each['id']: each for each in found}


def share_choices(request):
    """Return the shares of a project, as choices of a form."""
    return [(each['id'], share_title(each['id'], each['name']))
            for each in sorted(shares(request).values(), key=lambda each: (
                each['name'] or '', each['id']))]


def share_title(share_id, name):
    """Return a name of a share that tells it from others of the same name."""
    return f'{text.plain(name)} ({share_id})' if name else share_id


def operations(request, **filters):
    """Return operations, the newest first."""
    return service.resources(service.of(request).get(
        '/share-backup-operations', limit=FEW, **filters)[
            'share_backup_operations'])


def warnings(request, backup_id):
    """Return what a backup lacks, and whether that is all of it."""
    found = service.of(request).get(f'{path(backup_id)}/warnings', limit=FEW)
    return found['warnings'], (found['complete']
                               and 'warnings_links' not in found)
