# SPDX-License-Identifier: Apache-2.0
"""Samples of what is about the whole cloud."""

from samples import sampler as sampling
import service


def read_versions(sampler):
    """Read the versions."""
    sampler.call('GET', '/v2/', response='versions')


def read_cloud(sampler):
    """Read zones, services and limits."""
    sampler.call('GET', '/v2/availability-zones',
                 response='availability-zones-list')
    sampler.call('GET', '/v2/services', response='services-list',
                 user='admin')
    sampler.call('GET', '/v2/limits', response='limits-show')


def set_quotas(sampler):
    """Read quotas as Manila has them, and set them."""
    quotas = f'/v2/quota-sets/{service.PROJECT}'
    sampler.call('GET', quotas, response='quota-show')
    sampler.call('GET', f'{quotas}/detail', response='quota-show-detail')
    sampler.call('GET', f'{quotas}/defaults', response='quota-defaults')
    sampler.call('PUT', quotas, {'quota_set': {
        'backups': 20, 'backup_gigabytes': 500,
    }}, 'quota-update', 'quota-update', user='admin')
    sampler.call('DELETE', quotas, user='admin')
    path = '/v2/quota-class-sets/default'
    sampler.call('GET', path, response='quota-class-show')
    sampler.call('PUT', path, {'quota_class_set': {
        'backups': 50, 'backup_gigabytes': 2000,
    }}, 'quota-class-update', 'quota-class-update', user='admin')


def set_backup_quotas(sampler):
    """Read quotas of share backups, and set them."""
    path = f'/v2/share-backup-quotas/{service.PROJECT}'
    sample = 'share-backup-quota'
    for suffix, name in (('', 'show'), ('/detail', 'detail'),
                         ('/defaults', 'defaults')):
        sampler.call('GET', path + suffix, response=f'{sample}-{name}',
                     headers=sampling.EXTENSION)
    sampler.call('PUT', path, {'share_backup_quota': {
        'backups': 20, 'backup_stored_gigabytes': 500,
        'backup_policies': 5}},
        f'{sample}-update', f'{sample}-update', user='admin',
        headers=sampling.EXTENSION)
    sampler.call('DELETE', path, user='admin', headers=sampling.EXTENSION)


def set_services(sampler):
    """Drain, disable and enable a host of workers."""
    path = '/v2/share-backup-services'
    sample = 'share-backup-service'
    listed = sampler.call('GET', path, response=f'{sample}s-list',
                          user='admin', headers=sampling.EXTENSION)
    path += f'/{listed["share_backup_services"][0]["id"]}'
    sampler.call('GET', path, response=f'{sample}-show', user='admin',
                 headers=sampling.EXTENSION)
    for name, body in (('drain', {'reason': 'new disks'}),
                       ('disable', {'reason': 'new disks'}),
                       ('enable', None)):
        sampler.call('POST', f'{path}/action', {name: body},
                     f'{sample}-{name}', f'{sample}-{name}', user='admin',
                     headers=sampling.EXTENSION)


def read_repositories(sampler):
    """Read the repositories, once they have been measured."""
    path = '/v2/share-backup-repositories'
    key = 'share_backup_repositories'

    def measured():
        found = sampler.call('GET', path, user='admin',
                             headers=sampling.REPOSITORIES)[key]
        return any(host['measured_at'] for each in found
                   for host in each['hosts'])

    sampling.wait_until(measured)
    sampler.call('GET', path, response='share-backup-repositories-list',
                 user='admin', headers=sampling.REPOSITORIES)
