# SPDX-License-Identifier: Apache-2.0
"""Requests about share backups."""

from oslo_utils import uuidutils

from manila_backup.bus import rpc
from manila_backup.db import backup_metadata
from manila_backup.db import backups as db_backups
from manila_backup.db import operations as db_operations
from manila_backup.db import quotas as db_quotas
from manila_backup.db import rows
from manila_backup.db import shares as db_shares
from manila_backup.db import transitions
from manila_backup.db import usage
from manila_backup.engine import tasks
from manila_backup.engine.tasks import backup_create
from manila_backup.engine.tasks import backup_delete
from manila_backup.engine.tasks import backup_restore
from manila_backup.engine.tasks import preconditions
from manila_backup import exception
from manila_backup.requests import cancellation
from manila_backup.requests import common
from manila_backup.requests import restores
from manila_backup import states
from manila_backup import status_codes


class UnknownShare(exception.InvalidInput):
    """There is no such share, or not in the caller's project."""


class NoDriver(exception.InvalidInput):
    """There is no such driver here; elsewhere there may be."""


class Backups:
    """The requests about share backups.

    :param conf: the configuration.
    :param database: a :class:`manila_backup.db.engine.Database`.
    :param caller: a :class:`manila_backup.bus.rpc.Caller`.
    :param drivers: dict of name to backup driver, the default first.
    :param external: a :class:`~.external_shares.ExternalShares`.
    :param teller: a :class:`manila_backup.requests.cancellation.Teller`.
    """

    def __init__(self, conf, database, caller, drivers, external, teller):
        self._conf = conf
        self._database = database
        self._caller = caller
        self._drivers = drivers
        self._external = external
        self._teller = teller

    # -- create ----------------------------------------------------------

    def project_of(self, share_id):
        """The id of the project that has a share, or None if there is no
        such share: it is for whoever uses it to say so."""
        self._external.look_up(share_id, None, unknown_share(share_id))
        share = self._database.read(db_shares.get, share_id)
        return share and share.project_id

    def create(self, context, share_id, name=None, description=None,
               options=None, metadata=None):
        """Have a share backed up.

        :param share_id: str; one that the caller can't see is
            :class:`UnknownShare`.
        :param options: dict of str to str or None: ``backup_type`` picks
            the driver, the rest is the driver's.
        :param metadata: dict of str to str, or None.
        :returns: the backup's row.
        """
        driver, driver_options = self.check_options(options)
        unknown = unknown_share(share_id)
        project_id = context.scope
        self._external.look_up(share_id, project_id, unknown)
        backup_id = uuidutils.generate_uuid()
        operation_id = uuidutils.generate_uuid()

        def admit(conn):
            share = db_shares.get(conn, share_id, project_id)
            if share is None:
                raise unknown
            db_quotas.lock(conn, share.project_id)
            share = backup_create.begin(conn, share)
            count, size, stored = usage.backups_of_project(
                conn, share.project_id)
            common.check_quota(conn, self._conf.quota, share.project_id,
                               stored, backups=(count, 1),
                               backup_gigabytes=(size, share.size))
            transitions.create(
                conn, db_backups.TABLE, states.Backup.CREATING,
                **new_values(context, backup_id, share, driver, name,
                             description=description,
                             requested_by=str(states.Requester.USER)))
            if metadata:
                backup_metadata.replace(conn, backup_id, metadata)
            common.queue(conn, context, operation_id,
                         states.Kind.BACKUP_CREATE, share,
                         backup_id=backup_id, driver=driver,
                         options={**driver_options, **wishes(share)})
            return db_backups.get(conn, backup_id)

        backup = self._database.write(admit)
        self._caller.queued(context, operation_id, states.Kind.BACKUP_CREATE,
                            driver)
        return backup

    def check_options(self, options):
        """Make sure that a driver takes some options.

        :param options: as for :meth:`create`.
        :returns: (the driver's name, the rest of the options).
        :raises NoDriver: there is no such driver here.
        """
        options = dict(options or {})
        name = options.pop('backup_type', None) or next(iter(self._drivers))
        if name not in self._drivers:
            raise NoDriver(
                f'backup_type {name!r} is not enabled here; there is: '
                f'{", ".join(self._drivers)}.')
        allowed = self._drivers[name].OPTIONS
        unknown = sorted(set(options) - set(allowed))
        if unknown:
            raise exception.InvalidInput(
                f'backup_options does not have {", ".join(unknown)}; with '
                f'backup_type {name} it can have: '
                f'{", ".join(["backup_type", *sorted(allowed)])}.')
        if not options:
            return name, options
        # Only where it is wanted, for workers ask for backups too: it takes
        # time to load.
        import jsonschema

        try:
            jsonschema.validate(options, {'type': 'object',
                                          'properties': allowed})
        except jsonschema.ValidationError as exc:
            raise exception.InvalidInput(
                f'backup_options {".".join(map(str, exc.path))}: '
                f'{exc.message}') from exc
        return name, options

    # -- update ----------------------------------------------------------

    def update(self, context, backup_id, values):
        """Change a backup's name or description.

        :param values: dict with ``name`` and ``description``, or either.
        :returns: the backup's row.
        """
        def write(conn):
            _get_backup(conn, context, backup_id)
            if values:
                rows.update(conn, db_backups.TABLE, backup_id, values)
            return _get_backup(conn, context, backup_id)

        return self._database.write(write)

    # -- delete ----------------------------------------------------------

    def delete(self, context, backup_id):
        """Have a backup deleted."""
        operation_id = uuidutils.generate_uuid()

        def admit(conn):
            backup = _get_backup(conn, context, backup_id)
            begin_deletion(conn, context, operation_id, backup)
            return backup.backup_type

        driver = self._database.write(admit)
        self._caller.queued(context, operation_id, states.Kind.BACKUP_DELETE,
                            driver)

    # -- restore ---------------------------------------------------------

    def restore(self, context, backup_id, target_share_id=None, paths=None):
        """Have a share made equal to a backup, or chosen paths of that
        restored to it.

        :param target_share_id: str, or None for the share that the backup
            was made of.
        :param paths: a :class:`.restores.Paths`, or None for all.
        :returns: (the backup's row, the id of the share, the id of the
            operation).
        """
        if paths:
            restores.check(self._conf, paths)
        self._look_target_up(context, backup_id, target_share_id)
        return self._restore(
            context, backup_id, target_share_id,
            paths.options() if paths else {},
            lambda conn, backup, share: backup_restore.begin(
                conn, backup, share, not paths))

    def begin_dry_run(self, context, backup_id, target_share_id, paths):
        """Have a worker tell what :meth:`restore` would do.

        :param paths: a :class:`.restores.Paths`, or None for all.
        :returns: as of :meth:`restore`.
        """
        self._look_target_up(context, backup_id, target_share_id)
        options = (paths or restores.Paths(['.'])).options()
        options[states.DRY_RUN] = (
            backup_restore.PATHS if paths else backup_restore.WHOLE)
        return self._restore(context, backup_id, target_share_id, options,
                             backup_restore.begin_dry_run)

    def restore_to_new_share(self, context, backup_id, values):
        """Have a share made by the service that has the shares, as the
        caller, and a backup restored to it.

        :param values: dict of what is asked for, as of
            :meth:`manila_backup.shares.base.ShareSource.make`.
        :returns: as of :meth:`restore`.
        """
        def find(conn):
            backup = common.own_backup(conn, context, backup_id)
            return backup, db_shares.get(conn, backup.share_id)

        backup, share = self._database.read(find)
        preconditions.check_backup(backup, states.Backup.RESTORING)
        values = {name: value for name, value in values.items()
                  if value is not None}
        values.setdefault('size', backup.size)
        values.setdefault('share_proto', share and share.share_proto)
        if values['size'] < backup.size:
            raise exception.InvalidInput(
                f'size: a share of {values["size"]} GiB is smaller than the '
                f'backup, of {backup.size} GiB.')
        made = self._external.make(context, **values)
        try:
            return self._restore(context, backup_id, made, {},
                                 backup_restore.begin)
        except exception.ManilaBackupError as exc:
            exc.message += (f' Share {made} was created for the restore and '
                            f'is empty: delete it if you do not need it.')
            raise

    def _restore(self, context, backup_id, target_share_id, options, begin):
        """Begin a restore, or what only looks at what one would do.

        :param options: dict, of the operation.
        :param begin: called with the connection and the rows of backup and
            share; returns what the share's status was.
        """
        operation_id = uuidutils.generate_uuid()

        def admit(conn):
            backup = _get_backup(conn, context, backup_id)
            share_id = target_share_id or backup.share_id
            share = rows.get(conn, db_shares.TABLE, share_id,
                             backup.project_id, lock=True)
            if share is None:
                raise _unknown_target(share_id)
            if 'paths' in options:
                restores.check_driver(self._drivers, backup)
            was = begin(conn, backup, share)
            common.queue(conn, context, operation_id,
                         states.Kind.BACKUP_RESTORE, share,
                         backup_id=backup_id, driver=backup.backup_type,
                         share_was=was,
                         options={'source_share_id': backup.share_id,
                                  **options, **wishes(share)})
            return backup, share_id

        backup, share_id = self._database.write(admit)
        self._caller.queued(context, operation_id, states.Kind.BACKUP_RESTORE,
                            backup.backup_type)
        return backup, share_id, operation_id

    def _look_target_up(self, context, backup_id, target_share_id):
        if not self._external:
            return
        backup = self._database.read(_get_backup, context, backup_id)
        share_id = target_share_id or backup.share_id
        self._external.look_up(share_id, backup.project_id,
                               _unknown_target(share_id))

    # -- reset status ----------------------------------------------------

    def reset_status(self, context, backup_id, status):
        """Set a backup's status, cancelling what was running on it.

        :param status: str, one of :data:`manila_backup.states.BACKUP_RESET`.
        """
        common.check_status(status, states.BACKUP_RESET)

        def write(conn):
            operation_id = common.reset_status(
                conn, db_backups.TABLE, status,
                lambda conn: _get_backup(conn, context, backup_id), _cancel,
                preconditions.backup_conflict,
                {'status_code': status_codes.StatusCode.RESET
                 if status == states.Backup.ERROR else None})
            return operation_id and cancellation.rows(conn, operation_id)

        self._teller.tell(context, self._database.write(write))


