# SPDX-License-Identifier: Apache-2.0
"""``openstack share backup repository``: what backups are in."""

from osc_lib.command import command

from manila_backup_client import api
from manila_backup_client import columns

_BACKUPS = ('backups', 'stored_bytes', 'damaged_backups',
            'never_verified_backups', 'oldest_verified_at',
            'newest_verified_at')

#: What each host has found of its own.
_HOST = ('host', 'location', 'used_bytes', 'free_bytes', 'measured_at',
         'problem')


class ListRepository(command.Lister):
    """List the repositories that share backups are in

    There is a row for each host whose workers have looked at one.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--backup-type', metavar='<type>',
                            help='Only the repository of this backup driver')
        return parser

    def take_action(self, parsed_args):
        found = api.Api(self.app.client_manager.share, '1.3').get(
            api.REPOSITORIES, 'share_backup_repositories',
            backup_type=parsed_args.backup_type)
        keys = ('backup_type', *_HOST, *_BACKUPS)
        return ([columns.heading(key) for key in keys],
                [columns.row({**each, **host}, keys) for each in found
                 for host in each['hosts'] or [{}]])
