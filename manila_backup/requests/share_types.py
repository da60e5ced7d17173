# SPDX-License-Identifier: Apache-2.0
"""Changes that are done with the commit: share types, access rules, quotas.
No worker has a part in them."""

from oslo_db import exception as db_exc
from oslo_utils import uuidutils

from manila_backup.conf import quota as quota_conf
from manila_backup.db import models
from manila_backup.db import quotas as db_quotas
from manila_backup.db import rows
from manila_backup import exception


class SettingsAdmission:
    """The requests about share types, access rules and quotas; see
    :class:`manila_backup.requests.backups.Admission`, which is the one
    to make."""

    # -- share types -----------------------------------------------------

    def create_type(self, values):
        """Make a share type.

        :param values: dict with ``name`` and perhaps ``description``,
            ``is_public`` and ``extra_specs`` (dict of str to str).
        :returns: the type's row.
        """
        id_ = uuidutils.generate_uuid()
        try:
            self._database.write(rows.insert, models.share_types, id=id_,
                                 **values)
        except db_exc.DBDuplicateEntry as exc:
            raise exception.Conflict(
                f'There is a share type {values["name"]} already.') from exc
        return self._database.read(rows.get, models.share_types, id_)

    def update_type(self, type_id, values):
        """Change a share type; ``extra_specs`` in ``values`` replaces all.

        :returns: the type's row.
        """
        return self._database.write(self._update_type, type_id, values)

    def _update_type(self, conn, type_id, values):
        self._get_type(conn, type_id)
        if values:
            rows.update(conn, models.share_types, type_id, values)
        return self._get_type(conn, type_id)

    def delete_type(self, type_id):
        """Remove a share type that no share is of."""
        self._database.write(self._delete_type, type_id)

    def _delete_type(self, conn, type_id):
        self._get_type(conn, type_id)
        try:
            rows.delete(conn, models.share_types, type_id)
        except db_exc.DBReferenceError as exc:
            raise exception.InvalidInput(
                f'Share type {type_id} is in use.') from exc

    @staticmethod
    def _get_type(conn, type_id):
        found = rows.get(conn, models.share_types, type_id)
        if found is None:
            raise exception.NotFound('Share type', type_id)
        return found

    # -- access rules ----------------------------------------------------

    def allow_access(self, context, share_id, access_type, access_to,
                     access_level='rw'):
        """Note who may mount a share. Nobody enforces it here: a local
        share is a directory, exported or not by whoever runs the host.

        :returns: the rule's row.
        """
        id_ = uuidutils.generate_uuid()
        try:
            return self._database.write(
                self._allow_access, context, id_, share_id,
                dict(access_type=access_type, access_to=access_to,
                     access_level=access_level, state='active'))
        except db_exc.DBDuplicateEntry as exc:
            raise exception.InvalidInput(
                f'Share {share_id} has a rule for {access_type} {access_to} '
                f'already.') from exc

    def _allow_access(self, conn, context, id_, share_id, values):
        share = self._get_share(conn, context, share_id)
        rows.insert(conn, models.access_rules, id=id_, share_id=share.id,
                    **values)
        return rows.get(conn, models.access_rules, id_)

    def deny_access(self, context, share_id, access_id):
        """Remove an access rule of a share."""
        self._database.write(self._deny_access, context, share_id, access_id)

    def _deny_access(self, conn, context, share_id, access_id):
        share = self._get_share(conn, context, share_id)
        if not rows.delete(conn, models.access_rules, access_id,
                           share_id=share.id):
            raise exception.NotFound('Share access rule', access_id)

    # -- quotas ----------------------------------------------------------

    def set_quotas(self, project_id, limits):
        """Give a project limits of its own.

        :param limits: dict of resource (one of
            :data:`manila_backup.conf.quota.RESOURCES`) to limit, -1: none.
        """
        _check_limits(limits)
        self._database.write(self._set_quotas, project_id, limits)

    @staticmethod
    def _set_quotas(conn, project_id, limits):
        db_quotas.lock(conn, project_id)
        db_quotas.replace(conn, project_id, limits)

    def delete_quotas(self, project_id):
        """Give a project the default limits again."""
        self._database.write(db_quotas.delete, project_id)

    def set_default_quotas(self, limits):
        """Set limits of all projects that have none of their own.

        :param limits: as of :meth:`set_quotas`.
        """
        _check_limits(limits)
        self._database.write(db_quotas.replace_defaults, limits)


def _check_limits(limits):
    for resource, limit in limits.items():
        if resource not in quota_conf.RESOURCES:
            raise exception.InvalidInput(
                f'There is no quota for {resource}; there is: '
                f'{", ".join(sorted(quota_conf.RESOURCES))}.')
        if limit < -1:
            raise exception.InvalidInput(
                f'The quota for {resource} must be -1 or more.')
