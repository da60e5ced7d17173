# SPDX-License-Identifier: Apache-2.0
"""The client that the resources have: openstacksdk's, with share backups."""

from heat.engine.clients.os import openstacksdk
from heat.engine import constraints
from openstack import exceptions

from manila_backup_client import sdk

#: Its name among Heat's clients.
NAME = 'manila_backup'


class ManilaBackupClientPlugin(openstacksdk.OpenStackSDKPlugin):
    """Client of the service that has the shares and their backups, as the
    user whose stack it is."""

    exceptions_module = exceptions

    service_types = ['shared-file-system']

    def _create(self, version=None):
        connection = super()._create(version)
        sdk.attach(connection)
        return connection.shared_file_system

    def _get_service_interfaces(self):
        # Of which interface is what Heat is told for Manila's own resources.
        return {'shared_file_system_interface': self._get_client_option(
            'manila', 'endpoint_type')}

    def is_conflict(self, ex):
        """Tell whether an exception says that something is in the way."""
        return isinstance(ex, exceptions.ConflictException)

    def find_share(self, name_or_id):
        """Return a share's id by its name or id.

        :raises openstack.exceptions.NotFoundException: there is none.
        :raises openstack.exceptions.DuplicateResource: there are several.
        """
        return self.client().find_share(name_or_id, ignore_missing=False).id


class ShareConstraint(constraints.BaseCustomConstraint):
    """Share that is there, by its name or id."""

    expected_exceptions = (exceptions.NotFoundException,
                           exceptions.DuplicateResource)

    def validate_with_client(self, clients, value):
        """Look a share up."""
        clients.client_plugin(NAME).find_share(value)
