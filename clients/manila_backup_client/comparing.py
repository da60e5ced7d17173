# SPDX-License-Identifier: Apache-2.0
"""``openstack share backup file history`` and ``share backup diff``: what a
file was in each backup, and what changed from one backup to another."""

from osc_lib.command import command
from osc_lib import utils

from manila_backup_client import api
from manila_backup_client import columns
from manila_backup_client import files

_VERSION = ('type', 'size', 'mtime', 'state', 'first_backup_id',
            'first_backup_at', 'last_backup_id', 'last_backup_at',
            'backup_count')
_CHANGE = ('change', 'path', 'previous_path', 'type', 'size',
           'previous_size', 'differences')
_KINDS = ('added', 'removed', 'changed', 'moved')


class ListFileHistory(command.Lister):
    """List the versions of a file in the backups of a share"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('share', metavar='<share>',
                            help='Name or ID of the share; the ID of one that '
                                 'is gone')
        parser.add_argument('path', metavar='<path>', help=files.PATH_HELP)
        parser.add_argument('--long', action='store_true',
                            help='Show digests too')
        parser.add_argument('--limit', metavar='<number>', type=int,
                            help='The most to list; all of them by default')
        return parser

    def take_action(self, parsed_args):
        client = self.app.client_manager.share
        pages = list(api.Api(client, files.EXTENSION).patient_pages(
            api.FILE_VERSIONS, 'share_backup_file_versions',
            parsed_args.limit, share_id=_share_id(client, parsed_args.share),
            path=parsed_args.path))
        unread = [each for page in pages for each in page['unread_backups']]
        if unread:
            self.app.stderr.write(
                f'These backups could not be looked into: '
                f'{", ".join(unread)}\n')
        keys = _VERSION + ('digest',) * parsed_args.long
        return ([columns.heading(key) for key in keys],
                [files.row(each, keys) for page in pages
                 for each in page['share_backup_file_versions']])


def _share_id(client, share):
    try:
        return utils.find_resource(client.shares, share).id
    except Exception:
        # Its backups may be all that is left.
        if len(share) == 36 and share.count('-') == 4:
            return share
        raise


class DiffShareBackup(command.Lister):
    """List what changed from one share backup to a later one"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('backup', metavar='<backup>',
                            help='Name or ID of the older share backup')
        parser.add_argument('later', metavar='<later>',
                            help='Name or ID of the later one, of the same '
                                 'share')
        parser.add_argument('--limit', metavar='<number>', type=int,
                            help='The most to list; all of them by default')
        return parser

    def take_action(self, parsed_args):
        client = self.app.client_manager.share
        older, later = (utils.find_resource(client.share_backups, each).id
                        for each in (parsed_args.backup, parsed_args.later))
        pages = list(api.Api(client, files.EXTENSION).patient_pages(
            f'{api.BACKUPS}/{later}/changes', 'changes', parsed_args.limit,
            since=older))
        if pages:
            totals = pages[0]['totals']
            self.app.stderr.write(', '.join(
                f'{totals[kind]} {kind}' for kind in _KINDS) + '\n')
        return ([columns.heading(key) for key in _CHANGE],
                [files.row(each, _CHANGE) for page in pages
                 for each in page['changes']])
