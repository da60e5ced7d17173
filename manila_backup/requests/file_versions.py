# SPDX-License-Identifier: Apache-2.0
"""Requests about what a path was in each of a share's backups."""

import itertools
import time

from manila_backup.db import backups as db_backups
from manila_backup import exception
from manila_backup import states

_COLUMNS = (db_backups.TABLE.c.id, db_backups.TABLE.c.project_id,
            db_backups.TABLE.c.share_id, db_backups.TABLE.c.backup_type,
            db_backups.TABLE.c.status, db_backups.TABLE.c.created_at)

# Backups that one question is about.
_AT_ONCE = 200

# What makes another version.
_SAME = ('type', 'size', 'mtime', 'target', 'digest', 'is_stored', 'is_known')


class Version:
    """A version of what is at a path.

    :ivar file: dict, as of
        :func:`manila_backup.engine.questions.files.list_files`: as the last
        of the backups has it.
    :ivar first: row of the first backup that has it.
    :ivar last: row of the last one.
    :ivar count: int, of those from the first to the last that have it.
    """

    def __init__(self, file, backup):
        self.file = file
        self.first = self.last = backup
        self.count = 1

    def is_same(self, file):
        """Tell whether a later look found the same."""
        return all(file[name] == self.file[name] for name in _SAME)


class FileVersions:
    """See :class:`manila_backup.requests.admission.Admission`.

    :param database: a :class:`manila_backup.db.engine.Database`.
    :param asker: a :class:`manila_backup.bus.questions.Asker`.
    """

    def __init__(self, database, asker):
        self._database = database
        self._asker = asker

    def page(self, context, share_id, path, marker, limit, seconds):
        """List the versions of what is at a path of a share, in the caller's
        own project's backups of it, the newest first.

        Backups one after the other that have the same are one version; what
        was away in between is two. A page may end for want of time: then the
        same version may be on the next one too.

        :param path: str, as :mod:`manila_backup.quoting` has it.
        :param marker: str, the id of the backup to go on after, or None.
        :param limit: int, the most to return.
        :param seconds: float, after how long to return what was found.
        :returns: (list of :class:`Version`, list of ids of the backups that
            could not be looked into, the marker of the next page or None).
        """
        end = time.monotonic() + seconds
        versions, unread, following = [], [], False
        for row, found in self._looks(context, share_id, path, marker, end):
            if found is None:
                return versions, unread, marker
            if 'problem' in found:
                unread.append(row.id)
            elif found['file'] is None:
                following = False
            elif following and versions[-1].is_same(found['file']):
                versions[-1].first = row
                versions[-1].count += 1
            elif len(versions) == limit:
                return versions, unread, marker
            else:
                versions.append(Version(found['file'], row))
                following = True
            marker = row.id
        return versions, unread, None

    def _looks(self, context, share_id, path, marker, end):
        """Iterate over pairs of a backup's row and what was found in it; that
        is None where there was no time for it."""
        while True:
            rows = self._rows(context, share_id, marker)
            stored = (row for row in rows if row.status in states.STORED)
            for backup_type, some in itertools.groupby(
                    stored, lambda row: row.backup_type):
                left = list(some)
                while left:
                    seconds = end - time.monotonic()
                    if seconds <= 0:
                        yield left[0], None
                        return
                    answers = self._asker.ask(
                        context, backup_type, 'list_versions',
                        place=(left[0].project_id, share_id, left[0].id),
                        backup_ids=[row.id for row in left], path=path,
                        seconds=seconds)
                    yield from zip(left, answers)
                    left = left[len(answers):]
            if len(rows) < _AT_ONCE:
                return
            marker = rows[-1].id

    def _rows(self, context, share_id, marker):
        def query(conn):
            if marker and db_backups.get(conn, marker,
                                         context.project_id) is None:
                raise exception.InvalidInput(
                    f'marker: {marker} could not be found.')
            return db_backups.list_page(
                conn, context.project_id, {'share_id': share_id}, _COLUMNS,
                limit=_AT_ONCE, marker=marker)
        return self._database.read(query)
