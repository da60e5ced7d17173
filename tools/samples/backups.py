# SPDX-License-Identifier: Apache-2.0
"""Samples of share backups, and of what is about them."""

import os
import subprocess

from samples import cloud
from samples import sampler as sampling
import service


def make_backups(sampler, share_id):
    """Make a backup, and do with it what can be done."""
    collection = '/v2/share-backups'
    _fill(sampler, sampler.service.state / 'shares' / share_id)
    # Where the answer depends on how far the worker is, it is asked for
    # when it is sure: at the very beginning and at the end.
    created = sampler.call('POST', collection, {'share_backup': {
        'share_id': share_id, 'name': 'before the upgrade',
        'description': 'Taken by hand', 'backup_options': {},
    }}, 'share-backup-create', 'share-backup-create')
    backup_id = created['share_backup']['id']
    path = f'{collection}/{backup_id}'
    sampler.service.wait('share-backups', 'share_backup', backup_id)
    sampler.call('GET', collection, response='share-backups-list')
    sampler.call('GET', f'{collection}/detail',
                 response='share-backups-list-detailed')
    sampler.call('GET', path, response='share-backup-show')
    sampler.call('GET', path, response='share-backup-show-extension',
                 headers=sampling.EXTENSION)
    sampler.call('PUT', path, {'share_backup': {
        'display_name': 'after the upgrade',
        'display_description': 'Kept for a year',
    }}, 'share-backup-update', 'share-backup-update')
    sampler.service.wait('shares', 'share', share_id)
    _read_operations(sampler, path, backup_id)
    _set_metadata(sampler, f'{path}/metadata')
    _make_policy(sampler, share_id)
    sampler.call('GET', f'{path}/files?path=/reports',
                 response='share-backup-files-list',
                 headers=sampling.EXTENSION)
    _restore_files(sampler, f'{path}/action', backup_id)
    sampler.call('POST', f'{path}/action', {'restore': None},
                 'share-backup-restore', 'share-backup-restore')
    sampler.service.wait('share-backups', 'share_backup', backup_id)
    sampler.service.wait('shares', 'share', share_id)
    sampler.call('POST', f'{path}/action', {'restore': sampler.adopted_id},
                 'share-backup-restore-to-target')
    sampler.service.wait('shares', 'share', sampler.adopted_id)
    _compare(sampler, path, share_id)
    sampler.call('POST', f'{path}/action',
                 {'reset_status': {'status': 'error'}},
                 'share-backup-reset-status', user='admin')
    sampler.call('DELETE', path)
    sampler.service.wait_gone(path)
    _status, fault = sampler.service.request('GET', path)
    sampler.write('fault-response', fault)


def _restore_files(sampler, path, backup_id):
    """Restore some files beside what is there."""
    name = 'share-backup-restore-files'
    asked = {'paths': ['/reports'], 'target_share_id': None,
             'target_path': 'restored-monday', 'conflict': 'keep_both',
             'dry_run': False}
    sampler.call('POST', path, {
        'restore_files': {**asked, 'dry_run': True}},
        response=f'{name}-dry-run', headers=sampling.EXTENSION)
    sampler.call('POST', path, {'restore_files': asked}, name, name,
                 headers=sampling.EXTENSION)
    sampler.service.wait('share-backups', 'share_backup', backup_id)
    name = 'share-backup-restore-to-new-share'
    made = sampler.call('POST', path, {'restore_to_new_share': {
        'name': 'reports of monday', 'share_type': None, 'size': 2}},
        name, name, headers=sampling.EXTENSION)['restore_to_new_share']
    sampler.service.wait('share-backups', 'share_backup', backup_id)
    sampler.call('DELETE', f'/v2/shares/{made["share_id"]}')
    sampler.service.wait_gone(f'/v2/shares/{made["share_id"]}')


def _compare(sampler, path, share_id):
    """Read changes in a share since a backup, and versions of a file."""
    folder = sampler.service.state / 'shares' / share_id / 'reports'
    (folder / 'autumn.txt').write_text('sold out\n')
    os.utime(folder / 'autumn.txt', (1692190000, 1692190000))
    later = sampler.call('POST', '/v2/share-backups', {'share_backup': {
        'share_id': share_id, 'name': 'later'}})['share_backup']['id']
    sampler.service.wait('share-backups', 'share_backup', later)
    sampler.call('GET', f'/v2/share-backups/{later}/changes?since='
                 + path.rpartition('/')[2],
                 response='share-backup-changes-list',
                 headers=sampling.EXTENSION)
    sampler.call('GET', '/v2/share-backup-file-versions?path=/reports/'
                 f'autumn.txt&share_id={share_id}',
                 response='share-backup-file-versions-list',
                 headers=sampling.EXTENSION)
    sampler.call('DELETE', f'/v2/share-backups/{later}')
    sampler.service.wait_gone(f'/v2/share-backups/{later}')
    sampler.service.wait('shares', 'share', share_id)


