# SPDX-License-Identifier: Apache-2.0
"""Samples of shares, their types, rules and snapshots."""

import service


def make_shares(sampler):
    """Make a share and adopt another."""
    created = sampler.call('POST', '/v2/shares', {'share': {
        'share_proto': 'NFS', 'size': 1, 'name': 'documents',
        'description': 'What the office writes', 'share_type': 'default',
        'is_public': False, 'metadata': {'department': 'office'},
    }}, 'share-create', 'share-create')
    share_id = created['share']['id']
    path = f'/v2/shares/{share_id}'
    sampler.service.wait('shares', 'share', share_id)
    (sampler.scratch / 'projects').mkdir()
    managed = sampler.call('POST', '/v2/shares/manage', {'share': {
        'service_host': f'{service.HOST}@local#local',
        'export_path': str(sampler.scratch / 'projects'),
        'protocol': 'NFS', 'share_type': 'default', 'name': 'projects',
        'description': None, 'is_public': False, 'driver_options': {},
    }}, 'share-manage', 'share-manage', user='admin')
    sampler.adopted_id = managed['share']['id']
    sampler.service.wait('shares', 'share', sampler.adopted_id)
    sampler.call('GET', '/v2/shares?sort_dir=asc', response='shares-list')
    sampler.call('GET', '/v2/shares/detail?sort_dir=asc',
                 response='shares-list-detailed')
    sampler.call('GET', path, response='share-show')
    sampler.call('PUT', path, {'share': {
        'display_name': 'papers', 'display_description': None,
        'is_public': False}}, 'share-update', 'share-update')
    listed = sampler.call('GET', f'{path}/export_locations',
                          response='share-export-locations-list')
    location = listed['export_locations'][0]['id']
    sampler.call('GET', f'{path}/export_locations/{location}',
                 response='share-export-location-show')
    sampler.call('GET', f'{path}/metadata', response='share-metadata-show')
    sampler.call('POST', f'{path}/metadata',
                 {'metadata': {'floor': '3'}},
                 'share-metadata-set', 'share-metadata-set')
    sampler.call('PUT', f'{path}/metadata',
                 {'metadata': {'department': 'archive'}},
                 'share-metadata-replace', 'share-metadata-replace')
    sampler.call('GET', f'{path}/metadata/department',
                 response='share-metadata-item-show')
    for suffix, sample in (('', 'list'), ('/detail', 'list-detailed')):
        sampler.call('GET', f'/v2/share-replicas{suffix}',
                     response=f'share-replicas-{sample}')
    return share_id


def make_types(sampler):
    """Read share types, and make and change one."""
    types = sampler.call('GET', '/v2/types', response='share-types-list')
    type_id = types['share_types'][0]['id']
    sampler.call('GET', f'/v2/types/{type_id}', response='share-type-show')
    sampler.call('GET', '/v2/types/default',
                 response='share-type-show-default')
    created = sampler.call('POST', '/v2/types', {'share_type': {
        'name': 'gold', 'description': 'For those who can wait for '
        'nothing', 'share_type_access:is_public': True,
        'extra_specs': {'driver_handles_share_servers': False,
                        'tier': '1'},
    }}, 'share-type-create', 'share-type-create', user='admin')
    path = f'/v2/types/{created["share_type"]["id"]}'
    sampler.call('PUT', path, {'share_type': {
        'name': 'golden', 'description': None,
        'share_type_access:is_public': False,
    }}, 'share-type-update', 'share-type-update', user='admin')
    specs = f'{path}/extra_specs'
    sampler.call('POST', specs, {'extra_specs': {'place': 'cellar'}},
                 'share-type-extra-specs-set', 'share-type-extra-specs-set',
                 user='admin')
    sampler.call('GET', specs, response='share-type-extra-specs-list',
                 user='admin')
    sampler.call('GET', f'{specs}/tier',
                 response='share-type-extra-spec-show', user='admin')
    sampler.call('DELETE', f'{specs}/tier', user='admin')
    sampler.call('DELETE', path, user='admin')


