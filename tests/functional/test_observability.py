# SPDX-License-Identifier: Apache-2.0
"""Metrics and logs, as operators see them from outside."""

import datetime
import json
import os
import re
import urllib.error
import urllib.request

from prometheus_client import parser

from tests.functional import base
from tests.functional import cloud

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


def read(port):
    """Read /metrics: dict of (name, labels) to value."""
    with urllib.request.urlopen(f'http://127.0.0.1:{port}/metrics',
                                timeout=cloud.PATIENCE) as answer:
        text = answer.read().decode()
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in parser.text_string_to_metric_families(text)
            for sample in family.samples}


def labels(**values):
    return tuple(sorted(values.items()))


class Metrics(base.TestCase):

    options = {'metrics__enabled': True, 'metrics__worker_bind_port': 0}

    def setUp(self):
        super().setUp()
        self.worker = self.cloud.start()
        self.port = int(re.search(r':(\d+)/metrics',
                                  self.worker.said())[1])

    def _worker(self, name, **values):
        return read(self.port).get((f'manila_backup_{name}',
                                    labels(**values)))

    def test_a_life_in_numbers(self):
        share = self.cloud.create_share()
        self.fill(self.cloud.share_path(share['id']), 30, 1000)
        backup = self.cloud.create_backup(share['id'])['id']
        self.cloud.wait_backup(backup, 'available')
        cloud.eventually('an end', lambda: self._worker(
            'attempt_seconds_count', kind='create', outcome='done') == 1)
        self.assertEqual(30000, self._worker('bytes_total', kind='create'))
        # Ten directories, too.
        self.assertEqual(40, self._worker('files_total', kind='create'))
        self.assertEqual(0, self._worker('running_operations'))
        self.assertEqual(2, self._worker('concurrent_operations'))
        self.assertIsNone(self._worker('lease_losses_total', kind='create'))
        found = read(self.cloud.port)
        for name, value, more in (
                ('operations', 1, dict(kind='create', status='done')),
                ('operations', 1, dict(kind='share_create', status='done')),
                ('queued_operations', 0, {}),
                ('queue_age_seconds', 0, {}),
                ('backups', 1, dict(status='available')),
                ('backup_gigabytes', 1, dict(status='available')),
                ('backup_results', 1, dict(result='complete')),
                ('verifications', 1, dict(result='never')),
                ('projects', 1, {})):
            self.assertEqual(value, found[f'manila_backup_{name}',
                                          labels(**more)], name)
        self.assertLessEqual(30000, found['manila_backup_stored_bytes',
                                          labels(driver='posix')])
        self._last_success(found, backup)
        self._verified(backup)

    def _last_success(self, found, backup):
        (completed_at,), = self.cloud.rows(
            'SELECT completed_at FROM share_backups WHERE id = :id',
            id=backup)
        self.assertAlmostEqual(
            completed_at.replace(tzinfo=datetime.timezone.utc).timestamp(),
            found['manila_backup_last_success_timestamp_seconds',
                  labels(project_id='p1')], 3)

    def _verified(self, backup):
        name = 'manila_backup_last_verification_timestamp_seconds'
        self.assertNotIn((name, ()), read(self.cloud.port))
        self.cloud.manage('repository', 'verify', backup)
        found = read(self.cloud.port)
        self.assertEqual(1, found['manila_backup_verifications',
                                  labels(result='sound')])
        self.assertGreater(found[name, ()], 0)

    def test_space_of_the_repository(self):
        there = os.statvfs(self.cloud.repository)
        cloud.eventually('a measurement', lambda: self._worker(
            'repository_measured_timestamp_seconds', driver='posix'))
        free = self._worker('repository_free_bytes', driver='posix')
        used = self._worker('repository_used_bytes', driver='posix')
        self.assertLess(0, free)
        self.assertAlmostEqual((there.f_blocks - there.f_bfree)
                               * there.f_frsize + there.f_bavail
                               * there.f_frsize, free + used,
                               delta=there.f_blocks * there.f_frsize / 10)

    def test_what_fails_and_what_waits(self):
        self.cloud.tolerate = 'attempt [0-9]+ failed'
        share = self.cloud.create_share()
        os.rmdir(self.cloud.share_path(share['id']))
        backup = self.cloud.create_backup(share['id'])['id']
        self.cloud.wait_backup(backup, 'error')
        cloud.eventually('the ends of three attempts', lambda: [2, 1] == [
            self._worker('attempt_seconds_count', kind='create', outcome=each)
            for each in ('retried', 'failed')])
        self.worker.stop()
        self.cloud.ask(202, 'DELETE', f'/share-backups/{backup}')
        found = read(self.cloud.port)
        self.assertEqual(1, found['manila_backup_queued_operations', ()])
        self.assertLess(0, found['manila_backup_queue_age_seconds', ()])
        self.assertEqual(1, found['manila_backup_operations', labels(
            kind='delete', status='queued')])

    def test_dashboard_and_alerts_ask_for_what_there_is(self):
        share = self.cloud.create_share()
        self.cloud.create_backup(share['id'])
        cloud.eventually('an end', lambda: self._worker(
            'attempt_seconds_count', kind='create', outcome='done'))
        cloud.eventually('a measurement', lambda: self._worker(
            'repository_measured_timestamp_seconds', driver='posix'))
        there = {name for port in (self.port, self.cloud.port)
                 for name, _ in read(port)}
        # Which come with the first of their kind.
        rare = {'manila_backup_lease_losses_total',
                'manila_backup_swept_total',
                'manila_backup_incomplete_backups_total',
                'manila_backup_policy_runs_ended_total',
                'manila_backup_policy_overdue_timestamp_seconds',
                'manila_backup_last_verification_timestamp_seconds'}
        for path in ('doc/source/admin/grafana-dashboard.json',
                     'etc/manila-backup/telemetry/prometheus-alerts.yaml'):
            with open(os.path.join(ROOT, path)) as file:
                asked = set(re.findall('manila_backup_[a-z_]+', file.read()))
            self.assertLess(8, len(asked))
            self.assertEqual(set(), asked - there - rare, path)