def begin_deletion(conn, context, operation_id, backup):
    """Write that a backup is to be deleted into a transaction."""
    backup_delete.begin(conn, backup)
    share = db_shares.get(conn, backup.share_id)
    common.queue(conn, context, operation_id, states.Kind.BACKUP_DELETE,
                 share, backup_id=backup.id, driver=backup.backup_type)


def _cancel(conn, backup):
    """Cancel the operation on a backup; see
    :func:`.common.reset_status`."""
    operation = db_operations.live_of_backup(conn, backup.id)
    if operation is None:
        return None
    if db_operations.cancel(conn, operation):
        tasks.TASKS[operation.kind].undo(conn, operation)
    # Else a worker frees the share once nothing is written to it any more and
    # the leftovers are gone.
    return operation.id


def new_values(context, backup_id, share, driver, name, **more):
    """The columns of a backup that is to be made, but for its status.

    :param more: further ones.
    """
    return {'id': backup_id, 'share_id': share.id,
            'project_id': share.project_id, 'user_id': context.user_id,
            'name': name, 'size': share.size,
            'availability_zone': share.availability_zone,
            'topic': rpc.TOPIC, 'backup_type': driver, **more}


def wishes(share):
    """Return what a worker must heed of a share, as an operation's
    options."""
    return {'include_mounts': True} if share.include_mounts else {}


def _get_backup(conn, context, backup_id):
    backup = db_backups.get(conn, backup_id, context.scope)
    if backup is None:
        raise exception.NotFound('Share backup', backup_id)
    return backup


def unknown_share(share_id):
    return UnknownShare(
        f'share_id: share {share_id} could not be found.')


def _unknown_target(share_id):
    return exception.InvalidInput(
        f'Share {share_id} to restore to could not be found.')
