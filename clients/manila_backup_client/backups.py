# SPDX-License-Identifier: Apache-2.0
"""``openstack share backup``: python-manilaclient's commands with what
manila-backup says beyond Manila, and with a progress bar."""

import urllib.parse

from manilaclient import exceptions as manila_exceptions
from manilaclient.osc.v2 import share_backups
from osc_lib.cli import parseractions
from osc_lib.command import command
from osc_lib import exceptions
from osc_lib import utils

from manila_backup_client import api
from manila_backup_client import columns
from manila_backup_client import progress

_BRIEF = ('id', 'name', 'share_id', 'status')
_LONG = ('id', 'name', 'share_id', 'status', 'result', 'size',
         'content_bytes', 'stored_bytes', 'missing_count', 'progress',
         'backup_type', 'created_at', 'completed_at', 'status_code')


def _add_property(parser):
    parser.add_argument('--property', metavar='<key=value>', default={},
                        action=parseractions.KeyValueAction,
                        help='Property to set (may be repeated)')


def _metadata(client, backup):
    """Return the path of a backup's metadata.

    :param backup: str, its name or id.
    """
    found = utils.find_resource(client.share_backups, backup)
    return f'{api.BACKUPS}/{found.id}/metadata'


def _show(service, backup_id):
    return service.get(f'{api.BACKUPS}/{backup_id}', 'share_backup')


def reason(backup):
    """Return why a backup is as it is, in words, as far as one is told."""
    return (backup.get('status_reason') or backup.get('fail_reason')
            or '"openstack share message list --resource-id '
               f'{backup["id"]}" may say why')


def wait(service, backup_id, status, key, title):
    """Wait until a backup is not in a status any more.

    :param key: str, what its progress is called.
    :param title: str, before the progress bar.
    :returns: dict, the backup as it is then.
    """
    backup = {}

    def look():
        backup.update(_show(service, backup_id))
        return backup['status'] != status, int(backup.get(key) or 0)

    progress.wait(look, title)
    return backup


def _deleted_percent(service, backup_id):
    """Return how much of a backup is deleted, in percent; None where the
    service tells of no operations, or its driver does not count."""
    try:
        operation, = service.get(
            api.OPERATIONS, 'share_backup_operations', backup_id=backup_id,
            kind='delete', limit=1)
    except (exceptions.CommandError, ValueError):
        return None
    total = operation['files_total']
    return 100 * operation['files_done'] // total if total else None


def _wait_gone(service, backup_id):
    """Wait until a backup that is being deleted is gone.

    :raises osc_lib.exceptions.CommandError: it could not be deleted.
    """
    backup = {}

    def look():
        percent = _deleted_percent(service, backup_id)
        try:
            backup.update(_show(service, backup_id))
        except manila_exceptions.NotFound:
            backup.clear()
            return True, 100
        return backup['status'] != 'deleting', percent

    progress.wait(look, 'delete')
    if backup:
        raise exceptions.CommandError(
            f'it is {backup["status"]}: {reason(backup)}')