class FewProjects(base.TestCase):

    options = {'metrics__enabled': True, 'metrics__worker_bind_port': 0,
               'metrics__max_projects': 2}

    def test_those_that_have_waited_longest(self):
        self.cloud.start()
        for number in (1, 2, 3):
            token = f'demo:p{number}'
            share = self.cloud.create_share(token=token)
            backup = self.cloud.create_backup(share['id'], token=token)
            self.cloud.wait_backup(backup['id'], 'available', token=token)
        found = read(self.cloud.port)
        name = 'manila_backup_last_success_timestamp_seconds'
        self.assertEqual(
            {labels(project_id='p1'), labels(project_id='p2')},
            {each for of, each in found if of == name})
        self.assertEqual(3, found['manila_backup_projects', ()])


class FewProjectsPostgreSQL(FewProjects):

    server = 'postgresql'


class NoMetrics(base.TestCase):

    def test_off_unless_asked_for(self):
        worker = self.cloud.start()
        with self.assertRaisesRegex(urllib.error.HTTPError, '404'):
            read(self.cloud.port)
        self.assertNotIn('/metrics', worker.said())


class Repositories(base.TestCase):
    """Findings of workers about the repositories, over the API."""

    HEADERS = {'OpenStack-API-Version': 'shared-file-system-backup 1.3'}

    def _host(self, **wanted):
        """Wait until something is known of the only host; its dict."""
        def look():
            found, = self.cloud.ask(
                200, 'GET', '/share-backup-repositories', token='admin:admin',
                headers=self.HEADERS)['share_backup_repositories']
            self.found = found
            host, = found['hosts'] or [None]
            return host and {name: host[name] is not None
                             for name in wanted} == wanted and host

        return cloud.eventually('a measurement', look)

    def test_one_that_goes(self):
        self.cloud.start_api()
        worker = self.cloud.start_worker()
        share = self.cloud.create_share()
        backup = self.cloud.create_backup(share['id'])['id']
        self.cloud.wait_backup(backup, 'available')
        before = self._host(measured_at=True)
        self.assertEqual(
            ('here', self.cloud.repository, None),
            tuple(before[name] for name in ('host', 'location', 'problem')))
        self.assertLess(0, before['free_bytes'])
        self.assertEqual((1, 1, None), tuple(self.found[name] for name in (
            'backups', 'never_verified_backups', 'oldest_verified_at')))
        worker.stop()
        away = f'{self.cloud.repository}.away'
        os.rename(self.cloud.repository, away)
        self.cloud.tolerate = 'will fail until its repository can be used'
        worker = self.cloud.start_worker()
        after = self._host(problem=True)
        self.assertIn(self.cloud.repository, after['problem'])
        # What was known stays.
        for name in ('measured_at', 'used_bytes', 'free_bytes'):
            self.assertEqual(before[name], after[name])
        worker.stop()
        os.rename(away, self.cloud.repository)
        self.cloud.start_worker()
        self.assertLess(before['measured_at'],
                        self._host(problem=False)['measured_at'])


