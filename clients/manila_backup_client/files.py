# SPDX-License-Identifier: Apache-2.0
"""``openstack share backup file``: what is in a share backup."""

from osc_lib.command import command
from osc_lib import utils

from manila_backup_client import api
from manila_backup_client import columns

#: The first version of the extension that has them.
EXTENSION = '1.2'

#: Help for a path in a backup.
PATH_HELP = ('Its path from the root of the share. %% is written as %%25, and '
             'a byte that is not UTF-8 as %% and two hexadecimal digits')

_BRIEF = ('name', 'type', 'size', 'mtime', 'state')
_FOUND = ('path', 'type', 'size', 'mtime', 'state')
_MORE = ('mode', 'uid', 'gid', 'link_target', 'digest')


class _Command(command.Lister):

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('backup', metavar='<backup>',
                            help='Name or ID of the share backup')
        parser.add_argument('--long', action='store_true',
                            help='Show mode, owner, the target of symbolic '
                                 'links, and digests too')
        parser.add_argument('--limit', metavar='<number>', type=int,
                            help='The most to list; all of them by default')
        return parser

    def _show(self, parsed_args, keys, **query):
        client = self.app.client_manager.share
        backup = utils.find_resource(client.share_backups, parsed_args.backup)
        pages = api.Api(client, EXTENSION).pages(
            f'{api.BACKUPS}/{backup.id}/files', 'files', parsed_args.limit,
            **query)
        if parsed_args.long:
            keys += _MORE
        return ([columns.heading(key) for key in keys],
                [row(each, keys) for page in pages
                 for each in page['files']])


class ListFile(_Command):
    """List a directory in a share backup"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('path', metavar='<path>', nargs='?',
                            help=f'The directory; the root of the share by '
                                 f'default. {PATH_HELP}')
        return parser

    def take_action(self, parsed_args):
        return self._show(parsed_args, _BRIEF, path=parsed_args.path)


class FindFile(_Command):
    """Search for files in a share backup"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('pattern', metavar='<pattern>', nargs='?',
                            default='*',
                            help='Pattern of names, such as "*.sql"')
        parser.add_argument('--under', metavar='<path>',
                            help='The directory to search in')
        for name, metavar, words in (
                ('min-size', '<bytes>', 'Only what has at least this size'),
                ('max-size', '<bytes>', 'Only what has at most this size'),
                ('modified-since', '<time>',
                 'Only what was modified then or later (ISO 8601)'),
                ('modified-before', '<time>',
                 'Only what was modified before')):
            parser.add_argument(f'--{name}', metavar=metavar, help=words)
        return parser

    def take_action(self, parsed_args):
        return self._show(
            parsed_args, _FOUND, search=parsed_args.pattern,
            under=parsed_args.under, min_size=parsed_args.min_size,
            max_size=parsed_args.max_size,
            modified_since=parsed_args.modified_since,
            modified_before=parsed_args.modified_before)


def row(entry, keys):
    """Return the values of some keys of a file, as a tuple."""
    # A backup's size is one of another unit.
    return tuple(
        columns.Size(entry[key]) if key.endswith('size') else value
        for key, value in zip(keys, columns.row(entry, keys)))
