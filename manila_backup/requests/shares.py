# SPDX-License-Identifier: Apache-2.0
"""Letting requests about the local source's shares in."""

import os

from oslo_db import exception as db_exc
from oslo_utils import uuidutils

from manila_backup.db import backups as db_backups
from manila_backup.db import models
from manila_backup.db import operations as db_operations
from manila_backup.db import quotas as db_quotas
from manila_backup.db import rows
from manila_backup.db import shares as db_shares
from manila_backup.db import usage
from manila_backup import exception
from manila_backup.shares import directories
from manila_backup.shares import local
from manila_backup import states

_Share = states.Share

#: How often a change of status is tried while others come in between.
TRIES = 5

#: What no other operation may go on beside on the same share: it makes, uses
#: or removes all that is in it.
_ALONE = (states.Kind.BACKUP_CREATE, states.Kind.BACKUP_RESTORE,
          states.Kind.SHARE_CREATE, states.Kind.SHARE_MANAGE,
          states.Kind.SHARE_DELETE)


class ShareAdmission:
    """The requests about shares; see :class:`manila_backup.requests.
    backups.Admission`, which is the one to make."""

    def __init__(self, conf, database, caller):
        self._conf = conf
        self._database = database
        self._caller = caller

    def close(self):
        """Send the wake-up calls that wait, then end the thread for them."""
        self._caller.close()

    # -- create and adopt ------------------------------------------------

    def create_share(self, context, values):
        """Have a share made.

        :param values: dict with ``size`` (GiB), ``share_proto`` and perhaps
            ``name``, ``description``, ``share_type_id``, ``is_public``,
            ``availability_zone`` and ``properties`` (dict of str to str).
        :returns: the share's row.
        """
        return self._admit_share(context, values, states.Kind.SHARE_CREATE,
                                 _Share.CREATING)

    def manage_share(self, context, values):
        """Have an existing directory adopted as a share.

        :param values: as for :meth:`create_share`, and ``path``: str, the
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
                f'{path} can\'t be adopted: [local_shares] adopt_below names '
                f'the directories that shares may be adopted in, and it is '
                f'in none of them.')
        values = dict(values, path_digest=db_shares.path_digest(path))
        values.setdefault('size', 1)
        return self._admit_share(context, values, states.Kind.SHARE_MANAGE,
                                 _Share.MANAGE_STARTING)

    def _admit_share(self, context, values, kind, status):
        ids = uuidutils.generate_uuid(), uuidutils.generate_uuid()
        taken = exception.Conflict(
            f'{values.get("path")} is a share already.')
        try:
            row = self._database.write(self._insert_share, context, ids,
                                       values, kind, status, taken)
        except db_exc.DBDuplicateEntry as exc:
            raise taken from exc
        self._caller.queued(context, ids[1], kind)
        return row

    def _insert_share(self, conn, context, ids, values, kind, status, taken):
        share_id, operation_id = ids
        if 'path_digest' in values and db_shares.path_taken(
                conn, values['path_digest']):
            raise taken
        db_quotas.lock(conn, context.project_id)
        count, size = usage.of_table(conn, db_shares.TABLE,
                                     context.project_id)
        self._check_quota(conn, context.project_id, shares=(count, 1),
                          gigabytes=(size, values['size']),
                          per_share_gigabytes=(0, values['size']))
        values = dict(values)
        values['availability_zone'] = (values.get('availability_zone')
                                       or self._conf.availability_zone)
        rows.insert(conn, db_shares.TABLE, id=share_id,
                    project_id=context.project_id, user_id=context.user_id,
                    source='local', status=status,
                    host=f'{self._conf.host}@local#local', **values)
        share = db_shares.get(conn, share_id)
        self._queue(conn, context, operation_id, kind, share)
        return share

    # -- delete and unmanage ---------------------------------------------

    def delete_share(self, context, share_id, force=False):
        """Have a share and all that is in it removed.

        :param force: bool, True to do so whatever its status, as
            administrators may.
        """
        operation_id = uuidutils.generate_uuid()
        self._database.write(self._delete_share, context, operation_id,
                             share_id, force)
        self._caller.queued(context, operation_id,
                            states.Kind.SHARE_DELETE)

    def _delete_share(self, conn, context, operation_id, share_id, force):
        share = self._get_share(conn, context, share_id)
        # What could not be adopted is no share's directory: it is not ours to
        # empty.
        options = ({'keep': True} if share.status == _Share.MANAGE_ERROR
                   else {})
        if force and share.status not in states.SHARE_BUSY:
            rows.update(conn, db_shares.TABLE, share.id,
                        {'status': _Share.ERROR}, status=share.status)
            share = self._get_share(conn, context, share_id)
        self._claim_share(conn, share, _Share.DELETING, busy=exception.
                          Forbidden)
        self._check_no_dependants(conn, share, 'deleted')
        self._queue(conn, context, operation_id,
                    states.Kind.SHARE_DELETE, share, options=options)

    def unmanage_share(self, context, share_id):
        """Forget a share; its directory stays as it is."""
        self._database.write(self._unmanage_share, context, share_id)

    def _unmanage_share(self, conn, context, share_id):
        share = self._get_share(conn, context, share_id)
        allowed = states.removable(_Share)
        if share.status not in allowed:
            raise exception.Forbidden(
                f'Share {share_id} is {share.status}; to be unmanaged it '
                f'must be available or have failed to be managed.')
        self._check_no_dependants(conn, share, 'unmanaged')
        if not rows.delete(conn, db_shares.TABLE, share_id,
                           status=share.status):
            raise _share_conflict(share)

    @staticmethod
    def _check_no_dependants(conn, share, what):
        """Raise Forbidden (what Manila's clients expect) if something hangs
        on the share. Its row is locked by now: a backup of it is either
        seen here or not let in."""
        for count, name in (
                (db_backups.count_of_share(conn, share.id), 'backups'),
                (db_shares.count_snapshots(conn, share.id), 'snapshots')):
            if count:
                raise exception.Forbidden(
                    f'Share {share.id} has {count} {name} and can\'t be '
                    f'{what}: delete them first.')
        # One that is left would look for its share in vain.
        if db_operations.count_unfinished_of_share(conn, share.id):
            raise _still_busy(share)

    # -- change ----------------------------------------------------------

    def update_share(self, context, share_id, values):
        """Change a share's name, description, publicity or properties.

        :returns: the share's row.
        """
        return self._database.write(self._update_share, context, share_id,
                                    values)

    def _update_share(self, conn, context, share_id, values):
        self._get_share(conn, context, share_id)
        if values:
            rows.update(conn, db_shares.TABLE, share_id, values)
        return self._get_share(conn, context, share_id)

    def extend_share(self, context, share_id, new_size, shrink=False):
        """Change a share's size, which for a directory is just a number.

        :param new_size: int, GiB.
        """
        self._database.write(self._extend_share, context, share_id, new_size,
                             shrink)

    def _extend_share(self, conn, context, share_id, new_size, shrink):
        share = self._get_share(conn, context, share_id)
        if (new_size >= share.size) if shrink else (new_size <= share.size):
            raise exception.InvalidInput(
                f'new_size must be {"less" if shrink else "greater"} than '
                f'the share\'s size, {share.size}.')
        db_quotas.lock(conn, share.project_id)
        _count, size = usage.of_table(conn, db_shares.TABLE,
                                      share.project_id)
        self._check_quota(conn, share.project_id,
                          gigabytes=(size, new_size - share.size),
                          per_share_gigabytes=(0, 0 if shrink else new_size))
        if share.status != _Share.AVAILABLE:
            raise exception.InvalidState(
                f'Share {share_id} is {share.status}; for its size to be '
                f'changed it must be available.')
        if not rows.update(conn, db_shares.TABLE, share_id,
                           {'size': new_size}, status=_Share.AVAILABLE,
                           size=share.size):
            raise _share_conflict(share)

    def reset_share_status(self, context, share_id, status):
        """Set a share's status.

        :param status: str, any status of a share.
        """
        if status not in [str(each) for each in _Share]:
            raise exception.InvalidInput(
                f'status can be one of {", ".join(map(str, _Share))}.')
        self._database.write(self._reset_share_status, context, share_id,
                             status)

    def _reset_share_status(self, conn, context, share_id, status):
        for _ in range(TRIES):
            share = self._get_share(conn, context, share_id)
            removal = db_operations.live_of_share(conn, share_id,
                                                  states.Kind.SHARE_DELETE)
            if removal and not db_operations.cancel(conn, removal):
                raise exception.Conflict(
                    f'Share {share_id} is being removed.')
            # If it has another status by now, then something was let in that
            # was not there to be called off.
            if rows.update(conn, db_shares.TABLE, share_id,
                           {'status': status}, status=share.status):
                return
        raise _share_conflict(share)

    # -- what they share -------------------------------------------------

    @staticmethod
    def _scope(context):
        return None if context.is_admin else context.project_id

    def _get_share(self, conn, context, share_id):
        share = db_shares.get(conn, share_id, self._scope(context))
        if share is None:
            raise exception.NotFound('Share', share_id)
        return share

    @staticmethod
    def _claim_share(conn, share, status, busy=exception.Conflict):
        """Change a share's status as the table of transitions allows.

        :param busy: the error if it is in the middle of another change.
        :returns: the row as it is now, locked.
        """
        expected = states.sources(status)
        if share.status not in expected:
            error = (busy if share.status in states.SHARE_CHANGING
                     else exception.InvalidState)
            if busy is exception.Forbidden:
                error = busy
            raise error(f'Share {share.id} is {share.status}; to be {status} '
                        f'it must be {" or ".join(expected)}.')
        if not rows.update(conn, db_shares.TABLE, share.id,
                           {'status': status}, status=expected):
            raise _share_conflict(share)
        return db_shares.get(conn, share.id)

    def _claim_share_for_backup(self, conn, share, status):
        """Claim a share for an operation that needs all of it.

        Its status says that nothing else does, unless an administrator has
        set it.
        """
        share = self._claim_share(conn, share, status)
        if db_shares.count_snapshots(conn, share.id,
                                     states.Snapshot.CREATING):
            raise exception.Conflict(
                f'A snapshot of share {share.id} is being made.')
        if db_operations.count_unfinished_of_share(conn, share.id, _ALONE):
            raise _still_busy(share)
        return share

    def _check_quota(self, conn, project_id, **resources):
        """Raise QuotaExceeded unless what is asked for fits in.

        :param resources: resource to (what is in use, what is asked for).
        """
        limits = db_quotas.limits(conn, project_id)
        for name, (used, wanted) in resources.items():
            limit = limits.get(name, self._conf.quota[name])
            if limit >= 0 and wanted > 0 and used + wanted > limit:
                raise exception.QuotaExceeded(
                    f'Quota exceeded for {name}: {wanted} asked for, {used} '
                    f'of {limit} in use.')

    @staticmethod
    def _queue(conn, context, operation_id, kind, share, **values):
        rows.insert(
            conn, db_operations.TABLE, id=operation_id, kind=kind,
            status=states.Operation.QUEUED, live=True, share_id=share.id,
            project_id=share.project_id, user_id=context.user_id,
            request_id=context.request_id, **values)


def directory(conf, share):
    """The path of a local share's directory, to be shown.

    :param share: its row.
    """
    return local.LocalShares.from_conf(conf).directory(share)


def _still_busy(share):
    return exception.Conflict(
        f'Something is still being done to share {share.id}.')


def _share_conflict(share):
    return exception.Conflict(
        f'Share {share.id} is being changed by another request.')
