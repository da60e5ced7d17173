# SPDX-License-Identifier: Apache-2.0
"""``openstack share backup warning``: what a share backup lacks."""

from osc_lib.command import command
from osc_lib import utils

from manila_backup_client import api
from manila_backup_client import columns

_KEYS = ('number', 'path', 'code', 'stored', 'lost', 'reason')


class ListWarning(command.Lister):
    """List what a share backup lacks, entry by entry"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('backup', metavar='<backup>',
                            help='Name or ID of the share backup')
        parser.add_argument('--limit', metavar='<number>', type=int,
                            help='The most to list; all of them by default')
        parser.add_argument('--marker', metavar='<number>', type=int,
                            help='Number of the warning to go on after')
        return parser

    def take_action(self, parsed_args):
        client = self.app.client_manager.share
        backup = utils.find_resource(client.share_backups, parsed_args.backup)
        pages = list(api.Api(client).pages(
            f'{api.BACKUPS}/{backup.id}/warnings', 'warnings',
            parsed_args.limit, parsed_args.marker))
        if not all(page['complete'] for page in pages):
            self.app.stderr.write(
                'This is not all: there is no backup, an earlier release has '
                'made it, or there was more than could be recorded.\n')
        return ([columns.heading(key) for key in _KEYS],
                [columns.row(each, _KEYS) for page in pages
                 for each in page['warnings']])
