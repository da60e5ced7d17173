# SPDX-License-Identifier: Apache-2.0
"""Tables of share backups and of the operations on them."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy
from horizon import tables

from manila_backup_dashboard import backups
from manila_backup_dashboard import service
from manila_backup_dashboard import text

#: Good, bad, or not yet known: rows of the last kind are asked for again.
STATUSES = (
    ('available', True), ('error', False), ('error_deleting', False),
    ('creating', None), ('restoring', None), ('deleting', None))

_SHOWN_STATUSES = (
    ('available', _('Available')), ('error', _('Error')),
    ('error_deleting', _('Error Deleting')), ('creating', _('Creating')),
    ('restoring', _('Restoring')), ('deleting', _('Deleting')))

_DELETABLE = ('available', 'error', 'error_deleting')


class Create(tables.LinkAction):
    name = 'create'
    verbose_name = _('Create Share Backup')
    url = 'horizon:project:share_backups:create'
    classes = ('ajax-modal',)
    icon = 'plus'
    policy_rules = (('share-backup', 'share_backup:create'),)


class Edit(tables.LinkAction):
    name = 'edit'
    verbose_name = _('Edit Share Backup')
    url = 'horizon:project:share_backups:update'
    classes = ('ajax-modal',)
    icon = 'pencil'
    policy_rules = (('share-backup', 'share_backup:update'),)


class EditMetadata(tables.LinkAction):
    name = 'metadata'
    verbose_name = _('Edit Metadata')
    url = 'horizon:project:share_backups:metadata'
    classes = ('ajax-modal',)
    icon = 'pencil'
    policy_rules = (('share-backup', 'share_backup:update_metadata'),)

    def allowed(self, request, backup=None):
        return service.of(request).has(service.RESULTS)


class Restore(tables.LinkAction):
    name = 'restore'
    verbose_name = _('Restore Share Backup')
    url = 'horizon:project:share_backups:restore'
    classes = ('ajax-modal',)
    policy_rules = (('share-backup', 'share_backup:restore'),)

    def allowed(self, request, backup=None):
        return backup is not None and backup.status == 'available'


class Files(tables.LinkAction):
    name = 'files'
    verbose_name = _('Browse Files')
    url = 'horizon:project:share_backups:files'
    policy_rules = (('share-backup', 'share_backup:list_files'),)

    def allowed(self, request, backup=None):
        return (backup is not None and backup.status == 'available'
                and service.of(request).has(service.FILES))


class Cancel(tables.BatchAction):
    name = 'cancel'
    action_type = 'danger'
    policy_rules = (('share-backup', 'share_backup:cancel'),)

    @staticmethod
    def action_present(count):
        return ngettext_lazy('Cancel Operation', 'Cancel Operations', count)

    @staticmethod
    def action_past(count):
        return ngettext_lazy('Asked to cancel operation of',
                             'Asked to cancel operations of', count)

    def allowed(self, request, backup=None):
        return (backup is not None
                and backup.status in ('creating', 'restoring')
                and service.of(request).has(service.RESULTS))

    def action(self, request, obj_id):
        service.of(request).act(backups.path(obj_id), 'cancel')


class Delete(tables.DeleteAction):
    help_text = _('A share backup that is deleted can not be had back.')
    policy_rules = (('share-backup', 'share_backup:delete'),)

    @staticmethod
    def action_present(count):
        return ngettext_lazy('Delete Share Backup', 'Delete Share Backups',
                             count)

    @staticmethod
    def action_past(count):
        return ngettext_lazy('Scheduled deletion of Share Backup',
                             'Scheduled deletion of Share Backups', count)

    def allowed(self, request, backup=None):
        return backup is None or backup.status in _DELETABLE

    def delete(self, request, obj_id):
        service.of(request).delete(backups.path(obj_id))


class Filter(tables.FilterAction):
    name = 'filter'
    filter_type = 'server'
    filter_choices = (('name~', _('Name contains'), True),
                      ('status', _('Status ='), True),
                      ('share_id', _('Share ID ='), True))


class Row(tables.Row):
    ajax = True

    def get_data(self, request, obj_id):
        return backups.one(request, obj_id)


class Title(tables.Column):
    """Name of a backup, with a link to it."""

    def get_raw_data(self, datum):
        return datum.title


def _share(backup):
    return text.plain(backup.share_name) or backup.share_id


def _result(backup):
    return text.words(getattr(backup, 'result', None))


class Result(tables.Column):
    """Result of a backup, where the service tells it."""

    def allowed(self, request):
        return _has(request, service.RESULTS)


def _has(request, version):
    """Tell whether there is the extension; not if nobody can be asked, which
    the view tells."""
    try:
        return service.of(request).has(version)
    except Exception:
        return False


class BackupsTable(tables.DataTable):
    title = Title('title', verbose_name=_('Name'),
                  link='horizon:project:share_backups:detail')
    share = tables.Column(_share, verbose_name=_('Share'))
    status = tables.Column('status', verbose_name=_('Status'), status=True,
                           status_choices=STATUSES,
                           display_choices=_SHOWN_STATUSES)
    result = Result(_result, verbose_name=_('Result'))
    size = tables.Column(lambda backup: text.gigabytes(backup.size),
                         verbose_name=_('Size'), attrs={'data-type': 'size'})
    created = tables.Column(lambda backup: text.time(backup.created_at),
                            verbose_name=_('Created (UTC)'))
    progress = tables.Column(text.progress, verbose_name=_('Progress'))

    #: int, how many come before the page before this one and the one after.
    preceding = following = 0

    def get_object_display(self, datum):
        return datum.title

    # The API of Manila pages by how many come before.
    def get_pagination_string(self):
        return f'{self._meta.pagination_param}={self.following}'

    def get_prev_pagination_string(self):
        return f'{self._meta.pagination_param}={self.preceding}'

    class Meta:
        name = 'share_backups'
        verbose_name = _('Share Backups')
        pagination_param = 'offset'
        status_columns = ('status',)
        row_class = Row
        table_actions = (Filter, Create, Delete)
        row_actions = (Restore, Files, Edit, EditMetadata, Cancel, Delete)


class CancelOperation(tables.BatchAction):
    name = 'cancel'
    action_type = 'danger'
    policy_rules = (('share-backup', 'share_backup:cancel'),)

    @staticmethod
    def action_present(count):
        return ngettext_lazy('Cancel', 'Cancel', count)

    @staticmethod
    def action_past(count):
        return ngettext_lazy('Asked to cancel', 'Asked to cancel', count)

    def allowed(self, request, operation=None):
        return operation is not None and operation.status in (
            'queued', 'running')

    def action(self, request, obj_id):
        service.of(request).act(
            f'/share-backup-operations/{service.quote(obj_id)}', 'cancel')


class OperationsTable(tables.DataTable):
    kind = tables.Column(lambda each: text.words(each.kind),
                         verbose_name=_('Operation'))
    status = tables.Column(lambda each: text.words(each.status),
                           verbose_name=_('Status'))
    reason = tables.Column(lambda each: text.plain(each.status_reason),
                           verbose_name=_('Reason'))
    files = tables.Column(lambda each: each.files_done,
                          verbose_name=_('Entries'))
    bytes = tables.Column(lambda each: text.size(each.bytes_done),
                          verbose_name=_('Bytes'))
    done = tables.Column(
        lambda each: text.percent(each.bytes_done, each.bytes_total),
        verbose_name=_('Progress'))
    queued = tables.Column(lambda each: text.time(each.queued_at),
                           verbose_name=_('Asked for (UTC)'))
    finished = tables.Column(lambda each: text.time(each.finished_at),
                             verbose_name=_('Over (UTC)'))

    def get_object_display(self, datum):
        return datum.id

    class Meta:
        name = 'operations'
        verbose_name = _('Operations')
        row_actions = (CancelOperation,)
        multi_select = False
