# SPDX-License-Identifier: Apache-2.0
"""Noting which directories the shares of the local source are.

What is noted when a share is created or adopted is compared whenever it is
used. Shares, and the directory that holds them, that became what they are
before there was such a note are noted when they are used first: there is
nothing else to go by. That is told in the log.
"""

from oslo_log import log

from manila_backup.db import places as db_places
from manila_backup.shares import base as shares

LOG = log.getLogger(__name__)


class Identifying:
    """A kind of operation that uses the directory of a share; a base of
    :class:`manila_backup.engine.tasks.Kind`."""

    #: Whether a share that nothing was noted of yet is noted.
    identifies = True

    _root = None

    @property
    def ref(self):
        """The share, as its source is told of it."""
        return shares.ShareRef.of(self.share, self._root)

    def unknown(self):
        """List the identities to record before the operation begins.

        :returns: iterator of (function, args, what to call with the result):
            the function is for a copier, as it may take long to answer.
        """
        source = self.tools.source
        if source.FOREIGN or self.share is None:
            return
        database = self.tools.database
        self._root = database.read(db_places.identity, db_places.ROOT)
        if self._root is None and not self.share.path:
            yield (source.identify_root, (database.read(db_places.known),),
                   self._note_root)
        if self.identifies and self.share.identity is None:
            yield source.identify, (self.ref,), self._note_share

    def _note_root(self, found):
        self._root = self.tools.database.write(
            db_places.note, db_places.ROOT, found)
        LOG.info('The directory of the shares is %s from now on', found)

    def _note_share(self, found):
        self.share = self.tools.database.write(
            db_places.note_share, self.share.id, found) or self.share
        LOG.warning(
            'Share %s (%s): nothing was noted of its directory until now, so '
            'the one that is there is taken for it: %s', self.share.id,
            self.share.path or 'of this service', found)
