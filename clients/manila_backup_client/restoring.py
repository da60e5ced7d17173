# SPDX-License-Identifier: Apache-2.0
"""``openstack share backup restore``: all of a backup, or files in it."""

from manilaclient.osc.v2 import share_backups
from osc_lib import exceptions
from osc_lib import utils

from manila_backup_client import api
from manila_backup_client import backups
from manila_backup_client import columns
from manila_backup_client import files
from manila_backup_client import progress

_CONFLICTS = 'fail', 'skip', 'overwrite', 'keep-both'

# The statuses of an operation that stay.
_OVER = 'done', 'failed', 'cancelled'


class RestoreShareBackup(share_backups.RestoreShareBackup):
    """Restore share backup to share"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--path', metavar='<path>', action='append',
            help='Restore only this file or directory, and leave all else in '
                 f'the share alone (may be repeated). {files.PATH_HELP}')
        parser.add_argument(
            '--to-directory', metavar='<directory>',
            help='Restore below this directory of the share, which is made if '
                 'it is not there; without --path, all of the backup')
        parser.add_argument(
            '--conflict', choices=[*_CONFLICTS],
            help='What to do where the share has something else in the place '
                 'of an entry: restore nothing at all (fail, the default), '
                 'leave it (skip), replace it unless it is a directory '
                 '(overwrite), or give the entry another name (keep-both)')
        parser.add_argument(
            '--dry-run', action='store_true',
            help='Only show how much it is, and what is in the way')
        return parser

    def take_action(self, parsed_args):
        if parsed_args.path or parsed_args.to_directory:
            self._restore_files(parsed_args)
            return
        if parsed_args.conflict:
            raise exceptions.CommandError(
                '--conflict is about single files: name them by --path, or '
                'restore all beside what is there by --to-directory.')
        if parsed_args.dry_run:
            self._act(parsed_args, 'restore', {'dry_run': True})
            return
        waits, parsed_args.wait = parsed_args.wait, False
        super().take_action(parsed_args)
        if not waits:
            return
        client = self.app.client_manager.share
        backup_id = utils.find_resource(client.share_backups,
                                        parsed_args.backup).id
        backup = backups.wait(api.Api(client), backup_id, 'restoring',
                              'restore_progress', 'restore')
        share_id = (utils.find_resource(client.shares,
                                        parsed_args.target_share).id
                    if parsed_args.target_share else backup['share_id'])
        statuses = []

        def look_at_share():
            statuses.append(client.shares.get(share_id).status)
            return statuses[-1] != 'backup_restoring', None

        progress.wait(look_at_share, 'share')
        if backup.get('restore_progress') != '100':
            changed = ('it may have been changed'
                       if statuses[-1] == 'backup_restoring_error'
                       else 'it was not changed')
            raise exceptions.CommandError(
                f'Share {share_id} is {statuses[-1]}, {changed}: '
                f'{backups.reason(backup)}')

    def _restore_files(self, parsed_args):
        self._act(parsed_args, 'restore_files', {
            'paths': parsed_args.path or ['/'],
            'target_path': parsed_args.to_directory,
            'conflict': (parsed_args.conflict or 'fail').replace('-', '_'),
            'dry_run': parsed_args.dry_run})

    def _act(self, parsed_args, action, asked):
        client = self.app.client_manager.share
        service = api.Api(client, files.EXTENSION)
        backup_id = utils.find_resource(client.share_backups,
                                        parsed_args.backup).id
        if parsed_args.target_share:
            asked['target_share_id'] = utils.find_resource(
                client.shares, parsed_args.target_share).id
        found = service.post(f'{api.BACKUPS}/{backup_id}/action',
                             {action: asked})[action]
        if parsed_args.dry_run:
            self._tell(found['dry_run'] if 'dry_run' in found
                       else wait_for(service, found['operation_id'])[
                           'restore_files']['found'])
        elif parsed_args.wait:
            wait_for(service, found['operation_id'])

    def _tell(self, found):
        say = self.app.stdout.write

        def entries(number):
            return columns.counted(number, 'entry', 'entries')

        say(f'{entries(found["entries"])}, '
            f'{columns.counted(found["bytes"], "byte")}; '
            f'{found["unchanged"]} of them in the share as they are\n')
        if not found['complete']:
            say('Not all of the share could be compared in time: there may '
                'be more conflicts\n')
        say(f'{columns.counted(found["conflicts"], "conflict")}\n')
        for path in found['conflicting_paths']:
            say(f'{path}\n')
        if found['removed']:
            say(f'{entries(found["removed"])} to be removed\n')
            for path in found['removed_paths']:
                say(f'{path}\n')


def wait_for(service, operation_id):
    """Wait until an operation is over.

    :returns: dict, the operation.
    :raises osc_lib.exceptions.CommandError: it came to nothing, or not to
        all.
    """
    operation = {}

    def look():
        operation.update(service.get(
            f'{api.OPERATIONS}/{operation_id}', 'share_backup_operation'))
        total = operation['files_total']
        return operation['status'] in _OVER, (
            100 * operation['files_done'] // total if total else None)

    progress.wait(look, 'restore')
    if operation['status'] != 'done':
        changed = ('some files may have been restored'
                   if operation['share_changed'] else 'nothing was restored')
        hint = ''
        if operation['status_code'] == 'files_exist':
            hint = (' --dry-run lists what is in the way, and --conflict '
                    'says what is to become of it.')
        raise exceptions.CommandError(
            f'The restore is {operation["status"]}, {changed}: '
            f'{operation.get("error") or operation["status_reason"]}{hint}')
    return operation
