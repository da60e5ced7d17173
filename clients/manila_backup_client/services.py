# SPDX-License-Identifier: Apache-2.0
"""``openstack share backup service``: the workers, by host."""

from osc_lib.command import command

from manila_backup_client import api
from manila_backup_client import columns

_KEYS = ('id', 'binary', 'host', 'availability_zone', 'status', 'state',
         'disabled_reason', 'processes', 'running_operations', 'updated_at')


class ListService(command.Lister):
    """List the hosts of workers that make share backups"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--host', metavar='<host>',
                            help='Only those of this host')
        parser.add_argument('--status',
                            choices=['enabled', 'disabled', 'draining'],
                            help='Only those in this status')
        parser.add_argument('--state', choices=['up', 'down'],
                            help='Only those in this state')
        return parser

    def take_action(self, parsed_args):
        found = api.Api(self.app.client_manager.share).get(
            api.SERVICES, 'share_backup_services', host=parsed_args.host,
            status=parsed_args.status, state=parsed_args.state)
        return ([columns.heading(key) for key in _KEYS],
                [columns.row(each, _KEYS) for each in found])


class SetService(command.ShowOne):
    """Have the workers of a host take operations or not"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('service', metavar='<service>', type=int,
                            help='ID of the service')
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument('--enable', action='store_const', dest='action',
                           const='enable', help='Take operations again')
        which.add_argument('--disable', action='store_const', dest='action',
                           const='disable',
                           help='Take no more, and finish what runs')
        which.add_argument('--drain', action='store_const', dest='action',
                           const='drain',
                           help='Take no more, and hand over what runs')
        parser.add_argument('--reason', metavar='<reason>',
                            help='Why it is disabled or drained')
        return parser

    def take_action(self, parsed_args):
        asked = ({'reason': parsed_args.reason}
                 if parsed_args.reason and parsed_args.action != 'enable'
                 else None)
        told = api.Api(self.app.client_manager.share).post(
            f'{api.SERVICES}/{parsed_args.service}/action',
            {parsed_args.action: asked})
        return columns.of_one(told['share_backup_service'])
