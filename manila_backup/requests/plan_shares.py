# SPDX-License-Identifier: Apache-2.0
"""Shares that backup policies are about, wherever shares come from."""

from manila_backup.db import plans as db_plans
from manila_backup.plans import assignments as plans


class PlanShares:
    """Finds the shares that there are.

    :param database: a :class:`manila_backup.db.engine.Database`.
    :param external: a :class:`~.external_shares.ExternalShares`.
    """

    def __init__(self, database, external):
        self._database = database
        self._external = external

    @property
    def are_local(self):
        """Tell whether shares are this service's own."""
        return not self._external

    def get(self, share_id):
        """One share, or None if there is none.

        :returns: a :class:`manila_backup.plans.assignments.Share`.
        :raises manila_backup.exception.Unavailable: the service of the shares
            can't be asked.
        """
        if not self._external:
            return self._database.read(db_plans.share, share_id)
        return next(iter(self._external.find(share_id=share_id)), None)

    def under(self, assignments):
        """Shares that some assignments are about.

        :param assignments: list of rows.
        :returns: list of :class:`manila_backup.plans.assignments.Share` in
            the order of their ids, each once.
        :raises manila_backup.exception.Unavailable: the service of the shares
            can't be asked.
        """
        if not self._external:
            return self._database.read(db_plans.shares_under, assignments)
        found = {}
        for each in assignments:
            for share in self._external.find(**_query(each)):
                if plans.covers(each, share):
                    found[share.id] = share
        return [found[id_] for id_ in sorted(found)]

    def page(self, project_id=None, after=None, limit=None):
        """Shares in the order of their ids.

        :param project_id: str, or None for those of all projects.
        :param after: str, only those with a greater id.
        :returns: list as of :meth:`under`.
        """
        if not self._external:
            return self._database.read(db_plans.shares_page, project_id,
                                       after, limit)
        found = sorted(self._external.find(project_id=project_id),
                       key=lambda each: each.id)
        return [each for each in found
                if after is None or each.id > after][:limit]

    def count(self, project_id, assignments):
        """Count shares, and those that some assignments are about.

        :param project_id: str, or None for those of all projects.
        :param assignments: list of rows.
        :returns: (how many there are, how many of them these are about).
        """
        if self._external or any(each.kind == plans.METADATA
                                 for each in assignments):
            shares = self.page(project_id)
            return len(shares), sum(
                any(plans.covers(each, share) for each in assignments)
                for share in shares)
        return (self._database.read(db_plans.count_shares, project_id),
                self._database.read(db_plans.count_shares, project_id,
                                    assignments))


def _query(assignment):
    """Return the query that narrows the search for the shares of an
    assignment."""
    query = {'project_id': assignment.scope or None}
    if assignment.kind == plans.SHARE:
        query['share_id'] = assignment.target
    elif assignment.kind == plans.PROJECT:
        query['project_id'] = assignment.target
    elif assignment.kind == plans.SHARE_TYPE:
        query['share_type'] = assignment.target
    else:
        query['metadata'] = dict([plans.pair(assignment.target)])
    return query