def _make_policy(sampler, share_id):
    """Make a policy, from its creation to its end, and one backup by it."""
    def call(method, path, body=None, sample=None, answer=True):
        return sampler.call(
            method, path, body, sample if body else None,
            sample if answer else None, headers=sampling.POLICIES)

    collection, sample = '/v2/share-backup-policies', 'share-backup-policy'
    policy = call('POST', collection, {'share_backup_policy': {
        'name': 'gold', 'description': 'For what is written every day',
        'timezone': 'Europe/Berlin',
        'rules': [{'name': 'nightly', 'cron': '30 2 * * *',
                   'jitter': 1800, 'name_template': '{policy} {rule}'}],
        'retention': {'daily': 7, 'weekly': 4},
    }}, f'{sample}-create')['share_backup_policy']
    path = f'{collection}/{policy["id"]}'
    assigned = call('POST', f'{path}/assignments', {'assignment': {
        'kind': 'share', 'target': share_id}}, f'{sample}-assign')
    call('POST', f'{path}/action', {'run_now': {'rule': 'nightly'}},
         f'{sample}-run-now')
    backup = sampling.wait_until(lambda: call(
        'GET', f'/v2/share-backups?policy_id={policy["id"]}')[
            'share_backups'])[0]
    sampler.service.wait('share-backups', 'share_backup', backup['id'])
    sampler.service.wait('shares', 'share', share_id)
    sampling.wait_until(lambda: call(
        'GET', f'{path}/runs')['runs'][0]['ended_at'])
    call('GET', collection, sample='share-backup-policies-list')
    call('GET', path, sample=f'{sample}-show')
    call('GET', f'{path}/assignments',
         sample=f'{sample}-assignments-list')
    call('GET', f'{path}/runs', sample=f'{sample}-runs-list')
    call('GET', '/v2/share-backup-coverage?protected=1',
         sample='share-backup-coverage-list')
    call('POST', f'{path}/action',
         {'simulate': {'retention': {'daily': 2}}},
         f'{sample}-simulate')
    call('PUT', path, {'share_backup_policy': {
        'retention': {'daily': 14}, 'confirm_deletions': 0}},
        f'{sample}-update')
    for action in 'disable', 'enable':
        call('POST', f'{path}/action', {action: None},
             f'{sample}-{action}', answer=False)
    call('DELETE', f'{path}/assignments/{assigned["assignment"]["id"]}')
    call('DELETE', path)
    call('DELETE', f'/v2/share-backups/{backup["id"]}')
    sampler.service.wait_gone(f'/v2/share-backups/{backup["id"]}')


def _set_metadata(sampler, path):
    """Set metadata in each way that there is."""
    def call(method, suffix='', body=None, request=None, **kwargs):
        sampler.call(method, path + suffix, body, request,
                     headers=sampling.EXTENSION, **kwargs)

    sample = 'share-backup-metadata'
    call('POST', '', {'metadata': {'ticket': '4711'}}, f'{sample}-set',
         response=f'{sample}-set')
    call('POST', '/ticket', {'metadata': {'ticket': '4712'}},
         f'{sample}-item-set', response=f'{sample}-item-set')
    call('PUT', '', {'metadata': {'keep': 'until the audit'}},
         f'{sample}-replace', response=f'{sample}-replace')
    call('GET', response=f'{sample}-show')
    call('GET', '/keep', response=f'{sample}-item-show')
    call('DELETE', '/keep')


def _read_operations(sampler, path, backup_id):
    """Read operations, usage and repositories, and try to cancel."""
    collection = '/v2/share-backup-operations'
    listed = sampler.call('GET', f'{collection}?backup_id={backup_id}',
                          response='share-backup-operations-list',
                          headers=sampling.EXTENSION)
    operation, = listed['share_backup_operations']
    show = f'{collection}/{operation["id"]}'
    sampler.call('GET', show, response='share-backup-operation-show',
                 headers=sampling.EXTENSION)
    sampler.call('GET', '/v2/share-backup-usage?group_by=share',
                 response='share-backup-usage-list',
                 headers=sampling.EXTENSION)
    cloud.read_repositories(sampler)
    # It is over by now, and so there is nothing to be cancelled.
    body = {'cancel': None}
    for each, sample in ((path, 'share-backup'),
                         (show, 'share-backup-operation')):
        status, _fault = sampler.service.request(
            'POST', f'{each}/action', body, sampling.EXTENSION)
        if status != 409:
            raise service.Failed(f'{each}: cancelled with {status}')
        sampler.write(f'{sample}-cancel-request', body)


def _fill(sampler, share):
    """Put some files into a share."""
    reports = share / 'reports'
    reports.mkdir()
    (reports / 'march.txt').write_text('All is well.\n')
    (reports / 'newest').symlink_to('march.txt')
    for path in (reports / 'march.txt', reports / 'newest', reports):
        os.utime(path, (1692190000, 1692190000), follow_symlinks=False)


def read_warnings(sampler):
    """Look for what a backup lacks."""
    share_id = sampler.call('POST', '/v2/shares', {'share': {
        'share_proto': 'NFS', 'size': 1}})['share']['id']
    sampler.service.wait('shares', 'share', share_id)
    # Room beyond its end is never kept.
    letter = sampler.service.state / 'shares' / share_id / 'sure by 100%'
    letter.touch()
    subprocess.run(['fallocate', '-n', '-l', '1M', letter], check=True)
    backup_id = sampler.call('POST', '/v2/share-backups', {'share_backup': {
        'share_id': share_id}})['share_backup']['id']
    sampler.service.wait('share-backups', 'share_backup', backup_id)
    sampler.call('GET', f'/v2/share-backups/{backup_id}/warnings',
                 response='share-backup-warnings-list',
                 headers=sampling.EXTENSION)
