# SPDX-License-Identifier: Apache-2.0
"""Zones, services, limits and quotas as clients of Manila expect them."""

import uuid

from manila_backup.api.views import common
from manila_backup import states

_NAMESPACE = uuid.UUID('b3c1f6f0-9a31-4a3d-8f0b-0f6f6b2b9d55')

#: Resources that Manila has quotas for, and since when; those that this
#: service has no such things of are unlimited.
RESOURCES = (
    ((2, 0), ('shares', 'gigabytes', 'snapshots', 'snapshot_gigabytes',
              'share_networks')),
    ((2, 40), ('share_groups', 'share_group_snapshots')),
    ((2, 53), ('share_replicas', 'replica_gigabytes')),
    ((2, 62), ('per_share_gigabytes',)),
    ((2, 80), ('backups', 'backup_gigabytes')),
    ((2, 90), ('encryption_keys',)),
)

_LIMITS = (
    ('Shares', 'shares'),
    ('ShareGigabytes', 'gigabytes'),
    ('ShareSnapshots', 'snapshots'),
    ('SnapshotGigabytes', 'snapshot_gigabytes'),
    ('ShareNetworks', 'share_networks'),
    ('ShareBackups', 'backups'),
    ('ShareBackupGigabytes', 'backup_gigabytes'),
)


def availability_zone(name):
    """A zone; its id follows from its name."""
    return {'id': str(uuid.uuid5(_NAMESPACE, name)), 'name': name,
            'created_at': None, 'updated_at': None}


def service(req, row, host=None):
    """The processes of a kind on a host.

    :param row: a :class:`manila_backup.db.services.Service`.
    :param host: the row of the host, or None.
    """
    # Manila knows no other.
    enabled = host is None or host.mode == states.ServiceMode.ENABLED
    view = {
        'id': row.id,
        'binary': row.binary,
        'host': row.host,
        'zone': row.availability_zone,
        'status': 'enabled' if enabled else 'disabled',
        'state': 'up' if row.up else 'down',
        'updated_at': common.timestamp(row.last_seen),
    }
    if req.version >= (2, 83):
        view['disabled_reason'] = host and host.reason
    return view


def limits(quota, used):
    """Build the view of a project's quotas and their usage.

    :param quota: dict of resource to limit.
    :param used: dict of resource to a number.
    """
    absolute = {}
    for name, resource in _LIMITS:
        absolute[f'maxTotal{name}'] = quota.get(resource, -1)
        absolute[f'total{name}Used'] = used.get(resource, 0)
    return {'rate': [], 'absolute': absolute}


def quota_set(req, project_id, quota, used=None):
    """A project's quotas.

    :param used: dict of resource to a number, for what is used beside each
        limit; None for the limits only.
    """
    view = {'id': project_id}
    for since, names in RESOURCES:
        if req.version < since:
            continue
        for name in names:
            limit = quota.get(name, -1)
            view[name] = limit if used is None else {
                'limit': limit, 'in_use': used.get(name, 0), 'reserved': 0}
    return view
