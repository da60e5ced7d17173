# SPDX-License-Identifier: Apache-2.0
"""External shares, which another service has, as requests name them."""

from oslo_db import exception as db_exc
from oslo_log import log

from manila_backup.db import shares as db_shares
from manila_backup.engine.tasks import refusals
from manila_backup import exception
from manila_backup.shares import base
from manila_backup import states

LOG = log.getLogger(__name__)

# What refusals mean here, by their HTTP status. 413 is a quota's.
_REFUSALS = {403: exception.Forbidden, 409: exception.Conflict,
             413: exception.QuotaExceeded}


class ExternalShares:
    """Looks shares up before a request about them is let in.

    :param source: the share source, or None for the local one.
    :param name: str, its name.
    """

    def __init__(self, source, name, database):
        self._source = source if source and source.EXTERNAL else None
        self._name = name
        self._database = database

    def __bool__(self):
        return self._source is not None

    def look_up(self, share_id, project_id, unknown, judge=None):
        """Bring the row of a share up to date, and make sure that a backup
        can be made of it or restored to it now. Does nothing where the
        shares are this service's own.

        :param project_id: str, whose share it must be; None for any.
        :param unknown: the exception to raise where there is none.
        :param judge: called with the
            :class:`manila_backup.plans.assignments.Share` if there is one;
            raises what is to be raised whatever its state is.
        :raises manila_backup.exception.Conflict: it is changing.
        :raises manila_backup.exception.InvalidState: it can't be used.
        :raises manila_backup.exception.Unavailable: the other service
            can't be asked.
        """
        if not self:
            return
        try:
            found = self._source.describe(share_id)
        except base.ShareError as exc:
            LOG.error('Share %s could not be looked up: %s', share_id, exc)
            raise _unavailable() from exc
        if found and judge:
            judge(found.share or next(iter(self.find(share_id=share_id)),
                                      None))
        if found is None or project_id not in (None, found.project_id):
            raise unknown
        if found.status != states.Share.AVAILABLE:
            error = (exception.Conflict if found.changing
                     else exception.InvalidState)
            raise error(refusals.of_share(share_id, found.status))
        self._remember(found)

    def make(self, context, **values):
        """Have a share made by the other service, as the caller. It may be
        there only in a while, but is known from then on.

        :param values: as of :meth:`manila_backup.shares.base.ShareSource.
            make`.
        :returns: its id.
        :raises manila_backup.exception.ManilaBackupError: the other service
            won't, or can't be asked.
        """
        if not context.auth_token:
            raise exception.Conflict(
                'A new share needs a Keystone token: send the request with '
                'one, or restore to a share that exists.')
        try:
            found = self._source.make(context.auth_token, context.project_id,
                                      **values)
        except base.Refused as exc:
            LOG.info('A share for project %s could not be made: %s',
                     context.project_id, exc)
            error = _REFUSALS.get(exc.status, exception.InvalidInput)
            raise error('The share can\'t be made: '
                        f'{exc.said or "the request was refused"}.') from exc
        except base.ShareError as exc:
            LOG.error('A share could not be made: %s', exc)
            raise _unavailable() from exc
        self._remember(found)
        return found.id

    def find(self, **query):
        """Search for shares.

        :param query: as of :meth:`manila_backup.shares.base.ShareSource.
            find`.
        :returns: list of :class:`manila_backup.plans.assignments.Share`.
        :raises manila_backup.exception.Unavailable: the other service can't
            be asked.
        """
        try:
            return list(self._source.find(**query))
        except base.ShareError as exc:
            LOG.error('Shares could not be looked up: %s', exc)
            raise _unavailable() from exc

    def _remember(self, found):
        try:
            self._database.write(db_shares.remember, found, self._name)
        except db_exc.DBDuplicateEntry:
            # Another request was the first about this share.
            pass


def _unavailable():
    return exception.Unavailable(
        'The service of the shares can\'t be reached right now. Try again '
        'later.')
