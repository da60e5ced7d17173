# SPDX-License-Identifier: Apache-2.0
"""Write the samples of the API reference, from a service that runs.

usage: .venv/bin/python tools/api_samples.py [DIRECTORY]

Starts ``manila-backup-all`` on a scratch directory, makes every request that
the reference has a sample of, in the newest microversion, and writes what was
sent and answered to DIRECTORY (``api-ref/source/samples``, where it also
removes what there was). Ids, times, names of hosts and the like are replaced,
so that two runs give the same files.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import uuid

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / 'demo'))

import service  # noqa: E402

SAMPLES = HERE.parent / 'api-ref' / 'source' / 'samples'

VERSION = '2.91'

#: Asks for what Manila does not have.
EXTENSION = {'OpenStack-API-Version': 'shared-file-system-backup 1.2'}

REPOSITORIES = {'OpenStack-API-Version': 'shared-file-system-backup 1.3'}

POLICIES = {'OpenStack-API-Version': 'shared-file-system-backup 1.1'}

#: The ids in the samples follow from this and from the order in which they
#: turn up.
IDS = uuid.UUID('cd7a3d06-23b3-4d05-b4ca-7c9a20faa95f')
UUID = re.compile('[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}')
TIME = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}')
TIMES = {'due_at': '2023-08-17T00:30:00.000000',
         'next_run_at': '2023-08-18T00:30:00.000000',
         'ended_at': '2023-08-17T00:52:11.000000',
         'mtime': '2023-08-16T12:46:40.000000',
         'created_at': '2023-08-16T13:03:59.000000',
         'expires_at': '2023-09-15T13:03:59.000000',
         'completed_at': '2023-08-16T13:05:16.000000',
         'measured_at': '2023-08-16T13:05:16.000000',
         'updated_at': '2023-08-16T13:05:16.000000'}
#: Of what no two runs say the same.
NUMBERS = {'duration': 77, 'bytes_per_second': 2, 'used_bytes': 4 << 40,
           'free_bytes': 12 << 40}

PERIOD = '2023-08-17'


def wait_until(look, timeout=120):
    """Return what ``look`` returns once that is something."""
    end = time.monotonic() + timeout
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise service.Failed(f'Nothing came in {timeout} s.')
        time.sleep(0.2)


class Sampler:
    """Makes requests and writes down what was said.

    :param scratch: pathlib.Path of a directory for the service.
    :param target: pathlib.Path of the directory for the samples.
    """

    def __init__(self, scratch, target):
        self.scratch = scratch
        self.target = target
        self.service = service.Service(scratch)
        self.service.microversion = VERSION
        self.ids = {}

    def call(self, method, path, body=None, request=None, response=None,
             user='alice', headers=None):
        """Make a request that has to succeed.

        :param user: who makes it; ``alice`` is an ordinary user.
        :param request: name of the sample of the body, or None.
        :param response: name of the sample of the answer, or None.
        :param headers: dict of further headers.
        """
        self.service.user = user
        answer = self.service.call(method, path, body, headers)
        if request:
            self.write(f'{request}-request', body)
        if response:
            self.write(f'{response}-response', answer)
        return answer

    def write(self, name, document):
        text = json.dumps(self.tidy(document), indent=4, ensure_ascii=False)
        (self.target / f'{name}.json').write_text(text + '\n')

    def tidy(self, value, key=None):
        if isinstance(value, dict):
            return {name: self.tidy(item, name)
                    for name, item in value.items()}
        if isinstance(value, list):
            return [self.tidy(item, key) for item in value]
        if not isinstance(value, str):
            return NUMBERS.get(key, value) if value is not None else None
        if key == 'period':
            return PERIOD
        if TIME.fullmatch(value):
            return TIMES.get(key, TIMES['created_at'])
        value = value.replace(self.service.url,
                              'https://share-backup.example')
        value = value.replace(str(self.service.state), '/srv')
        value = value.replace(str(self.scratch), '/exports')
        value = value.replace(service.HOST, 'node1')
        return UUID.sub(self.other_id, value)

    def other_id(self, match):
        found = match[0]
        if found not in self.ids:
            self.ids[found] = str(uuid.uuid5(IDS, str(len(self.ids))))
        return self.ids[found]

    def run(self):
        self.service.start()
        self.versions()
        share_id = self.shares()
        self.share_types()
        self.backups(share_id)
        self.access_rules(share_id)
        self.snapshots(share_id)
        self.share_ends(share_id)
        self.cloud()
        self.quotas()
        self.backup_quotas()
        self.backup_services()
        self.messages()
        self.warnings()

    def warnings(self):
        """Look for what a backup lacks."""
        share_id = self.call('POST', '/v2/shares', {'share': {
            'share_proto': 'NFS', 'size': 1}})['share']['id']
        self.service.wait('shares', 'share', share_id)
        # Room beyond its end is never kept.
        letter = self.service.state / 'shares' / share_id / 'sure by 100%'
        letter.touch()
        subprocess.run(['fallocate', '-n', '-l', '1M', letter], check=True)
        backup_id = self.call('POST', '/v2/share-backups', {'share_backup': {
            'share_id': share_id}})['share_backup']['id']
        self.service.wait('share-backups', 'share_backup', backup_id)
        self.call('GET', f'/v2/share-backups/{backup_id}/warnings',
                  response='share-backup-warnings-list', headers=EXTENSION)

    def messages(self):
        """Look for what is told of a backup that could not be made."""
        share_id = self.call('POST', '/v2/shares', {'share': {
            'share_proto': 'NFS', 'size': 1}})['share']['id']
        self.service.wait('shares', 'share', share_id)
        (self.service.state / 'shares' / share_id).rmdir()
        backup_id = self.call('POST', '/v2/share-backups', {'share_backup': {
            'share_id': share_id}})['share_backup']['id']
        self.service.wait('share-backups', 'share_backup', backup_id,
                          status='error', failures=())
        listed = self.call('GET', '/v2/messages', response='messages-list')
        path = f'/v2/messages/{listed["messages"][0]["id"]}'
        self.call('GET', path, response='message-show')
        self.call('DELETE', path)

    def versions(self):
        self.call('GET', '/v2/', response='versions')

    def shares(self):
        created = self.call('POST', '/v2/shares', {'share': {
            'share_proto': 'NFS', 'size': 1, 'name': 'documents',
            'description': 'What the office writes', 'share_type': 'default',
            'is_public': False, 'metadata': {'department': 'office'},
        }}, 'share-create', 'share-create')
        share_id = created['share']['id']
        path = f'/v2/shares/{share_id}'
        self.service.wait('shares', 'share', share_id)
        (self.scratch / 'projects').mkdir()
        managed = self.call('POST', '/v2/shares/manage', {'share': {
            'service_host': f'{service.HOST}@local#local',
            'export_path': str(self.scratch / 'projects'),
            'protocol': 'NFS', 'share_type': 'default', 'name': 'projects',
            'description': None, 'is_public': False, 'driver_options': {},
        }}, 'share-manage', 'share-manage', user='admin')
        self.adopted_id = managed['share']['id']
        self.service.wait('shares', 'share', self.adopted_id)
        self.call('GET', '/v2/shares?sort_dir=asc', response='shares-list')
        self.call('GET', '/v2/shares/detail?sort_dir=asc',
                  response='shares-list-detailed')
        self.call('GET', path, response='share-show')
        self.call('PUT', path, {'share': {
            'display_name': 'papers', 'display_description': None,
            'is_public': False}}, 'share-update', 'share-update')
        listed = self.call('GET', f'{path}/export_locations',
                           response='share-export-locations-list')
        location = listed['export_locations'][0]['id']
        self.call('GET', f'{path}/export_locations/{location}',
                  response='share-export-location-show')
        self.call('GET', f'{path}/metadata', response='share-metadata-show')
        self.call('POST', f'{path}/metadata',
                  {'metadata': {'floor': '3'}},
                  'share-metadata-set', 'share-metadata-set')
        self.call('PUT', f'{path}/metadata',
                  {'metadata': {'department': 'archive'}},
                  'share-metadata-replace', 'share-metadata-replace')
        self.call('GET', f'{path}/metadata/department',
                  response='share-metadata-item-show')
        for suffix, sample in (('', 'list'), ('/detail', 'list-detailed')):
            self.call('GET', f'/v2/share-replicas{suffix}',
                      response=f'share-replicas-{sample}')
        return share_id

    def share_types(self):
        types = self.call('GET', '/v2/types', response='share-types-list')
        type_id = types['share_types'][0]['id']
        self.call('GET', f'/v2/types/{type_id}', response='share-type-show')
        self.call('GET', '/v2/types/default',
                  response='share-type-show-default')
        created = self.call('POST', '/v2/types', {'share_type': {
            'name': 'gold', 'description': 'For those who can wait for '
            'nothing', 'share_type_access:is_public': True,
            'extra_specs': {'driver_handles_share_servers': False,
                            'tier': '1'},
        }}, 'share-type-create', 'share-type-create', user='admin')
        path = f'/v2/types/{created["share_type"]["id"]}'
        self.call('PUT', path, {'share_type': {
            'name': 'golden', 'description': None,
            'share_type_access:is_public': False,
        }}, 'share-type-update', 'share-type-update', user='admin')
        specs = f'{path}/extra_specs'
        self.call('POST', specs, {'extra_specs': {'place': 'cellar'}},
                  'share-type-extra-specs-set', 'share-type-extra-specs-set',
                  user='admin')
        self.call('GET', specs, response='share-type-extra-specs-list',
                  user='admin')
        self.call('GET', f'{specs}/tier',
                  response='share-type-extra-spec-show', user='admin')
        self.call('DELETE', f'{specs}/tier', user='admin')
        self.call('DELETE', path, user='admin')

    def backups(self, share_id):
        collection = '/v2/share-backups'
        self.fill(self.service.state / 'shares' / share_id)
        # Where the answer depends on how far the worker is, it is asked for
        # when it is sure: at the very beginning and at the end.
        created = self.call('POST', collection, {'share_backup': {
            'share_id': share_id, 'name': 'before the upgrade',
            'description': 'Taken by hand', 'backup_options': {},
        }}, 'share-backup-create', 'share-backup-create')
        backup_id = created['share_backup']['id']
        path = f'{collection}/{backup_id}'
        self.service.wait('share-backups', 'share_backup', backup_id)
        self.call('GET', collection, response='share-backups-list')
        self.call('GET', f'{collection}/detail',
                  response='share-backups-list-detailed')
        self.call('GET', path, response='share-backup-show')
        self.call('GET', path, response='share-backup-show-extension',
                  headers=EXTENSION)
        self.call('PUT', path, {'share_backup': {
            'display_name': 'after the upgrade',
            'display_description': 'Kept for a year',
        }}, 'share-backup-update', 'share-backup-update')
        self.service.wait('shares', 'share', share_id)
        self.operations(path, backup_id)
        self.metadata(f'{path}/metadata')
        self.policies(share_id)
        self.call('GET', f'{path}/files?path=/reports',
                  response='share-backup-files-list', headers=EXTENSION)
        self.restore_files(f'{path}/action', backup_id)
        self.call('POST', f'{path}/action', {'restore': None},
                  'share-backup-restore', 'share-backup-restore')
        self.service.wait('share-backups', 'share_backup', backup_id)
        self.service.wait('shares', 'share', share_id)
        self.call('POST', f'{path}/action', {'restore': self.adopted_id},
                  'share-backup-restore-to-target')
        self.service.wait('shares', 'share', self.adopted_id)
        self.compare(path, share_id)
        self.call('POST', f'{path}/action',
                  {'reset_status': {'status': 'error'}},
                  'share-backup-reset-status', user='admin')
        self.call('DELETE', path)
        self.service.wait_gone(path)
        _status, fault = self.service.request('GET', path)
        self.write('fault-response', fault)

    def restore_files(self, path, backup_id):
        """Restore some files beside what is there."""
        name = 'share-backup-restore-files'
        asked = {'paths': ['/reports'], 'target_share_id': None,
                 'target_path': 'restored-monday', 'conflict': 'keep_both',
                 'dry_run': False}
        self.call('POST', path, {
            'restore_files': {**asked, 'dry_run': True}},
            response=f'{name}-dry-run', headers=EXTENSION)
        self.call('POST', path, {'restore_files': asked}, name, name,
                  headers=EXTENSION)
        self.service.wait('share-backups', 'share_backup', backup_id)
        name = 'share-backup-restore-to-new-share'
        made = self.call('POST', path, {'restore_to_new_share': {
            'name': 'reports of monday', 'share_type': None, 'size': 2}},
            name, name, headers=EXTENSION)['restore_to_new_share']
        self.service.wait('share-backups', 'share_backup', backup_id)
        self.call('DELETE', f'/v2/shares/{made["share_id"]}')
        self.service.wait_gone(f'/v2/shares/{made["share_id"]}')

    def compare(self, path, share_id):
        """Changes in a share since a backup, and versions of a file."""
        folder = self.service.state / 'shares' / share_id / 'reports'
        (folder / 'autumn.txt').write_text('sold out\n')
        os.utime(folder / 'autumn.txt', (1692190000, 1692190000))
        later = self.call('POST', '/v2/share-backups', {'share_backup': {
            'share_id': share_id, 'name': 'later'}})['share_backup']['id']
        self.service.wait('share-backups', 'share_backup', later)
        self.call('GET', f'/v2/share-backups/{later}/changes?since='
                  + path.rpartition('/')[2],
                  response='share-backup-changes-list', headers=EXTENSION)
        self.call('GET', '/v2/share-backup-file-versions?path=/reports/'
                  f'autumn.txt&share_id={share_id}',
                  response='share-backup-file-versions-list',
                  headers=EXTENSION)
        self.call('DELETE', f'/v2/share-backups/{later}')
        self.service.wait_gone(f'/v2/share-backups/{later}')
        self.service.wait('shares', 'share', share_id)

    def policies(self, share_id):
        """A policy, from its creation to its end, and one backup by it."""
        def call(method, path, body=None, sample=None, answer=True):
            return self.call(
                method, path, body, sample if body else None,
                sample if answer else None, headers=POLICIES)

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
        backup = wait_until(lambda: call(
            'GET', f'/v2/share-backups?policy_id={policy["id"]}')[
                'share_backups'])[0]
        self.service.wait('share-backups', 'share_backup', backup['id'])
        self.service.wait('shares', 'share', share_id)
        wait_until(lambda: call(
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
        self.service.wait_gone(f'/v2/share-backups/{backup["id"]}')

    def metadata(self, path):
        def call(method, suffix='', body=None, request=None, **kwargs):
            self.call(method, path + suffix, body, request,
                      headers=EXTENSION, **kwargs)

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

    def operations(self, path, backup_id):
        collection = '/v2/share-backup-operations'
        listed = self.call('GET', f'{collection}?backup_id={backup_id}',
                           response='share-backup-operations-list',
                           headers=EXTENSION)
        operation, = listed['share_backup_operations']
        show = f'{collection}/{operation["id"]}'
        self.call('GET', show, response='share-backup-operation-show',
                  headers=EXTENSION)
        self.call('GET', '/v2/share-backup-usage?group_by=share',
                  response='share-backup-usage-list', headers=EXTENSION)
        self.backup_repositories()
        # It is over by now, and so there is nothing to be cancelled.
        body = {'cancel': None}
        for each, sample in ((path, 'share-backup'),
                             (show, 'share-backup-operation')):
            status, _fault = self.service.request(
                'POST', f'{each}/action', body, EXTENSION)
            if status != 409:
                raise service.Failed(f'{each}: cancelled with {status}')
            self.write(f'{sample}-cancel-request', body)

    @staticmethod
    def fill(share):
        """Put some files into a share."""
        reports = share / 'reports'
        reports.mkdir()
        (reports / 'march.txt').write_text('All is well.\n')
        (reports / 'newest').symlink_to('march.txt')
        for path in (reports / 'march.txt', reports / 'newest', reports):
            os.utime(path, (1692190000, 1692190000), follow_symlinks=False)

    def access_rules(self, share_id):
        action = f'/v2/shares/{share_id}/action'
        allowed = self.call('POST', action, {'allow_access': {
            'access_type': 'ip', 'access_to': '192.0.2.0/24',
            'access_level': 'ro',
        }}, 'share-actions-allow-access', 'share-actions-allow-access')
        access_id = allowed['access']['id']
        self.call('GET', f'/v2/share-access-rules?share_id={share_id}',
                  response='share-access-rules-list')
        self.call('GET', f'/v2/share-access-rules/{access_id}',
                  response='share-access-rule-show')
        self.call('POST', action, {'deny_access': {'access_id': access_id}},
                  'share-actions-deny-access')

    def snapshots(self, share_id):
        created = self.call('POST', '/v2/snapshots', {'snapshot': {
            'share_id': share_id, 'name': 'noon',
            'description': 'Before lunch',
        }}, 'snapshot-create', 'snapshot-create')
        snapshot_id = created['snapshot']['id']
        path = f'/v2/snapshots/{snapshot_id}'
        self.service.wait('snapshots', 'snapshot', snapshot_id)
        self.call('GET', '/v2/snapshots', response='snapshots-list')
        self.call('GET', '/v2/snapshots/detail',
                  response='snapshots-list-detailed')
        self.call('GET', path, response='snapshot-show')
        self.call('GET', f'{path}/export-locations',
                  response='snapshot-export-locations-list')
        self.call('PUT', path, {'snapshot': {
            'display_name': 'midday', 'display_description': None,
        }}, 'snapshot-update', 'snapshot-update')
        self.call('POST', f'{path}/action',
                  {'reset_status': {'status': 'error'}},
                  'snapshot-actions-reset-status', user='admin')
        self.call('POST', f'{path}/action', {'force_delete': None},
                  'snapshot-actions-force-delete', user='admin')
        self.service.wait_gone(path)

    def share_ends(self, share_id):
        action = f'/v2/shares/{share_id}/action'
        self.call('POST', action, {'extend': {'new_size': 2}},
                  'share-actions-extend')
        self.call('POST', action, {'shrink': {'new_size': 1}},
                  'share-actions-shrink')
        self.call('POST', action, {'reset_status': {'status': 'error'}},
                  'share-actions-reset-state', user='admin')
        self.call('POST', action, {'reset_task_state': {'task_state': None}},
                  'share-actions-reset-task-state', user='admin')
        self.call('POST', action, {'force_delete': None},
                  'share-actions-force-delete', user='admin')
        self.service.wait_gone(f'/v2/shares/{share_id}')
        self.call('POST', f'/v2/shares/{self.adopted_id}/action',
                  {'unmanage': None}, 'share-actions-unmanage', user='admin')

    def cloud(self):
        self.call('GET', '/v2/availability-zones',
                  response='availability-zones-list')
        self.call('GET', '/v2/services', response='services-list',
                  user='admin')
        self.call('GET', '/v2/limits', response='limits-show')

    def backup_services(self):
        path = '/v2/share-backup-services'
        sample = 'share-backup-service'
        listed = self.call('GET', path, response=f'{sample}s-list',
                           user='admin', headers=EXTENSION)
        path += f'/{listed["share_backup_services"][0]["id"]}'
        self.call('GET', path, response=f'{sample}-show', user='admin',
                  headers=EXTENSION)
        for name, body in (('drain', {'reason': 'new disks'}),
                           ('disable', {'reason': 'new disks'}),
                           ('enable', None)):
            self.call('POST', f'{path}/action', {name: body},
                      f'{sample}-{name}', f'{sample}-{name}', user='admin',
                      headers=EXTENSION)

    def backup_repositories(self):
        path = '/v2/share-backup-repositories'
        key = 'share_backup_repositories'

        def measured():
            found = self.call('GET', path, user='admin',
                              headers=REPOSITORIES)[key]
            return any(host['measured_at'] for each in found
                       for host in each['hosts'])

        wait_until(measured)
        self.call('GET', path, response='share-backup-repositories-list',
                  user='admin', headers=REPOSITORIES)

    def backup_quotas(self):
        path = f'/v2/share-backup-quotas/{service.PROJECT}'
        sample = 'share-backup-quota'
        for suffix, name in (('', 'show'), ('/detail', 'detail'),
                             ('/defaults', 'defaults')):
            self.call('GET', path + suffix, response=f'{sample}-{name}',
                      headers=EXTENSION)
        self.call('PUT', path, {'share_backup_quota': {
            'backups': 20, 'backup_stored_gigabytes': 500,
            'backup_policies': 5}},
            f'{sample}-update', f'{sample}-update', user='admin',
            headers=EXTENSION)
        self.call('DELETE', path, user='admin', headers=EXTENSION)

    def quotas(self):
        quotas = f'/v2/quota-sets/{service.PROJECT}'
        self.call('GET', quotas, response='quota-show')
        self.call('GET', f'{quotas}/detail', response='quota-show-detail')
        self.call('GET', f'{quotas}/defaults', response='quota-defaults')
        self.call('PUT', quotas, {'quota_set': {
            'backups': 20, 'backup_gigabytes': 500,
        }}, 'quota-update', 'quota-update', user='admin')
        self.call('DELETE', quotas, user='admin')
        path = '/v2/quota-class-sets/default'
        self.call('GET', path, response='quota-class-show')
        self.call('PUT', path, {'quota_class_set': {
            'backups': 50, 'backup_gigabytes': 2000,
        }}, 'quota-class-update', 'quota-class-update', user='admin')


def main(args):
    target = pathlib.Path(args[0]) if args else SAMPLES
    target.mkdir(parents=True, exist_ok=True)
    for old in target.glob('*.json'):
        old.unlink()
    scratch = pathlib.Path(tempfile.mkdtemp(prefix='manila-backup-samples-'))
    sampler = Sampler(scratch.resolve(), target)
    try:
        sampler.run()
    except service.Failed as exc:
        print(f'{exc}\n{sampler.service.tail()}', file=sys.stderr)
        return 1
    finally:
        sampler.service.stop()
        shutil.rmtree(scratch)
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
