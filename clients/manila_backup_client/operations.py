# SPDX-License-Identifier: Apache-2.0
"""``openstack share backup operation``: what was asked for, how far it is,
and how it ended."""

from osc_lib.command import command
from osc_lib import exceptions
from osc_lib import utils

from manila_backup_client import api
from manila_backup_client import columns

_BRIEF = ('id', 'kind', 'status', 'backup_id', 'files_done', 'bytes_done',
          'queued_at', 'status_code')
_LONG = ('id', 'kind', 'status', 'status_code', 'backup_id', 'share_id',
         'attempt', 'max_attempts', 'files_done', 'files_total', 'bytes_done',
         'bytes_total', 'bytes_per_second', 'queued_at', 'started_at',
         'finished_at', 'estimated_end_at')


class ListOperation(command.Lister):
    """List operations on share backups, the newest first"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--share', metavar='<share>',
                            help='Only those on this share (name or ID)')
        parser.add_argument('--backup', metavar='<backup>',
                            help='Only those on this backup (name or ID)')
        parser.add_argument('--kind', choices=['create', 'restore', 'delete'],
                            help='Only those of this kind')
        parser.add_argument(
            '--status', choices=['queued', 'running', 'cancelling', 'done',
                                 'failed', 'cancelled'],
            help='Only those in this status')
        parser.add_argument('--since', metavar='<time>',
                            help='Only those asked for at this time, in ISO '
                                 '8601, or later')
        parser.add_argument('--limit', metavar='<number>', type=int,
                            help='How many at the most')
        parser.add_argument('--all-projects', action='store_true',
                            help='Those of all projects (administrators '
                                 'only)')
        parser.add_argument('--long', action='store_true',
                            help='Also rates, attempts and times')
        return parser

    def take_action(self, parsed_args):
        client = self.app.client_manager.share
        share = backup = None
        if parsed_args.share:
            share = utils.find_resource(client.shares, parsed_args.share).id
        if parsed_args.backup:
            backup = utils.find_resource(client.share_backups,
                                         parsed_args.backup).id
        operations = api.Api(client).get(
            api.OPERATIONS, 'share_backup_operations', share_id=share,
            backup_id=backup, kind=parsed_args.kind,
            status=parsed_args.status, since=parsed_args.since,
            limit=parsed_args.limit,
            all_projects=parsed_args.all_projects or None)
        keys = _LONG if parsed_args.long else _BRIEF
        return ([columns.heading(key) for key in keys],
                [columns.row(each, keys) for each in operations])


class ShowOperation(command.ShowOne):
    """Show an operation on a share backup"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('operation', metavar='<operation>',
                            help='ID of the operation')
        return parser

    def take_action(self, parsed_args):
        return columns.of_one(api.Api(self.app.client_manager.share).get(
            f'{api.OPERATIONS}/{parsed_args.operation}',
            'share_backup_operation'))


class CancelOperation(command.Command):
    """Cancel operations on share backups"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('operation', metavar='<operation>', nargs='+',
                            help='ID of an operation')
        return parser

    def take_action(self, parsed_args):
        service = api.Api(self.app.client_manager.share)
        failed = api.failures(
            parsed_args.operation,
            lambda operation: service.act(f'{api.OPERATIONS}/{operation}',
                                          'cancel'))
        if failed:
            raise exceptions.CommandError('Not cancelled: '
                                          + '; '.join(failed))
