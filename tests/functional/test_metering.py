# SPDX-License-Identifier: Apache-2.0
"""Notifications as ceilometer, Gnocchi and CloudKitty take them, by the
definitions in ``etc/manila-backup/telemetry``."""

import datetime
import fnmatch
import json
import os
import re

from jsonpath_rw_ext import parser
import yaml

from tests.functional import test_notifications

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))), 'etc', 'manila-backup', 'telemetry')


def definitions(name):
    with open(os.path.join(FOLDER, f'{name}.yaml')) as file:
        return yaml.safe_load(file)


def values(path, message):
    """Iterate over what a path leads to in a message, as ceilometer looks for
    it."""
    found = parser.ExtentedJsonPathParser().parse(path).find(message)
    return [each.value for each in found]


class Metering(test_notifications.ListeningTestCase):

    def setUp(self):
        super().setUp()
        share = self.cloud.create_share()
        self.fill(self.cloud.share_path(share['id']), 3, 1000)
        self.share_id = share['id']
        self.backup_id = self.cloud.create_backup(
            share['id'], name='monday')['id']
        self.cloud.wait_backup(self.backup_id, 'available')
        self.cloud.wait_share(share['id'], 'available')
        now = datetime.datetime.now(datetime.timezone.utc)
        self.cloud.manage(
            'usage', 'audit',
            '--begin', (now - datetime.timedelta(hours=1)).isoformat(),
            '--end', (now + datetime.timedelta(hours=1)).isoformat())
        self.cloud.ask(202, 'POST', f'/share-backups/{self.backup_id}/action',
                       {'restore': None})
        self.cloud.wait_backup(self.backup_id, 'available')
        self.cloud.ask(202, 'DELETE', f'/share-backups/{self.backup_id}')
        self.cloud.wait_backup(self.backup_id, None)
        messages = [self.next_message() for _number in range(7)]
        self.messages = {each['event_type'].removeprefix('share_backup.'):
                         each for each in messages}
        # For whoever tries them in ceilometer itself.
        if path := os.environ.get('MANILA_BACKUP_TEST_NOTIFICATIONS'):
            with open(path, 'w') as file:
                json.dump(messages, file, indent=2)

    def _measured(self, message):
        """Return the measurements of ceilometer: dict of a meter's name to
        (unit, volume)."""
        definition, = definitions('ceilometer-meters')['metric']
        if not any(re.match(each, message['event_type'])
                   for each in definition['event_type']):
            return {}
        names, units, volumes = (values(definition[each], message)
                                 for each in ('name', 'unit', 'volume'))
        self.assertEqual((len(names), len(names)),
                         (len(units), len(volumes)))
        self.assertEqual([], [each for each in volumes
                              if not isinstance(each, int | float)])
        self.assertEqual(
            ([self.backup_id], ['p1'], ['demo']),
            tuple(values(definition[each], message)
                  for each in ('resource_id', 'project_id', 'user_id')))
        return dict(zip(names, zip(units, volumes, strict=True),
                        strict=True))

    def test_definitions(self):
        """In one test: what it takes to be told takes the time."""
        self._meters()
        self._metadata()
        self._resources()
        self._events()
        self._ratings()

    def _meters(self):
        exists = self._measured(self.messages['exists'])
        self.assertEqual(
            {'share.backup': ('backup', 1), 'share.backup.size': ('GiB', 1),
             'share.backup.entries': ('entry', 6),
             'share.backup.content.size': ('B', 3000)},
            {name: measured for name, measured in exists.items()
             if name != 'share.backup.stored.size'})
        unit, volume = exists['share.backup.stored.size']
        self.assertEqual('B', unit)
        self.assertGreater(volume, 0)
        for kind in ('create', 'restore'):
            begun = self.messages[f'{kind}.start']
            self.assertEqual({}, self._measured(begun))
            ended = self._measured(self.messages[f'{kind}.end'])
            self.assertEqual('s', ended[f'share.backup.{kind}.duration'][0])
        self.assertEqual({}, self._measured(self.messages['delete.end']))

    def _metadata(self):
        definition, = definitions('ceilometer-meters')['metric']
        for event in ('exists', 'create.end', 'restore.end'):
            found = {name: values(path, self.messages[event])
                     for name, path in definition['metadata'].items()}
            self.assertEqual([], [name for name in found
                                  if len(found[name]) != 1])
            self.assertEqual(
                (['monday'], [self.share_id], ['posix']),
                tuple(found[name] for name in ('name', 'share_id',
                                               'backup_type')))

    def _resources(self):
        resource, = definitions('gnocchi-resources')['resources']
        meters = {}
        for event in ('exists', 'create.end', 'restore.end'):
            meters.update(self._measured(self.messages[event]))
        self.assertEqual(set(), set(meters) - set(resource['metrics']))
        definition, = definitions('ceilometer-meters')['metric']
        metadata = {'resource_metadata': definition['metadata']}
        for path in resource['attributes'].values():
            self.assertEqual(1, len(values(path, metadata)), path)
        self.assertIn('share_backup.delete.end', [
            message['event_type'] for message in self.messages.values()
            if fnmatch.fnmatch(message['event_type'],
                               resource['event_delete'])])
        with open(os.path.join(FOLDER, 'gnocchi-resources.yaml')) as file:
            made = re.findall(r'-a ([a-z_]+):', file.read())
        self.assertEqual(sorted(resource['attributes']), sorted(made))

    def _events(self):
        definition, = definitions('ceilometer-event-definitions')
        pattern, = definition['event_type']
        resource, = definitions('gnocchi-resources')['resources']
        for message in self.messages.values():
            self.assertTrue(fnmatch.fnmatch(message['event_type'], pattern))
            traits = {name: values(trait['fields'], message)
                      for name, trait in definition['traits'].items()}
            for name in ('backup_id', 'share_id', 'project_id', 'user_id',
                         'name', 'status', 'backup_type', 'size',
                         'created_at'):
                self.assertEqual(1, len(traits[name]), name)
            self.assertEqual([self.backup_id], traits[
                resource['event_attributes']['id']])

    def _ratings(self):
        resource, = definitions('gnocchi-resources')['resources']
        known = {*resource['attributes'], 'id', 'user_id', 'project_id'}
        metrics = definitions('cloudkitty-metrics')['metrics']
        for name, metric in metrics.items():
            self.assertIn(name, resource['metrics'])
            self.assertEqual(set(), {*metric['groupby'],
                                     *metric['metadata']} - known)
            self.assertEqual(resource['resource_type'],
                             metric['extra_args']['resource_type'])
            self.assertIn('id', metric['groupby'])
