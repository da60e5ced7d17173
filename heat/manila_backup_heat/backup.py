# SPDX-License-Identifier: Apache-2.0
"""A backup of a share, as a resource of Heat."""

from heat.common import exception
from heat.engine import attributes
from heat.engine import constraints
from heat.engine import properties
from heat.engine import resource
from heat.engine import translation
from openstack import exceptions

from manila_backup_heat import client
from manila_backup_heat import shapes

#: What the service answers where something is in the way: a state that is
#: wrong just now, or another request that was quicker.
_REFUSALS = (exceptions.BadRequestException, exceptions.ConflictException)

#: Statuses of operations that are not over.
_AT_WORK = ('queued', 'running', 'cancelling')

#: How often a deletion may be refused in a row without anything in the way.
_MAX_REFUSALS = 3


class ShareBackup(resource.Resource):
    """Backup of a share.

    It is made when the resource is created, and is not made again: what is to
    be backed up regularly needs a policy. What is in the share later is not
    in it.
    """

    default_client_name = client.NAME

    PROPERTIES = (
        SHARE, NAME, DESCRIPTION, METADATA, BACKUP_TYPE, BACKUP_OPTIONS,
    ) = (
        'share', 'name', 'description', 'metadata', 'backup_type',
        'backup_options',
    )

    ATTRIBUTES = (
        STATUS, STATUS_REASON, RESULT, PROGRESS, RESTORE_PROGRESS, SIZE,
        CONTENT_BYTES, STORED_BYTES, ENTRIES, WARNING_COUNT, MISSING_COUNT,
        SHARE_ID, TYPE, AVAILABILITY_ZONE, CREATED_AT, TAKEN_AT,
        POINT_IN_TIME, COMPLETED_AT, DURATION, VERIFIED_AT, VERIFIED_RESULT,
    ) = (
        'status', 'status_reason', 'result', 'progress', 'restore_progress',
        'size', 'content_bytes', 'stored_bytes', 'entries', 'warning_count',
        'missing_count', 'share_id', 'backup_type', 'availability_zone',
        'created_at', 'taken_at', 'point_in_time', 'completed_at',
        'duration', 'verified_at', 'verified_result',
    )

    properties_schema = {
        SHARE: properties.Schema(
            properties.Schema.STRING,
            'Name or ID of the share.',
            required=True,
            constraints=[constraints.CustomConstraint('manila_backup.share')],
        ),
        NAME: properties.Schema(
            properties.Schema.STRING,
            'Name of the backup.',
            update_allowed=True,
            constraints=[constraints.Length(max=255)],
        ),
        DESCRIPTION: properties.Schema(
            properties.Schema.STRING,
            'Description of the backup.',
            update_allowed=True,
            constraints=[constraints.Length(max=255)],
        ),
        METADATA: properties.Schema(
            properties.Schema.MAP,
            'Metadata of the backup: keys and values.',
            update_allowed=True,
        ),
        BACKUP_TYPE: properties.Schema(
            properties.Schema.STRING,
            'Where and how the backup is kept: one of the types that the '
            'service has. Its default, if none is given.',
        ),
        BACKUP_OPTIONS: properties.Schema(
            properties.Schema.MAP,
            'Further options of the type.',
        ),
    }

    attributes_schema = shapes.schemas((
        (STATUS, attributes.Schema.STRING,
         'Status of the backup.'),
        (STATUS_REASON, attributes.Schema.STRING,
         'Sentence that says why it is in error, or what it lacks.'),
        (RESULT, attributes.Schema.STRING,
         'Whether the backup is complete, incomplete or damaged.'),
        (PROGRESS, attributes.Schema.INTEGER,
         'Percentage of its creation.'),
        (RESTORE_PROGRESS, attributes.Schema.INTEGER,
         'Percentage of its last restore.'),
        (SIZE, attributes.Schema.INTEGER,
         'Size of the share, in GiB.'),
        (CONTENT_BYTES, attributes.Schema.INTEGER,
         'Bytes of content in the backup.'),
        (STORED_BYTES, attributes.Schema.INTEGER,
         'Bytes that the backup added to the repository.'),
        (ENTRIES, attributes.Schema.INTEGER,
         'Number of entries in the backup: files, directories and all '
         'else.'),
        (WARNING_COUNT, attributes.Schema.INTEGER,
         'Number of entries of which something is lacking.'),
        (MISSING_COUNT, attributes.Schema.INTEGER,
         'Number of entries that are missing.'),
        (SHARE_ID, attributes.Schema.STRING,
         'ID of the share.'),
        (TYPE, attributes.Schema.STRING,
         'Type of the backup.'),
        (AVAILABILITY_ZONE, attributes.Schema.STRING,
         'Availability zone of the backup.'),
        (CREATED_AT, attributes.Schema.STRING,
         'When the backup was asked for.'),
        (TAKEN_AT, attributes.Schema.STRING,
         'When the share was as it is in the backup, or copying began.'),
        (POINT_IN_TIME, attributes.Schema.STRING,
         'How far the backup is of one moment.'),
        (COMPLETED_AT, attributes.Schema.STRING,
         'When the backup was complete.'),
        (DURATION, None,
         'Seconds that its creation took.'),
        (VERIFIED_AT, attributes.Schema.STRING,
         'When what is stored was last read again.'),
        (VERIFIED_RESULT, attributes.Schema.STRING,
         'What came of that.'),
    ))

    def translation_rules(self, properties):
        """Have a share's name replaced by its id."""
        return [translation.TranslationRule(
            properties, translation.TranslationRule.RESOLVE, [self.SHARE],
            client_plugin=self.client_plugin(), finder='find_share')]

    # -- creation --------------------------------------------------------

    def handle_create(self):
        """Begin, as far as the share lets it."""
        creation = {'refused': False}
        self._begin(creation)
        return creation

    def _begin(self, creation):
        """Ask for the backup. Of a share, one backup or restore goes on at
        any time: as long as there is another, it is asked for again.

        :param creation: dict; its ``refused`` says whether it was refused the
            last time without that.
        """
        try:
            backup = self.client().create_share_backup(**self._wanted())
        except exceptions.ConflictException:
            return
        except exceptions.BadRequestException:
            is_busy = self._is_share_busy()
            if creation['refused'] and not is_busy:
                raise
            # What was in the way may be over since. If it was nothing of
            # that kind, the next refusal says so.
            creation['refused'] = not is_busy
            return
        self.resource_id_set(backup.id)

    def _wanted(self):
        wanted = {'share_id': self.properties[self.SHARE],
                  'name': self._name(self.properties[self.NAME])}
        if self.properties[self.DESCRIPTION] is not None:
            wanted['description'] = self.properties[self.DESCRIPTION]
        if self.properties[self.METADATA]:
            wanted['metadata'] = shapes.strings(self.properties[self.METADATA])
        options = shapes.strings(self.properties[self.BACKUP_OPTIONS])
        if self.properties[self.BACKUP_TYPE] is not None:
            options['backup_type'] = self.properties[self.BACKUP_TYPE]
        if options:
            wanted['backup_options'] = options
        return wanted

    def _name(self, name):
        return self.physical_resource_name() if name is None else name

    def _is_share_busy(self):
        """Tell whether a backup or a restore of the share goes on. A Manila
        that knows no operations does not tell."""
        with self.client_plugin().ignore_not_found:
            return any(next(iter(self.client().share_backup_operations(
                share_id=self.properties[self.SHARE], status=status,
                limit=1)), None) for status in _AT_WORK)
        return False

    def check_create_complete(self, creation):
        """Look whether the backup is there."""
        if self.resource_id is None:
            self._begin(creation)
            return False
        backup = self._backup()
        if backup.status == 'creating':
            return False
        # Somebody may be quick to restore it.
        if backup.status in ('available', 'restoring'):
            return True
        if backup.status == 'error':
            raise _in_error(backup)
        raise exception.ResourceUnknownStatus(
            resource_status=backup.status,
            result='Creation of the backup failed')

    def handle_create_cancel(self, creation):
        """End what nobody waits for any more."""
        if self.resource_id is not None:
            self._cancel()

    def _cancel(self):
        with self.client_plugin().ignore_not_found:
            try:
                self.client().cancel_share_backup(self.resource_id)
            except _REFUSALS:
                # Too late.
                pass

    # -- update ----------------------------------------------------------

    def needs_replace_failed(self):
        """Tell whether there is no backup that could be kept."""
        if self.resource_id is not None:
            with self.client_plugin().ignore_not_found:
                return self._backup().status not in ('available',
                                                     'restoring')
        return True

    def handle_update(self, json_snippet, tmpl_diff, prop_diff):
        """Change what of a backup can be changed."""
        changed = {}
        if self.NAME in prop_diff:
            changed['name'] = self._name(prop_diff[self.NAME])
        if self.DESCRIPTION in prop_diff:
            changed['description'] = prop_diff[self.DESCRIPTION] or ''
        if changed:
            self.client().update_share_backup(self.resource_id, **changed)
        if self.METADATA in prop_diff:
            self._change_metadata(shapes.strings(prop_diff[self.METADATA]))

    def _change_metadata(self, after):
        before = shapes.strings(self.properties[self.METADATA])
        changed = {key: value for key, value in after.items()
                   if before.get(key) != value}
        if changed:
            self._backup().set_metadata(self.client(), changed)
        # What is gone already is no fault.
        known = self._backup().metadata or {}
        self.client().delete_share_backup_metadata(
            self.resource_id, [key for key in before
                               if key not in after and key in known])

    # -- deletion --------------------------------------------------------

    def handle_delete(self):
        """Begin to delete the backup, as soon as that can be."""
        return {'asked': False, 'cancelled': False, 'refused': 0}

    def check_delete_complete(self, deletion):
        """Look whether the backup is gone, and do what is next for that."""
        if self.resource_id is None:
            return True
        with self.client_plugin().ignore_not_found:
            self._go_on(self._backup(), deletion)
            return False
        return True

    def _go_on(self, backup, deletion):
        """Do what is next for a deletion.

        :param deletion: dict of what was done of it.
        """
        if backup.status == 'creating':
            if not deletion['cancelled']:
                self._cancel()
                deletion['cancelled'] = True
        elif backup.status == 'error_deleting' and deletion['asked']:
            raise _in_error(backup)
        elif backup.status in ('available', 'error', 'error_deleting'):
            self._ask_for_deletion(deletion)
        # Or else wait: for a restore, too, which somebody wants.

    def _ask_for_deletion(self, deletion):
        try:
            self.client().delete_share_backup(self.resource_id,
                                              ignore_missing=False)
        except _REFUSALS:
            # A restore may have begun since: then the next look shows it.
            deletion['refused'] += 1
            if deletion['refused'] > _MAX_REFUSALS:
                raise
        else:
            deletion.update(asked=True, refused=0)

    # -- looks -----------------------------------------------------------

    def handle_check(self):
        """Make sure that the backup is there, and usable."""
        self._verify_check_conditions([{
            'attr': self.STATUS, 'expected': ['available', 'restoring'],
            'current': self._backup().status}])

    def _backup(self):
        return self.client().get_share_backup(self.resource_id)

    def _show_resource(self):
        return shapes.as_dict(self._backup())

    def _resolve_attribute(self, name):
        if self.resource_id is None:
            return None
        return getattr(self._backup(), name)


def _in_error(backup):
    return exception.ResourceInError(
        resource_status=backup.status,
        # A Manila does not say it there.
        status_reason=backup.status_reason
        or '"openstack share message list" has the reason')
