# SPDX-License-Identifier: Apache-2.0
"""Write the samples of the API reference, from a service that runs.

usage: .venv/bin/python tools/api_samples.py [DIRECTORY]

Starts ``manila-backup-all`` on a scratch directory, makes every request that
the reference has a sample of, and writes what was sent and answered to
DIRECTORY (``api-ref/source/samples``). Ids, times, names of hosts and the like
are replaced, so that two runs give the same files.
"""

import json
import pathlib
import re
import shutil
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / 'demo'))

import service  # noqa: E402

SAMPLES = HERE.parent / 'api-ref' / 'source' / 'samples'

#: In the order in which they turn up.
IDS = [
    'cd7a3d06-23b3-4d05-b4ca-7c9a20faa95f',
    '1125c47a-0216-4ee0-a517-0460d63301a6',
    '7b11dd53-546e-43d3-8b1e-d5da0ee8ad12',
    '5c5d2df6-3c1f-4f3e-8c7d-2f6d1d2f2b11',
    'b8c36f4e-1f0e-4f5b-9a55-0b0e5f1f4a0c',
    'e2f1c9a3-5d27-4a0c-8c0e-2b7a9f3f6d41',
    '0d4a6b7c-93b5-4f3c-bb5b-6a1f6d4b8e72',
    '9a1f3c52-7e64-4c1e-a0d9-3f5b8e2c7d10',
    '3e8b5d91-2c47-4b6a-9f0e-7d1c4a6b8f25',
]
UUID = re.compile('[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}')
TIME = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}')
TIMES = {'created_at': '2023-08-16T13:03:59.000000',
         'updated_at': '2023-08-16T13:05:16.000000'}


class Sampler:
    """Makes requests and writes down what was said.

    :param scratch: pathlib.Path of a directory for the service.
    :param target: pathlib.Path of the directory for the samples.
    """

    def __init__(self, scratch, target):
        self.scratch = scratch
        self.target = target
        self.service = service.Service(scratch)
        self.ids = {}

    def call(self, method, path, body=None, request=None, response=None,
             user='alice'):
        """Make a request that has to succeed.

        :param user: who makes it; ``alice`` is an ordinary user.
        :param request: name of the sample of the body, or None.
        :param response: name of the sample of the answer, or None.
        """
        self.service.user = user
        answer = self.service.call(method, path, body)
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
            return value
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
            self.ids[found] = IDS[len(self.ids)]
        return self.ids[found]

    def run(self):
        self.service.start()
        self.versions()
        share_id = self.shares()
        self.backups(share_id)
        self.share_ends(share_id)
        self.cloud()

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
        types = self.call('GET', '/v2/types', response='share-types-list')
        type_id = types['share_types'][0]['id']
        self.call('GET', f'/v2/types/{type_id}', response='share-type-show')
        return share_id

    def backups(self, share_id):
        collection = '/v2/share-backups'
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
        self.call('PUT', path, {'share_backup': {
            'display_name': 'after the upgrade',
            'display_description': 'Kept for a year',
        }}, 'share-backup-update', 'share-backup-update')
        self.service.wait('shares', 'share', share_id)
        self.call('POST', f'{path}/action', {'restore': None},
                  'share-backup-restore', 'share-backup-restore')
        self.service.wait('share-backups', 'share_backup', backup_id)
        self.service.wait('shares', 'share', share_id)
        self.write('share-backup-restore-to-target-request',
                   {'restore': self.adopted_id})
        self.call('POST', f'{path}/action',
                  {'reset_status': {'status': 'error'}},
                  'share-backup-reset-status', user='admin')
        self.call('DELETE', path)
        self.service.wait_gone(path)
        _status, fault = self.service.request('GET', path)
        self.write('fault-response', fault)

    def share_ends(self, share_id):
        action = f'/v2/shares/{share_id}/action'
        self.call('POST', action, {'extend': {'new_size': 2}},
                  'share-actions-extend')
        self.call('POST', action, {'shrink': {'new_size': 1}},
                  'share-actions-shrink')
        self.call('POST', action, {'reset_status': {'status': 'error'}},
                  'share-actions-reset-state', user='admin')
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
        quotas = f'/v2/quota-sets/{service.PROJECT}'
        self.call('GET', quotas, response='quota-show')
        self.call('GET', f'{quotas}/detail', response='quota-show-detail')
        self.call('GET', f'{quotas}/defaults', response='quota-defaults')


def main(args):
    target = pathlib.Path(args[0]) if args else SAMPLES
    target.mkdir(parents=True, exist_ok=True)
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
