# SPDX-License-Identifier: Apache-2.0
"""Requests about the files in backups, which workers answer."""

import time

from manila_backup.bus import questions
from manila_backup.db import backups as db_backups
from manila_backup.db import operations as db_operations
from manila_backup.db import places as db_places
from manila_backup.db import shares as db_shares
from manila_backup import exception
from manila_backup.requests import downloads
from manila_backup.requests import restores
from manila_backup import states
from manila_backup import status_codes

# Seconds between two looks whether an operation that somebody waits for is
# over: nobody tells the API.
_PAUSE = 0.2


class Files:
    """The requests about the files in backups.

    :param conf: the configuration.
    :param database: a :class:`manila_backup.db.engine.Database`.
    :param asker: a :class:`manila_backup.bus.questions.Asker`.
    :param external: a :class:`~.external_shares.ExternalShares`.
    :param backups: a :class:`~.backups.Backups`.
    """

    def __init__(self, conf, database, asker, external=None, backups=None):
        self._conf = conf
        self._external = external
        self._backups = backups
        self._database = database
        self._asker = asker
        self._downloads = downloads.Downloads(conf, asker)

    def list_directory(self, context, backup_id, path, after, limit):
        """List a directory of a backup.

        :param path: str, as :mod:`manila_backup.quoting` has it,
            without a slash at its beginning; ``.`` for the share's root.
        :param after: str, the name to begin after, or None.
        :returns: dict as of
            :func:`manila_backup.engine.questions.files.list_files`.
        """
        return self._ask(context, backup_id, 'list_files', path=path,
                         after=after, limit=limit)

    def find(self, context, backup_id, under, after, limit, seconds,
             **wanted):
        """Search in a backup.

        :returns: dict as of
            :func:`manila_backup.engine.questions.files.find_files`.
        """
        return self._ask(context, backup_id, 'find_files', under=under,
                         after=after, limit=limit, seconds=seconds, **wanted)

    def changes(self, context, backup_id, since, after, limit):
        """List what changed from one backup of a share to another.

        :param since: str, the id of the older backup.
        :param after: int, the number of the change to begin after.
        :returns: dict as of
            :func:`manila_backup.engine.questions.changes.list_changes`.
        :raises manila_backup.exception.InvalidInput: they are of different
            shares, or not two.
        :raises manila_backup.exception.Conflict: their drivers differ.
        """
        backup = self._stored(context, backup_id)
        other = self._stored(context, since)
        if backup.id == other.id:
            raise exception.InvalidInput('since must name another backup.')
        if (backup.project_id, backup.share_id) != (other.project_id,
                                                    other.share_id):
            raise exception.InvalidInput(
                'since must name a backup of the same share.')
        if backup.backup_type != other.backup_type:
            raise exception.Conflict(
                'The two backups are of different drivers, and can\'t be '
                'compared.')
        return self._asker.ask(
            context, backup.backup_type, 'list_changes',
            place=(backup.project_id, backup.share_id, backup.id),
            since=other.id, after=after, limit=limit)

    def preview(self, context, backup_id, target_share_id, paths=None):
        """Look what a restore would do.

        :param target_share_id: str, or None for the share that the backup
            was made of.
        :param paths: a :class:`manila_backup.requests.restores.Paths`; None
            for a restore of all.
        :returns: (the backup's row, the id of the share, dict as of
            :func:`manila_backup.path_restore.survey.preview`, or None if that
            takes longer, and the id of the operation that looks, or None).
        """
        restores.check(self._conf, paths or restores.Paths(['.']))
        if self._external:
            return self._dry_run(context, backup_id, target_share_id, paths)
        whole = paths is None
        paths = paths or restores.Paths(['.'])
        backup = self._stored(context, backup_id)

        def find(conn):
            return (db_shares.get(conn, target_share_id or backup.share_id,
                                  backup.project_id),
                    db_places.identity(conn, db_places.ROOT))

        share, root = self._database.read(find)
        if share is None:
            raise exception.InvalidInput(
                f'Share {target_share_id or backup.share_id} to restore to '
                'could not be found.')
        options = paths.options()
        options.pop('conflict')
        return backup, share.id, self._asker.ask(
            context, backup.backup_type, 'preview_restore',
            place=(backup.project_id, backup.share_id, backup.id),
            share={'id': share.id, 'project_id': share.project_id,
                   'path': share.path, 'identity': share.identity,
                   'root': None if share.path else root,
                   'include_mounts': bool(share.include_mounts)},
            seconds=self._conf.api.question_timeout / 2, whole=whole,
            **options), None

    def _dry_run(self, context, backup_id, target_share_id, paths):
        """Have an operation look at a share that has to be reached first, and
        wait for it a while."""
        with self._asker.place():
            backup, share_id, operation_id = self._backups.begin_dry_run(
                context, backup_id, target_share_id, paths)
            end = time.monotonic() + self._conf.api.question_timeout / 2
            while True:
                operation = self._database.read(db_operations.get,
                                                operation_id)
                if operation.status in states.OVER:
                    break
                if time.monotonic() > end:
                    return backup, share_id, None, operation_id
                time.sleep(_PAUSE)
        if operation.status == states.Operation.DONE:
            return (backup, share_id,
                    operation.options[states.FOUND], operation_id)
        if operation.status_code == status_codes.StatusCode.NO_SUCH_FILE:
            raise questions.Missing(
                'The backup has no such file or directory.')
        raise exception.Conflict(
            f'Operation {operation_id} could not find that out: '
            f'{status_codes.sentence(operation.status_code)}')

    def download(self, context, backup_id, path):
        """Begin to read a file of a backup.

        :param path: str, as of :meth:`list_directory`.
        :returns: a :class:`manila_backup.requests.downloads.Download`.
        """
        return self._downloads.open(context, self._stored(context, backup_id),
                                    path)

    def _ask(self, context, backup_id, question, **arguments):
        backup = self._stored(context, backup_id)
        return self._asker.ask(
            context, backup.backup_type, question,
            place=(backup.project_id, backup.share_id, backup.id),
            **arguments)

    def _stored(self, context, backup_id):
        """The row of a backup whose content is in a repository.

        :raises manila_backup.exception.Conflict: it is not.
        """
        backup = self._database.read(db_backups.get, backup_id, context.scope)
        if backup is None:
            raise exception.NotFound('Share backup', backup_id)
        if backup.status not in states.STORED:
            raise exception.Conflict(
                f'Share backup {backup_id} is {backup.status}: its '
                f'content can be listed only while it is available.')
        return backup