def make_rules(sampler, share_id):
    """Allow access and deny it."""
    action = f'/v2/shares/{share_id}/action'
    allowed = sampler.call('POST', action, {'allow_access': {
        'access_type': 'ip', 'access_to': '192.0.2.0/24',
        'access_level': 'ro',
    }}, 'share-actions-allow-access', 'share-actions-allow-access')
    access_id = allowed['access']['id']
    sampler.call('GET', f'/v2/share-access-rules?share_id={share_id}',
                 response='share-access-rules-list')
    sampler.call('GET', f'/v2/share-access-rules/{access_id}',
                 response='share-access-rule-show')
    sampler.call('POST', action, {'deny_access': {'access_id': access_id}},
                 'share-actions-deny-access')


def make_snapshots(sampler, share_id):
    """Make a snapshot and have it removed."""
    created = sampler.call('POST', '/v2/snapshots', {'snapshot': {
        'share_id': share_id, 'name': 'noon',
        'description': 'Before lunch',
    }}, 'snapshot-create', 'snapshot-create')
    snapshot_id = created['snapshot']['id']
    path = f'/v2/snapshots/{snapshot_id}'
    sampler.service.wait('snapshots', 'snapshot', snapshot_id)
    sampler.call('GET', '/v2/snapshots', response='snapshots-list')
    sampler.call('GET', '/v2/snapshots/detail',
                 response='snapshots-list-detailed')
    sampler.call('GET', path, response='snapshot-show')
    sampler.call('GET', f'{path}/export-locations',
                 response='snapshot-export-locations-list')
    sampler.call('PUT', path, {'snapshot': {
        'display_name': 'midday', 'display_description': None,
    }}, 'snapshot-update', 'snapshot-update')
    sampler.call('POST', f'{path}/action',
                 {'reset_status': {'status': 'error'}},
                 'snapshot-actions-reset-status', user='admin')
    sampler.call('POST', f'{path}/action', {'force_delete': None},
                 'snapshot-actions-force-delete', user='admin')
    sampler.service.wait_gone(path)


def end_shares(sampler, share_id):
    """Change sizes and statuses, and give up both shares."""
    action = f'/v2/shares/{share_id}/action'
    sampler.call('POST', action, {'extend': {'new_size': 2}},
                 'share-actions-extend')
    sampler.call('POST', action, {'shrink': {'new_size': 1}},
                 'share-actions-shrink')
    sampler.call('POST', action, {'reset_status': {'status': 'error'}},
                 'share-actions-reset-state', user='admin')
    sampler.call('POST', action, {'reset_task_state': {'task_state': None}},
                 'share-actions-reset-task-state', user='admin')
    sampler.call('POST', action, {'force_delete': None},
                 'share-actions-force-delete', user='admin')
    sampler.service.wait_gone(f'/v2/shares/{share_id}')
    sampler.call('POST', f'/v2/shares/{sampler.adopted_id}/action',
                 {'unmanage': None}, 'share-actions-unmanage', user='admin')


def read_messages(sampler):
    """Look for what is told of a backup that could not be made."""
    share_id = sampler.call('POST', '/v2/shares', {'share': {
        'share_proto': 'NFS', 'size': 1}})['share']['id']
    sampler.service.wait('shares', 'share', share_id)
    (sampler.service.state / 'shares' / share_id).rmdir()
    backup_id = sampler.call('POST', '/v2/share-backups', {'share_backup': {
        'share_id': share_id}})['share_backup']['id']
    sampler.service.wait('share-backups', 'share_backup', backup_id,
                         status='error', failures=())
    listed = sampler.call('GET', '/v2/messages', response='messages-list')
    path = f'/v2/messages/{listed["messages"][0]["id"]}'
    sampler.call('GET', path, response='message-show')
    sampler.call('DELETE', path)
