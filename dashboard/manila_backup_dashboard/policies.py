# SPDX-License-Identifier: Apache-2.0
"""Backup policies, as panels need them."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from manila_backup_dashboard import backups
from manila_backup_dashboard import errors
from manila_backup_dashboard import service
from manila_backup_dashboard import text

POLICIES = '/share-backup-policies'

#: What a retention counts, and how that is called.
KEPT = (('last', gettext_lazy('Last')), ('hourly', gettext_lazy('Hourly')),
        ('daily', gettext_lazy('Daily')), ('weekly', gettext_lazy('Weekly')),
        ('monthly', gettext_lazy('Monthly')),
        ('yearly', gettext_lazy('Yearly')),
        ('within', gettext_lazy('Within (seconds)')))

#: What a policy may be assigned to.
KINDS = (('share', gettext_lazy('a share, by its ID')),
         ('share_type', gettext_lazy('a share type')),
         ('metadata', gettext_lazy('metadata of shares, KEY=VALUE')),
         ('project', gettext_lazy('a project, by its ID')))


#: What becomes of a run.
RUN_STATUSES = ('due', 'queued', 'done', 'failed', 'missed', 'skipped',
                'superseded')


def path(policy_id):
    """Return the path of a policy."""
    return f'{POLICIES}/{service.quote(policy_id)}'


def ask(request):
    """Return the service, if it has policies.

    :raises manila_backup_dashboard.errors.NotFound: it has none.
    """
    found = service.of(request)
    if not found.has(service.POLICIES):
        raise errors.NotFound(_('This service has no backup policies.'), 404)
    return found


def all_of(request):
    """Return the policies that there are, up to so many as a page shows."""
    return [_complete(each) for each in service.resources(
        ask(request).get(POLICIES, limit=backups.FEW)[
            'share_backup_policies'])]


def one(request, policy_id):
    """Return a policy."""
    found, = service.resources([ask(request).get(path(policy_id))[
        'share_backup_policy']])
    return _complete(found)


def _complete(policy):
    policy.title = text.name_of(policy)
    return policy


def assignments(request, policy_id):
    """Return what a policy is assigned to."""
    return service.resources(ask(request).get(
        f'{path(policy_id)}/assignments', limit=backups.FEW)['assignments'])


def runs(request, policy_id, **query):
    """Return a page of the runs of a policy, the newest first, and whether
    there are older ones.

    :param query: ``marker``, and filters: only where the service has
        :data:`.service.RUNS`.
    """
    found = ask(request).get(f'{path(policy_id)}/runs', limit=backups.FEW,
                             **query)
    return found['runs'], 'runs_links' in found


def numbers(data):
    """Return the numbers of a retention among the data of a form."""
    return {name: data[name] for name, _label in KEPT
            if data.get(name) is not None}


def in_words(retention):
    """Return what a retention keeps in one line."""
    return ', '.join(f'{label}: {retention[name]}' for name, label in KEPT
                     if retention.get(name)) or text.UNKNOWN


def change(request, policy_id, values, confirmed=None):
    """Change a policy.

    :param values: dict of what is to be changed.
    :param confirmed: int, how many backups its user knows to be deleted by
        that.
    :returns: int, how many would be deleted, if that is not the number
        confirmed, and nothing is changed; None if it is.
    """
    asked = ask(request)
    try:
        asked.put(path(policy_id), {'share_backup_policy': {
            **values, **({} if confirmed is None
                         else {'confirm_deletions': confirmed})}})
    except errors.ServiceError as exc:
        if exc.code != 409 or 'retention' not in values:
            raise
        count = simulate(request, policy_id, values['retention'], limit=0)[
            'deletions']
        if not count:
            raise
        return count
    return None


def simulate(request, policy_id, retention, **more):
    """Return what would be kept and what would go with other numbers."""
    return ask(request).act(path(policy_id), 'simulate', {
        'retention': retention, **more})['simulation']
