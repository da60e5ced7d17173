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
        found = api.Api(client)
        pages = list(found.pages(
            f'{api.BACKUPS}/{backup.id}/warnings', 'warnings',
            parsed_args.limit, parsed_args.marker))
        if not all(page['complete'] for page in pages):
            count = found.get(f'{api.BACKUPS}/{backup.id}',
                              'share_backup')['warning_count']
            self.app.stderr.write(what_lacks(count, pages[-1]))
        return ([columns.heading(key) for key in _KEYS],
                [columns.row(each, _KEYS) for page in pages
                 for each in page['warnings']])


def what_lacks(count, last):
    """Say why a list of warnings is not all that there is to tell.

    :param count: int, how many warnings the backup has; None if that is not
        known.
    :param last: dict, the last page of the list.
    """
    if not count:
        return ('What this backup lacks is not known: it has not been made, '
                'or an earlier release has made it.\n')
    more = count - max((each['number'] for each in last['warnings']),
                       default=0)
    if 'warnings_links' in last or not last['warnings'] or more <= 0:
        return ('Not all warnings of this backup have been recorded; their '
                f'number is {count}.\n')
    return ('Not all warnings of this backup are here: there was no room to '
            f'record {more} of {count}.\n')
