# SPDX-License-Identifier: Apache-2.0
"""Requests about the local source's shares."""

import os

from oslo_db import exception as db_exc
from oslo_utils import uuidutils

from manila_backup.db import backups as db_backups
from manila_backup.db import models
from manila_backup.db import operations as db_operations
from manila_backup.db import quotas as db_quotas
from manila_backup.db import rows
from manila_backup.db import shares as db_shares
from manila_backup.db import transitions
from manila_backup.db import usage
from manila_backup.engine import tasks
from manila_backup.engine.tasks import backup_restore
from manila_backup.engine.tasks import preconditions
from manila_backup.engine.tasks import refusals
from manila_backup.engine.tasks import share_delete
from manila_backup import exception
from manila_backup.requests import common
from manila_backup.shares import local
from manila_backup.shares.local import directories
from manila_backup import states

_Share = states.Share

# That of a share whose backup's share is not known any more.
_PROTOCOL = 'NFS'


class Shares:
    """The requests about shares.

    :param conf: the configuration.
    :param database: a :class:`manila_backup.db.engine.Database`.
    :param caller: a :class:`manila_backup.bus.rpc.Caller`.
    """

    def __init__(self, conf, database, caller):
        self._conf = conf
        self._database = database
        self._caller = caller

    # -- create and adopt ------------------------------------------------

    def create(self, context, values, backup_id=None):
        """Have a share made.

        :param values: dict with ``size`` (GiB), ``share_proto`` and perhaps
            ``name``, ``description``, ``share_type_id``, ``is_public``,
            ``availability_zone`` and ``properties`` (dict of str to str).
        :param backup_id: str, of a backup to be restored to it; None for an
            empty share.
        :returns: the share's row.
        """
        return self._begin(context, values, states.Kind.SHARE_CREATE,
                           backup_id)[0]

    def create_of_backup(self, context, values, backup_id):
        """Have a share made for what is in a backup.

        :param values: as for :meth:`create`; what of ``size`` and
            ``share_proto`` is empty is that of the backup and of its share.
        :returns: (the share's row, the id of the operation).
        """
        def find(conn):
            backup = common.own_backup(conn, context, backup_id)
            return backup, db_shares.get(conn, backup.share_id)

        backup, share = self._database.read(find)
        values = dict(
            values, size=values.get('size') or backup.size,
            share_proto=values.get('share_proto')
            or (share and share.share_proto) or _PROTOCOL)
        return self._begin(context, values, states.Kind.SHARE_CREATE,
                           backup_id)

    def manage(self, context, values):
        """Have an existing directory adopted as a share.

        :param values: as for :meth:`create`, and ``path``: str, the
            absolute path of the directory on the workers' hosts. ``size``
            may be missing: 1; ``include_mounts`` too: what is mounted in it
            is no part of it.
        :returns: the share's row.
        """
        path = values.get('path') or ''
        if (not os.path.isabs(path) or os.path.normpath(path) != path
                or path == '/' or len(path) > models.MAX_PATH):
            raise exception.InvalidInput(
                f'The export path must be a plain absolute path of at most '
                f'{models.MAX_PATH} characters, not {path!r}.')
        if not directories.is_below(path,
                                    self._conf.local_shares.adopt_below):
            raise exception.InvalidInput(
                f'{path} can\'t be adopted: it is not below any of the '
                f'directories in [local_shares] adopt_below.')
        values = dict(values, path_digest=db_shares.path_digest(path))
        values.setdefault('size', 1)
        return self._begin(context, values, states.Kind.SHARE_MANAGE)[0]

    def _begin(self, context, values, kind, backup_id=None):
        share_id = uuidutils.generate_uuid()
        operation_id = uuidutils.generate_uuid()
        taken = exception.Conflict(
            f'{values.get("path")} is a share already.')
        zone = (values.get('availability_zone')
                or self._conf.availability_zone)

        def admit(conn):
            if 'path_digest' in values and db_shares.path_taken(
                    conn, values['path_digest']):
                raise taken
            db_quotas.lock(conn, context.project_id)
            count, size = usage.of_table(conn, db_shares.TABLE,
                                         context.project_id)
            common.check_quota(
                conn, self._conf.quota, context.project_id,
                shares=(count, 1), gigabytes=(size, values['size']),
                per_share_gigabytes=(0, values['size']))
            transitions.create(
                conn, db_shares.TABLE, tasks.TASKS[kind].begun, id=share_id,
                project_id=context.project_id, user_id=context.user_id,
                source='local',
                host=f'{self._conf.host}@local#local',
                **dict(values, availability_zone=zone))
            share = db_shares.get(conn, share_id)
            if backup_id:
                return share, self._restore(conn, context, operation_id,
                                            share, backup_id)
            common.queue(conn, context, operation_id, kind, share)
            return share, None

        try:
            share, driver = self._database.write(admit)
        except db_exc.DBDuplicateEntry as exc:
            raise taken from exc
        self._caller.queued(
            context, operation_id,
            states.Kind.BACKUP_RESTORE if driver else kind, driver)
        return share, operation_id

    @staticmethod
    def _restore(conn, context, operation_id, share, backup_id):
        """Have a backup restored to a share that is made.

        :returns: str, the backup's driver.
        """
        backup = db_backups.get(conn, backup_id, context.project_id)
        if backup is None:
            raise exception.InvalidInput(
                f'source_backup_id: share backup {backup_id} could not be '
                'found.')
        backup_restore.begin_new(conn, backup, share.size)
        common.queue(conn, context, operation_id, states.Kind.BACKUP_RESTORE,
                     share, backup_id=backup.id, driver=backup.backup_type,
                     options={'source_share_id': backup.share_id,
                              backup_restore.MAKES_SHARE: True})
        return backup.backup_type

    # -- delete and unmanage ---------------------------------------------

    def delete(self, context, share_id, force=False):
        """Have a share and all that is in it removed.

        :param force: bool, True to do so whatever its status, as
            administrators may.
        """
        operation_id = uuidutils.generate_uuid()

        def admit(conn):
            share = common.get_share(conn, context, share_id)
            # What could not be adopted is no share's directory: it is not
            # ours to empty.
            options = ({'keep': True} if share.status == _Share.MANAGE_ERROR
                       else {})
            if force and share.status not in states.SHARE_BUSY:
                transitions.override(
                    conn, db_shares.TABLE, share.id, _Share.ERROR,
                    states.Override.FORCE_DELETE, share.status)
                share = common.get_share(conn, context, share_id)
            share_delete.begin(conn, share)
            common.queue(conn, context, operation_id,
                         states.Kind.SHARE_DELETE, share, options=options)

        self._database.write(admit)
        self._caller.queued(context, operation_id, states.Kind.SHARE_DELETE)

    def unmanage(self, context, share_id):
        """Forget a share; its directory stays as it is."""
        def write(conn):
            share = common.get_share(conn, context, share_id)
            allowed = states.removable(_Share)
            if share.status not in allowed:
                raise exception.Forbidden(
                    refusals.of_share(share_id, share.status))
            preconditions.check_no_dependants(conn, share, 'unmanaged')
            if not transitions.remove(conn, db_shares.TABLE, share_id,
                                      share.status):
                raise preconditions.share_conflict(share)

        self._database.write(write)

    # -- change ----------------------------------------------------------

    def update(self, context, share_id, values):
        """Change a share's name, description, publicity or properties.

        :returns: the share's row.
        """
        def write(conn):
            common.get_share(conn, context, share_id)
            if values:
                rows.update(conn, db_shares.TABLE, share_id, values)
            return common.get_share(conn, context, share_id)

        return self._database.write(write)

    def extend(self, context, share_id, new_size, shrink=False):
        """Change a share's size, which for a directory is just a number.

        :param new_size: int, GiB.
        """
        def write(conn):
            share = common.get_share(conn, context, share_id)
            if (new_size >= share.size) if shrink else (
                    new_size <= share.size):
                raise exception.InvalidInput(
                    f'new_size must be {"less" if shrink else "greater"} '
                    f'than the share\'s size, {share.size}.')
            db_quotas.lock(conn, share.project_id)
            _count, size = usage.of_table(conn, db_shares.TABLE,
                                          share.project_id)
            common.check_quota(
                conn, self._conf.quota, share.project_id,
                gigabytes=(size, new_size - share.size),
                per_share_gigabytes=(0, 0 if shrink else new_size))
            if share.status != _Share.AVAILABLE:
                raise exception.InvalidState(
                    refusals.of_share(share_id, share.status))
            if not rows.update(conn, db_shares.TABLE, share_id,
                               {'size': new_size}, status=_Share.AVAILABLE,
                               size=share.size):
                raise preconditions.share_conflict(share)

        self._database.write(write)

    def reset_status(self, context, share_id, status):
        """Set a share's status.

        :param status: str, any status of a share.
        """
        common.check_status(status, _Share)
        self._database.write(
            common.reset_status, db_shares.TABLE, status,
            lambda conn: common.get_share(conn, context, share_id), _cancel,
            preconditions.share_conflict)


def _cancel(conn, share):
    """Cancel the removal of a share; see :func:`.common.reset_status`."""
    removal = db_operations.live_of_share(conn, share.id,
                                          states.Kind.SHARE_DELETE)
    if removal and not db_operations.cancel(conn, removal):
        raise exception.Conflict(f'Share {share.id} is being removed.')


def directory(conf, share):
    """The path of a local share's directory, to be shown.

    :param share: its row.
    """
    return local.LocalShares.from_conf(conf).directory(share)
