# SPDX-License-Identifier: Apache-2.0
"""Resources of Manila that this service does not have, and policies of their
lists: clients ask for them whether they are used or not."""

import typing

from manila_backup.policies import base


class Resource(typing.NamedTuple):
    """A kind of thing.

    :ivar name: str, an identifier.
    :ivar path: str, of the list, below ``/v2``.
    :ivar key: str, what the list is called in the body.
    :ivar since: (major, minor), the first version that has it.
    :ivar rule: str, the name of the policy rule.
    :ivar check: str, its default.
    :ivar detail: bool, whether there is a list in full at ``PATH/detail``.
    """

    name: str
    path: str
    key: str
    since: tuple
    rule: str
    check: str
    detail: bool

    @property
    def paths(self):
        """List the paths of its lists, as a list of str."""
        return [self.path, *([f'{self.path}/detail'] if self.detail else [])]

    @property
    def words(self):
        """Return its name as words, for a sentence."""
        return self.name.replace('_', ' ')


RESOURCES = (
    Resource('resource_locks', '/resource-locks', 'resource_locks', (2, 81),
             'resource_lock:get_all', base.READER, False),
    Resource('pools', '/scheduler-stats/pools', 'pools', (2, 0),
             'scheduler_stats:pools:index', base.ADMIN, True),
    Resource('share_groups', '/share-groups', 'share_groups', (2, 31),
             'share_group:get_all', base.READER, True),
    Resource('share_group_snapshots', '/share-group-snapshots',
             'share_group_snapshots', (2, 31),
             'share_group_snapshot:get_all', base.READER, True),
    Resource('share_group_types', '/share-group-types', 'share_group_types',
             (2, 31), 'share_group_type:index', base.READER, False),
    Resource('share_networks', '/share-networks', 'share_networks', (2, 0),
             'share_network:index', base.READER, True),
    Resource('security_services', '/security-services', 'security_services',
             (2, 0), 'security_service:index', base.READER, True),
    Resource('share_servers', '/share-servers', 'share_servers', (2, 0),
             'share_server:index', base.ADMIN, False),
    Resource('share_instances', '/share_instances', 'share_instances',
             (2, 3), 'share_instance:index', base.ADMIN, False),
    Resource('snapshot_instances', '/snapshot-instances',
             'snapshot_instances', (2, 19), 'share_snapshot_instance:index',
             base.ADMIN, True),
    Resource('share_transfers', '/share-transfers', 'transfers', (2, 77),
             'share_transfer:get_all', base.READER, True),
)

RULES = [
    base.rule(each.rule, each.check,
              f'List {each.words} (always empty).',
              *(f'GET /v2{path}' for path in each.paths))
    for each in RESOURCES]
