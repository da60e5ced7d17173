# SPDX-License-Identifier: Apache-2.0
"""``openstack share backup usage``: how many there are, and of what sizes."""

from osc_lib.command import command

from manila_backup_client import api
from manila_backup_client import columns

#: What they may be grouped by: the key that it adds.
_GROUPS = {'project': (), 'share': ('share_id',),
           'backup-type': ('backup_type',), 'status': ('status',)}

_SUMS = ('backups', 'gigabytes', 'content_bytes', 'stored_bytes',
         'unmeasured_backups', 'last_backup_at')


class ListUsage(command.Lister):
    """List how many share backups there are, and of what sizes"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--group-by', choices=sorted(_GROUPS),
                            default='project',
                            help='What there is a row for (default: project)')
        parser.add_argument('--by-day', action='store_true',
                            help='A row for each day, in UTC, on which '
                                 'backups were created')
        parser.add_argument('--all-projects', action='store_true',
                            help='Those of all projects (administrators only)')
        parser.add_argument('--limit', metavar='<number>', type=int,
                            help='The most rows to list; all of them by '
                                 'default')
        return parser

    def take_action(self, parsed_args):
        by_day = parsed_args.by_day
        service = api.Api(self.app.client_manager.share,
                          '1.5' if by_day else '1.0')
        pages = service.pages(
            api.USAGE, 'share_backup_usage', parsed_args.limit,
            group_by=parsed_args.group_by.replace('-', '_'),
            interval='day' if by_day else None,
            all_projects=parsed_args.all_projects or None)
        keys = ('project_id', *_GROUPS[parsed_args.group_by],
                *(('day',) if by_day else ()), *_SUMS)
        return ([columns.heading(key) for key in keys],
                [columns.row(each, keys) for page in pages
                 for each in page['share_backup_usage']])
