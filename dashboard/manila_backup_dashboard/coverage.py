# SPDX-License-Identifier: Apache-2.0
"""Coverage of shares by backup policies, and the usage of share backups, as
panels need them."""

from django.utils.translation import gettext as _

from manila_backup_dashboard import backups
from manila_backup_dashboard import errors
from manila_backup_dashboard import service
from manila_backup_dashboard import text


def page(request, size, marker=None, protected=None):
    """Return a page of shares with what covers them, and whether there are
    more.

    :param size: int, the most to return.
    :param marker: str, the id of the last share of the page before.
    :param protected: ``true`` or ``false`` to have only those shares that are
        or are not.
    """
    found = _asked(request, service.POLICIES).get(
        '/share-backup-coverage', limit=size, marker=marker,
        protected=protected)
    shares = service.resources(found['share_backup_coverage'])
    for each in shares:
        each.id = each.share_id
        each.title = text.plain(each.share_name) or each.share_id
    return shares, 'share_backup_coverage_links' in found


def usage(request, size, offset=0, group_by='project', all_projects=False):
    """Return a page of sums of the sizes of backups, and whether there are
    more.

    :param group_by: what there is a sum for each of, within a project.
    """
    found = _asked(request, service.RESULTS).get(
        '/share-backup-usage', group_by=group_by, limit=size + 1,
        offset=offset or None, all_projects='true' if all_projects else None)[
            'share_backup_usage']
    sums = service.resources(found[:size])
    for each in sums:
        each.id = getattr(each, 'share_id', None) or each.project_id
    return sums, len(found) > size


def quotas(request):
    """Return the quotas of the user's project: a list of (name, used,
    limit), of which the limit is None if there is none."""
    try:
        found = _asked(request, service.RESULTS).get(
            f'/share-backup-quotas/{service.quote(request.user.project_id)}'
            f'/detail')['share_backup_quota']
    except errors.Unauthorized:
        raise
    except errors.ServiceError:
        # Not everybody may see them.
        return []
    return [(text.words(name), value['in_use'],
             value['limit'] if value['limit'] >= 0 else None)
            for name, value in found.items() if isinstance(value, dict)]


def share_names(request):
    """Return the names of shares by their ids, as far as they have one."""
    return {share_id: text.plain(share['name'])
            for share_id, share in backups.shares(request).items()
            if share['name']}


def _asked(request, version):
    """The service, if it has a version of the extension.

    :raises manila_backup_dashboard.errors.NotFound: it does not.
    """
    found = service.of(request)
    if not found.has(version):
        raise errors.NotFound(
            _('This service tells neither coverage nor usage.'), 404)
    return found
