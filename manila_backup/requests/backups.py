# SPDX-License-Identifier: Apache-2.0
"""Letting requests in: what the API does to the database.

Each request that is let in is one transaction: it checks the states, changes
them by compare-and-swap, checks the quota and writes the operation. After the
commit nothing can be lost any more; the message to the workers only saves
them the wait for their next look.

Rows are locked in one order everywhere, here and in the worker:
:data:`manila_backup.db.locking.ORDER`.
"""

import jsonschema
from oslo_utils import uuidutils

from manila_backup.bus import rpc
from manila_backup.bus import version_cap
from manila_backup.db import backups as db_backups
from manila_backup.db import operations as db_operations
from manila_backup.db import quotas as db_quotas
from manila_backup.db import rows
from manila_backup.db import shares as db_shares
from manila_backup.db import usage
from manila_backup import exception
from manila_backup import plugins
from manila_backup.requests import external_shares
from manila_backup.requests import share_types
from manila_backup.requests import shares
from manila_backup.requests import snapshots
from manila_backup import states


class Admission(shares.ShareAdmission,
                snapshots.SnapshotAdmission,
                share_types.SettingsAdmission):
    """The requests about share backups; those about the rest are inherited.

    Every method takes the caller's context first, looks things up in the
    caller's project (an administrator's: in all), and raises
    :class:`manila_backup.exception.NotFound`, ``InvalidState``,
    ``InvalidInput``, ``Conflict``, ``QuotaExceeded`` or ``Forbidden``.

    :param conf: the configuration.
    :param database: a :class:`manila_backup.db.engine.Database`.
    :param caller: a :class:`manila_backup.bus.rpc.Caller`.
    :param drivers: dict of name to backup driver, the default first.
    :param source: the share source; None for the local one.
    """

    def __init__(self, conf, database, caller, drivers, source=None):
        super().__init__(conf, database, caller)
        self._drivers = drivers
        self._foreign = external_shares.Foreign(
            source, conf.shares.source, database)

    @classmethod
    def from_conf(cls, conf, database, transport=None):
        """With the configured drivers and bus.

        :param transport: an oslo.messaging transport to use instead of the
            one that ``[DEFAULT] transport_url`` names.
        """
        return cls(conf, database,
                   rpc.Caller(transport or rpc.get_transport(conf),
                              version_cap.Pin(conf, database)),
                   plugins.drivers(conf), plugins.share_source(conf))

    # -- create ----------------------------------------------------------

    def project_of(self, share_id):
        """The id of the project that has a share, or None if there is no
        such share: it is for whoever uses it to say so."""
        self._foreign.look_up(share_id, None, _unknown_share(share_id))
        share = self._database.read(db_shares.get, share_id)
        return share and share.project_id

    def create_backup(self, context, share_id, name=None, description=None,
                      options=None):
        """Have a share backed up.

        :param share_id: str; one that the caller can't see is InvalidInput.
        :param options: dict of str to str or None: ``backup_type`` picks
            the driver, the rest is the driver's.
        :returns: the backup's row.
        """
        driver, options = self._check_options(options)
        self._foreign.look_up(share_id, self._scope(context),
                              _unknown_share(share_id))
        ids = uuidutils.generate_uuid(), uuidutils.generate_uuid()
        row = self._database.write(
            self._create_backup, context, ids, share_id, driver, options,
            dict(name=name, description=description))
        self._caller.queued(context, ids[1], states.Kind.BACKUP_CREATE,
                            driver)
        return row

    def _check_options(self, options):
        options = dict(options or {})
        name = options.pop('backup_type', None) or next(iter(self._drivers))
        if name not in self._drivers:
            raise exception.InvalidInput(
                f'backup_type {name!r} is not enabled here; there is: '
                f'{", ".join(self._drivers)}.')
        allowed = self._drivers[name].OPTIONS
        unknown = sorted(set(options) - set(allowed))
        if unknown:
            raise exception.InvalidInput(
                f'backup_options does not know {", ".join(unknown)}; with '
                f'backup_type {name} there is: '
                f'{", ".join(["backup_type", *sorted(allowed)])}.')
        try:
            jsonschema.validate(options, {'type': 'object',
                                          'properties': allowed})
        except jsonschema.ValidationError as exc:
            raise exception.InvalidInput(
                f'backup_options {".".join(map(str, exc.path))}: '
                f'{exc.message}') from exc
        return name, options

    def _create_backup(self, conn, context, ids, share_id, driver, options,
                       values):
        backup_id, operation_id = ids
        share = db_shares.get(conn, share_id, self._scope(context))
        if share is None:
            raise _unknown_share(share_id)
        db_quotas.lock(conn, share.project_id)
        share = self._claim_share_for_backup(conn, share,
                                             states.Share.BACKUP_CREATING)
        if db_shares.count_snapshots(conn, share.id):
            raise exception.InvalidState(
                f'Share {share.id} has snapshots; a share with snapshots '
                f'can\'t be backed up.')
        self._check_backup_quota(conn, share)
        rows.insert(
            conn, db_backups.TABLE, id=backup_id, share_id=share.id,
            project_id=share.project_id, user_id=context.user_id,
            size=share.size, status=states.Backup.CREATING,
            availability_zone=share.availability_zone, topic=rpc.TOPIC,
            backup_type=driver, **values)
        self._queue(conn, context, operation_id,
                    states.Kind.BACKUP_CREATE, share, backup_id=backup_id,
                    driver=driver, options={**options, **_wishes(share)})
        return db_backups.get(conn, backup_id)

    def _check_backup_quota(self, conn, share):
        count, size = usage.of_table(conn, db_backups.TABLE,
                                     share.project_id)
        self._check_quota(conn, share.project_id,
                          backups=(count, 1),
                          backup_gigabytes=(size, share.size))

    # -- update ----------------------------------------------------------

    def update_backup(self, context, backup_id, values):
        """Change a backup's name or description.

        :param values: dict with ``name`` and ``description``, or either.
        :returns: the backup's row.
        """
        return self._database.write(self._update_backup, context, backup_id,
                                    values)

    def _update_backup(self, conn, context, backup_id, values):
        self._get_backup(conn, context, backup_id)
        if values:
            rows.update(conn, db_backups.TABLE, backup_id, values)
        return self._get_backup(conn, context, backup_id)

    # -- delete ----------------------------------------------------------

    def delete_backup(self, context, backup_id):
        """Have a backup deleted."""
        operation_id = uuidutils.generate_uuid()
        driver = self._database.write(self._delete_backup, context,
                                      operation_id, backup_id)
        self._caller.queued(context, operation_id,
                            states.Kind.BACKUP_DELETE, driver)

    def _delete_backup(self, conn, context, operation_id, backup_id):
        """:returns: str, the backup's driver."""
        backup = self._get_backup(conn, context, backup_id)
        self._claim_backup(conn, backup, states.Backup.DELETING)
        share = db_shares.get(conn, backup.share_id)
        self._queue(conn, context, operation_id,
                    states.Kind.BACKUP_DELETE, share, backup_id=backup_id,
                    driver=backup.backup_type)
        return backup.backup_type

    # -- restore ---------------------------------------------------------

    def restore_backup(self, context, backup_id, target_share_id=None):
        """Have a share made equal to a backup.

        :param target_share_id: str, or None for the share that the backup
            was made of.
        :returns: (the backup's row, the id of the share).
        """
        self._look_target_up(context, backup_id, target_share_id)
        operation_id = uuidutils.generate_uuid()
        found = self._database.write(self._restore_backup, context,
                                     operation_id, backup_id,
                                     target_share_id)
        self._caller.queued(context, operation_id,
                            states.Kind.BACKUP_RESTORE,
                            found[0].backup_type)
        return found

    def _look_target_up(self, context, backup_id, target_share_id):
        if not self._foreign:
            return
        backup = self._database.read(self._get_backup, context, backup_id)
        share_id = target_share_id or backup.share_id
        self._foreign.look_up(share_id, backup.project_id,
                              _unknown_target(share_id))

    def _restore_backup(self, conn, context, operation_id, backup_id,
                        target_share_id):
        backup = self._get_backup(conn, context, backup_id)
        share_id = target_share_id or backup.share_id
        # Locked: what its status is now it may have to be again.
        share = rows.get(conn, db_shares.TABLE, share_id, backup.project_id,
                         lock=True)
        if share is None:
            raise _unknown_target(share_id)
        _check_fits(backup, share)
        if backup.status != states.Backup.AVAILABLE:
            raise _wrong_backup(backup, states.Backup.RESTORING)
        was = (None if share.status == states.Share.AVAILABLE
               else share.status)
        share = self._claim_share_for_backup(conn, share,
                                             states.Share.BACKUP_RESTORING)
        # It may have been shrunk just then.
        _check_fits(backup, share)
        self._claim_backup(conn, backup, states.Backup.RESTORING,
                           restore_progress=0)
        self._queue(conn, context, operation_id,
                    states.Kind.BACKUP_RESTORE, share, backup_id=backup_id,
                    driver=backup.backup_type, share_was=was,
                    options={'source_share_id': backup.share_id,
                             **_wishes(share)})
        return backup, share_id

    # -- reset status ----------------------------------------------------

    def reset_backup_status(self, context, backup_id, status):
        """Set a backup's status, calling off what was running on it.

        :param status: str, one of :data:`manila_backup.states.BACKUP_RESET`.
        """
        if status not in [str(each) for each in states.BACKUP_RESET]:
            raise exception.InvalidInput(
                f'status can be one of '
                f'{", ".join(map(str, states.BACKUP_RESET))}.')
        cancelled = self._database.write(self._reset_backup_status, context,
                                         backup_id, status)
        if cancelled:
            self._caller.cancelled(context, cancelled)

    def _reset_backup_status(self, conn, context, backup_id, status):
        running = None
        for _ in range(shares.TRIES):
            backup = self._get_backup(conn, context, backup_id)
            operation = db_operations.live_of_backup(conn, backup_id)
            if operation:
                if db_operations.cancel(conn, operation):
                    self._free_share(conn, operation)
                else:
                    # A worker frees the share once nothing is written to it
                    # any more and the leftovers are gone.
                    running = operation.id
            # If it has another status by now, then something was let in or
            # has ended since, and an operation may be live that was not
            # there to be called off.
            if rows.update(conn, db_backups.TABLE, backup_id,
                           {'status': status}, status=backup.status):
                return running
        raise _backup_conflict(backup)

    @staticmethod
    def _free_share(conn, operation):
        """No worker ever had the operation: its share is as it was."""
        status = {
            states.Kind.BACKUP_CREATE: states.Share.BACKUP_CREATING,
            states.Kind.BACKUP_RESTORE: states.Share.BACKUP_RESTORING,
        }.get(operation.kind)
        if status:
            before = states.before_restore(operation.share_was)
            rows.update(conn, db_shares.TABLE, operation.share_id,
                        {'status': before}, status=status)

    # -- what they share -------------------------------------------------

    def _get_backup(self, conn, context, backup_id):
        backup = db_backups.get(conn, backup_id, self._scope(context))
        if backup is None:
            raise exception.NotFound('Share backup', backup_id)
        return backup

    @staticmethod
    def _claim_backup(conn, backup, status, **values):
        expected = states.sources(status)
        if backup.status not in expected:
            raise _wrong_backup(backup, status)
        if not rows.update(conn, db_backups.TABLE, backup.id,
                           dict(status=status, **values), status=expected):
            raise _backup_conflict(backup)


def _wishes(share):
    """What a worker must heed of a share, as an operation's options."""
    return {'include_mounts': True} if share.include_mounts else {}


def _check_fits(backup, share):
    if share.size < backup.size:
        raise exception.InvalidInput(
            f'Share {share.id} of {share.size} GiB is smaller than the '
            f'backup, of {backup.size} GiB.')


def _unknown_share(share_id):
    return exception.InvalidInput(
        f'share_id: share {share_id} could not be found.')


def _unknown_target(share_id):
    return exception.InvalidInput(
        f'Share {share_id} to restore to could not be found.')


def _backup_conflict(backup):
    return exception.Conflict(
        f'Share backup {backup.id} is being changed by another request.')


def _wrong_backup(backup, status):
    return exception.InvalidState(
        f'Share backup {backup.id} is {backup.status}; to be {status} it '
        f'must be {" or ".join(states.sources(status))}.')
