# SPDX-License-Identifier: Apache-2.0
"""``openstack share create``: python-manilaclient's, also from a backup."""

from manilaclient.osc.v2 import share
from osc_lib import exceptions
from osc_lib import utils

from manila_backup_client import api
from manila_backup_client import columns
from manila_backup_client import files
from manila_backup_client import restoring

# What of python-manilaclient's has no meaning for a share from a backup.
_OTHERS = ('snapshot_id', 'share_group', 'scheduler_hint',
           'mount_point_name', 'encryption_key_ref')

_FIELDS = {'share_network': 'share_network_id'}


class CreateShare(share.CreateShare):
    """Create a new share"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        for action in parser._actions:
            if action.dest == 'size':
                action.nargs = '?'
                action.help = ('Share size in GiB; with --from-backup that '
                               'of the backup by default')
        parser.add_argument('--from-backup', metavar='<backup>',
                            help='Name or ID of a share backup to restore to '
                                 'the share')
        return parser

    def take_action(self, parsed_args):
        if parsed_args.from_backup:
            return self._from_backup(parsed_args)
        if parsed_args.size is None:
            raise exceptions.CommandError('The size of the share is missing.')
        return super().take_action(parsed_args)

    def _from_backup(self, parsed_args):
        senseless = [name for name in _OTHERS if getattr(parsed_args, name,
                                                         None)]
        if senseless:
            option = senseless[0].replace('_', '-')
            raise exceptions.CommandError(
                f'--from-backup and --{option} exclude one another.')
        client = self.app.client_manager.share
        service = api.Api(client, files.EXTENSION)
        backup_id = utils.find_resource(client.share_backups,
                                        parsed_args.from_backup).id
        asked = {'share_proto': parsed_args.share_proto,
                 'size': parsed_args.size, 'name': parsed_args.name,
                 'description': parsed_args.description,
                 'is_public': parsed_args.public,
                 'availability_zone': parsed_args.availability_zone,
                 'metadata': parsed_args.property}
        for name, manager in (('share_type', client.share_types),
                              ('share_network', client.share_networks)):
            wanted = getattr(parsed_args, name, None)
            if wanted:
                asked[_FIELDS.get(name, name)] = utils.find_resource(
                    manager, wanted).id
        made = service.post(f'{api.BACKUPS}/{backup_id}/action', {
            'restore_to_new_share': asked})['restore_to_new_share']
        if parsed_args.wait:
            restoring.wait_for(service, made['operation_id'])
        share_id = made['share_id']
        return columns.of_one(service.get(f'/shares/{share_id}', 'share'))