class RepositoriesPostgreSQL(Repositories):

    server = 'postgresql'


class Ports(base.TestCase):

    options = {'metrics__enabled': True}

    def _settings(self, **values):
        path = os.path.join(self.cloud.root, 'more.conf')
        with open(path, 'w') as file:
            file.write('\n'.join(['[metrics]', *(
                f'{name} = {value}' for name, value in values.items()), '']))
        return path

    def test_each_worker_of_a_host_has_one(self):
        self.cloud.start_api()
        extra = self._settings(worker_bind_port=self.cloud.port)
        ports = set()
        for _number in range(2):
            worker = self.cloud.start_worker(extra)
            ports.add(re.search(r'Metrics at http://127.0.0.1:(\d+)/',
                                worker.said())[1])
        self.assertEqual(2, len(ports))
        self.assertNotIn(str(self.cloud.port), ports)

    def test_address_that_is_not_there(self):
        extra = self._settings(worker_bind_host='192.0.2.1')
        worker = self.cloud._start_worker(extra)
        self.assertEqual(1, worker.wait())
        self.assertIn('worker_bind_host 192.0.2.1',
                      worker.said().splitlines()[-1])
        self.cloud.processes.remove(worker)


class Logs(base.TestCase):

    options = {'use_json': True}

    def test_an_operation_can_be_followed(self):
        worker = self.cloud.start()
        share = self.cloud.create_share()
        answer = self.cloud.request('POST', '/share-backups', {
            'share_backup': {'share_id': share['id']}})
        backup = answer.body['share_backup']['id']
        self.cloud.wait_backup(backup, 'available')
        (operation,), = self.cloud.rows(
            'SELECT id FROM operations WHERE backup_id = :id', id=backup)
        request = answer.headers['x-openstack-request-id']
        api = next(each for each in self.cloud.processes
                   if each.command == 'manila-backup-api')

        def lines(process):
            return [json.loads(line) for line in process.said().splitlines()
                    if line.startswith('{')]

        said = [line for line in lines(api)
                if line['extra'].get('operation_id') == operation]
        self.assertEqual([request], [line['context']['request_id']
                                     for line in said])
        done = cloud.eventually('a log', lambda: [
            line for line in lines(worker)
            if line['context'].get('operation_id') == operation
            and ': done in ' in line['message']])
        self.assertEqual(
            (request, 'p1', 'demo'),
            tuple(done[0]['context'][name] for name in (
                'request_id', 'project_id', 'user_id')))


class PlainLogs(base.TestCase):

    def test_lines_carry_both_ids(self):
        worker = self.cloud.start()
        share = self.cloud.create_share()
        answer = self.cloud.request('POST', '/share-backups', {
            'share_backup': {'share_id': share['id']}})
        self.cloud.wait_backup(answer.body['share_backup']['id'],
                               'available')
        (operation,), = self.cloud.rows(
            "SELECT id FROM operations WHERE kind = 'create'")
        request = answer.headers['x-openstack-request-id']
        cloud.eventually('a log', lambda: re.search(
            rf'{request} .*\[operation: {operation}\] .*: done in ',
            worker.said()))