class CreateShareBackup(share_backups.CreateShareBackup):
    """Create a share backup"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--wait', action='store_true',
                            help='Wait until the backup has been made')
        _add_property(parser)
        return parser

    def take_action(self, parsed_args):
        client = self.app.client_manager.share
        if parsed_args.property:
            # Manila's own client has no way to send it.
            share = utils.find_resource(client.shares, parsed_args.share)
            made = api.Api(client).post(api.BACKUPS, {'share_backup': {
                'share_id': share.id, 'name': parsed_args.name,
                'description': parsed_args.description,
                'backup_options': parsed_args.backup_options or None,
                'metadata': parsed_args.property}})['share_backup']
            names, values = columns.of_one(made)
            backup_id = made['id']
        else:
            names, values = super().take_action(parsed_args)
            backup_id = dict(zip(names, values))['id']
        if not parsed_args.wait:
            return names, values
        backup = wait(api.Api(client), backup_id, 'creating', 'progress',
                      'backup')
        if backup['status'] != 'available':
            raise exceptions.CommandError(
                f'Share backup {backup_id} is {backup["status"]}: '
                f'{reason(backup)}')
        return columns.of_one(backup)


class ShowShareBackup(share_backups.ShowShareBackup):
    """Show share backup"""

    def take_action(self, parsed_args):
        client = self.app.client_manager.share
        backup = utils.find_resource(client.share_backups, parsed_args.backup)
        return columns.of_one(_show(api.Api(client), backup.id))


class ListShareBackup(share_backups.ListShareBackup):
    """List share backups"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--long', action='store_true',
                            help='Also how each ended, and sizes')
        parser.add_argument('--property', metavar='<key=value>', default={},
                            action=parseractions.KeyValueAction,
                            help='Only those with this property (may be '
                                 'repeated)')
        for when, word in (('since', 'later'), ('before', 'earlier')):
            parser.add_argument(
                f'--created-{when}', metavar='<time>',
                help=f'Only those made at this time, in ISO 8601, or {word}')
        return parser

    def take_action(self, parsed_args):
        if not (parsed_args.long or parsed_args.property
                or parsed_args.created_since or parsed_args.created_before):
            return super().take_action(parsed_args)
        client = self.app.client_manager.share
        share = (utils.find_resource(client.shares, parsed_args.share).id
                 if parsed_args.share else None)
        query = {name: getattr(parsed_args, name) for name in (
            'name', 'description', 'name~', 'description~', 'status', 'limit',
            'offset', 'sort_key', 'sort_dir', 'created_since',
            'created_before')}
        if parsed_args.property:
            # As Manila has it for shares.
            query['metadata'] = str(dict(parsed_args.property))
        backups = api.Api(client).get(f'{api.BACKUPS}/detail',
                                      'share_backups', share_id=share, **query)
        # Some are only told by some releases.
        keys = [key for key in (_LONG if parsed_args.long else _BRIEF)
                if not backups or any(key in each for each in backups)]
        return ([columns.heading(key) for key in keys],
                [columns.row(each, keys) for each in backups])


class SetShareBackup(share_backups.SetShareBackup):
    """Set share backup properties"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        _add_property(parser)
        return parser

    def take_action(self, parsed_args):
        if not parsed_args.property or any(
                getattr(parsed_args, name) is not None
                for name in ('name', 'description', 'status')):
            super().take_action(parsed_args)
        if parsed_args.property:
            client = self.app.client_manager.share
            api.Api(client).post(_metadata(client, parsed_args.backup),
                                 {'metadata': parsed_args.property})


class UnsetShareBackup(share_backups.UnsetShareBackup):
    """Unset share backup properties"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--property', metavar='<key>', action='append',
                            help='Property to remove (may be repeated)')
        return parser

    def take_action(self, parsed_args):
        client = self.app.client_manager.share
        properties = parsed_args.property or ()
        if properties:
            path = _metadata(client, parsed_args.backup)
        failed = api.failures(properties, lambda key: api.Api(client).delete(
            f'{path}/{urllib.parse.quote(key)}'))
        if parsed_args.name or parsed_args.description or not properties:
            super().take_action(parsed_args)
        if failed:
            raise exceptions.CommandError('Not removed: ' + '; '.join(failed))


class DeleteShareBackup(share_backups.DeleteShareBackup):
    """Delete one or more share backups"""

    def take_action(self, parsed_args):
        if not parsed_args.wait:
            super().take_action(parsed_args)
            return
        client = self.app.client_manager.share

        def delete(name):
            backup = utils.find_resource(client.share_backups, name)
            client.share_backups.delete(backup)
            _wait_gone(api.Api(client), backup.id)

        failed = api.failures(parsed_args.backup, delete)
        if failed:
            raise exceptions.CommandError('Not deleted: ' + '; '.join(failed))


class CancelShareBackup(command.Command):
    """Cancel the creation or the restore of a share backup"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('backup', metavar='<backup>',
                            help='Name or ID of the share backup')
        return parser

    def take_action(self, parsed_args):
        client = self.app.client_manager.share
        backup = utils.find_resource(client.share_backups, parsed_args.backup)
        api.Api(client).act(f'{api.BACKUPS}/{backup.id}', 'cancel')
