# SPDX-License-Identifier: Apache-2.0
"""Shares of the local source as clients of Manila expect them."""

import uuid

from oslo_utils import strutils

from manila_backup.api.schemas import shares as schemas
from manila_backup.api.views import common
from manila_backup.policies import shares as policies
from manila_backup.requests import shares
from manila_backup import states

#: Not exported yet, or never.
_UNREACHABLE = (states.Share.CREATING, states.Share.CREATING_FROM_SNAPSHOT,
                states.Share.MANAGE_STARTING, states.Share.MANAGE_ERROR)


def _progress(row):
    return ('0%' if row.status in (states.Share.CREATING,
                                   states.Share.CREATING_FROM_SNAPSHOT)
            else '100%')


def _snapshot_support(row):
    specs = row.share_type_specs or {}
    return strutils.bool_from_string(specs.get('snapshot_support', False))


#: Keys that came with later versions: (since, key, function of the row, or
#: what all shares here have there).
_LATER = (
    ((2, 2), 'snapshot_support', _snapshot_support),
    ((2, 5), 'task_state', None),
    ((2, 6), 'share_type_name', lambda row: row.share_type_name),
    ((2, 10), 'access_rules_status', 'active'),
    ((2, 11), 'replication_type', None),
    ((2, 11), 'has_replicas', False),
    ((2, 16), 'user_id', lambda row: row.user_id),
    ((2, 24), 'create_share_from_snapshot_support', False),
    ((2, 27), 'revert_to_snapshot_support', False),
    ((2, 31), 'share_group_id', None),
    ((2, 31), 'source_share_group_snapshot_member_id', None),
    ((2, 32), 'mount_snapshot_support', False),
    ((2, 54), 'progress', _progress),
    ((2, 69), 'is_soft_deleted', False),
    ((2, 69), 'scheduled_to_be_deleted_at', None),
    ((2, 80), 'source_backup_id', None),
    ((2, 90), 'encryption_key_ref', None),
)


def brief(req, rows):
    """Rows as the plain list shows them."""
    return [{'id': row.id, 'name': row.name,
             'links': common.links(req, f'/shares/{row.id}')}
            for row in rows]


def detail(req, row):
    """One row, as of :func:`manila_backup.db.shares.get_with_type`, in
    full."""
    type_name = row.share_type_name
    share = {
        'id': row.id,
        'name': row.name,
        'description': row.description,
        'size': row.size,
        'status': row.status,
        'share_proto': row.share_proto,
        'project_id': row.project_id,
        'availability_zone': row.availability_zone,
        'created_at': common.timestamp(row.created_at),
        'is_public': row.is_public,
        'metadata': row.properties,
        'snapshot_id': row.source_snapshot_id,
        'share_network_id': None,
        'share_type': row.share_type_id if req.version >= (2, 6)
        else type_name,
        'volume_type': type_name,
        'links': common.links(req, f'/shares/{row.id}'),
    }
    if req.version < (2, 9):
        paths = [location['path'] for location in export_locations(req, row)]
        share['export_location'] = paths[0] if paths else None
        share['export_locations'] = paths
    for since, key, value in _LATER:
        if req.version >= since:
            share[key] = value(row) if callable(value) else value
    if req.allows(policies.GET_HOST, row.project_id):
        share['host'] = row.host
        share['share_server_id'] = None
        if row.path:
            share['driver_options'] = driver_options(row)
    return share


def driver_options(row):
    """Build the view of the options that a share was adopted with, and that
    still have an effect."""
    return {schemas.INCLUDE_MOUNTS: 'true' if row.include_mounts else 'false'}


def details(req, rows):
    """Rows as the detailed list shows them."""
    return [detail(req, row) for row in rows]


def export_locations(req, row, in_full=False):
    """List a share's export locations: its directory on the host that has it.

    :param in_full: True for what one location of its own shows.
    :returns: list of dicts; empty while there is nothing to reach.
    """
    if row.status in _UNREACHABLE:
        return []
    directory = shares.directory(req.services.conf, row)
    path = f'{(row.host or "").partition("@")[0]}:{directory}'
    location = {
        'id': str(uuid.uuid5(uuid.UUID(row.id), path)),
        'path': path,
    }
    if req.version >= (2, 14):
        location['preferred'] = True
    if req.version >= (2, 87):
        location['metadata'] = {}
    if req.allows(policies.GET_HOST, row.project_id):
        location['share_instance_id'] = row.id
        location['is_admin_only'] = False
    if in_full:
        location['created_at'] = common.timestamp(row.created_at)
        location['updated_at'] = common.timestamp(row.updated_at)
    return [location]


def share_type(req, row):
    """One share type in full."""
    prefix = '' if req.version >= (2, 7) else 'os-'
    required = {name: value for name, value in row.extra_specs.items()
                if name == 'driver_handles_share_servers'}
    view = {
        'id': row.id,
        'name': row.name,
        'extra_specs': row.extra_specs,
        'required_extra_specs': required,
        f'{prefix}share-type-access:is_public' if prefix
        else 'share_type_access:is_public': row.is_public,
    }
    if req.version >= (2, 41):
        view['description'] = row.description
    if req.version >= (2, 46):
        view['is_default'] = (
            row.name == req.services.conf.local_shares.default_share_type)
    return view


def access_rule(req, row):
    """Build the view of an access rule."""
    rule = {
        'id': row.id,
        'access_type': row.access_type,
        'access_to': row.access_to,
        'access_level': row.access_level,
        'state': row.state,
    }
    if req.version >= (2, 21):
        rule['access_key'] = None
    if req.version >= (2, 33):
        rule['created_at'] = common.timestamp(row.created_at)
        rule['updated_at'] = common.timestamp(row.updated_at)
    if req.version >= (2, 45):
        rule['metadata'] = {}
    return rule
