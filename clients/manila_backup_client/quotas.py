# SPDX-License-Identifier: Apache-2.0
"""``openstack share backup quota``: what backups of a project may take."""

import urllib.parse

from keystoneauth1.exceptions import http
from osc_lib.command import command
from osc_lib import exceptions
from osc_lib import utils

from manila_backup_client import api
from manila_backup_client import columns

_OPTIONS = {
    'backups': 'Number of share backups',
    'backup_gigabytes': 'Sum of the sizes of their shares, in GiB',
    'backup_stored_gigabytes': 'What they may have added to the '
                               'repositories, in GiB',
    'backup_policies': 'Number of backup policies',
}


def _api(command_):
    """The service, with the quotas of backup policies."""
    return api.Api(command_.app.client_manager.share, '1.1')


class _Quota:
    """A command about the quotas of a project."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('project', metavar='<project>', nargs=self.NARGS,
                            help='Name or ID of the project')
        return parser

    def path(self, parsed_args):
        """Return the path of the quotas."""
        manager = self.app.client_manager
        wanted = parsed_args.project
        if wanted is None:
            wanted = manager.auth_ref and manager.auth_ref.project_id
            if not wanted:
                raise exceptions.CommandError('Name the project.')
        elif manager.auth_ref:
            try:
                wanted = utils.find_resource(manager.identity.projects,
                                             wanted).id
            except http.Forbidden:
                # Who may not look projects up may know its id nevertheless.
                pass
        return f'{api.QUOTAS}/{urllib.parse.quote(wanted, safe="")}'


class ShowQuota(_Quota, command.ShowOne):
    """Show the quotas of a project for share backups"""

    NARGS = '?'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        which = parser.add_mutually_exclusive_group()
        which.add_argument('--detail', action='store_true',
                           help='Also what is used of them')
        which.add_argument('--defaults', action='store_true',
                           help='Those of projects that have none of their '
                                'own')
        return parser

    def take_action(self, parsed_args):
        path = self.path(parsed_args)
        for name in ('detail', 'defaults'):
            if getattr(parsed_args, name):
                path += f'/{name}'
        return columns.of_one(_api(self).get(
            path, 'share_backup_quota'))


class SetQuota(_Quota, command.Command):
    """Set quotas of a project for share backups"""

    NARGS = None

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        for name, meaning in _OPTIONS.items():
            parser.add_argument(
                f'--{name.replace("_", "-")}', metavar='<number>', type=int,
                help=f'{meaning}; -1: unlimited')
        return parser

    def take_action(self, parsed_args):
        limits = {name: getattr(parsed_args, name) for name in _OPTIONS
                  if getattr(parsed_args, name) is not None}
        if not limits:
            raise exceptions.CommandError('Say which quota to set.')
        _api(self).put(
            self.path(parsed_args), {'share_backup_quota': limits})


class UnsetQuota(_Quota, command.Command):
    """Give a project the default quotas for share backups again"""

    NARGS = None

    def take_action(self, parsed_args):
        _api(self).delete(self.path(parsed_args))
