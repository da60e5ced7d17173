# SPDX-License-Identifier: Apache-2.0
"""``OS::ManilaBackup::Policy`` in Heat's engine."""

from tests.functional import cloud
from tests.heat import base

#: Never while a test runs.
NEVER = {'name': 'yearly', 'cron': '0 3 1 1 *'}


class Policies(base.TestCase):

    def policy(self, do, status='COMPLETE', **properties):
        """Create or update a stack of a policy; what is told of that."""
        return self.stack(do, {'p': ('Policy', properties)}, status=status)[
            'resources']['p']

    def test_life(self):
        share_id = self.create_share()
        told = self.stack('create', {'p': ('Policy', {
            'timezone': 'Europe/Berlin',
            'rules': [{**NEVER, 'jitter': 60}],
            'retention': {'daily': 7, 'weekly': 4},
            'assignments': [{'share': 'documents'},
                            {'metadata': 'backup=gold'},
                            {'project': self.project}]})},
            outputs={'next': {'value': {'get_attr': ['p', 'next_run_at']}}})
        policy, = self.policies()
        rule, = policy['rules']
        self.assertEqual(
            (told['resources']['p']['id'], rule['next_run_at'], 60,
             'Europe/Berlin', 7, 0, True),
            (policy['id'], told['outputs']['next'], rule['jitter'],
             rule['timezone'], policy['retention']['daily'],
             policy['retention']['last'], policy['enabled']))
        self.assertIn('s-p-', policy['name'])
        self.assertEqual(
            [('metadata', 'backup=gold'), ('project', self.project),
             ('share', share_id)], self.assignments(policy['id']))
        self.assertEqual('CHECK_COMPLETE',
                         self.heat('check', name='s')['status'])
        live = self.heat('live', name='s', resource='p')
        self.assertEqual({'daily': 7, 'weekly': 4}, live['retention'])
        self._update(policy, share_id)
        self.delete()
        self.assertEqual([], self.policies())

    def _update(self, policy, share_id):
        """Change it in place."""
        told = self.policy(
            'update', name='gold', description='x', enabled=False,
            rules=[{**NEVER, 'name_template': '{policy}'},
                   {'name': 'monthly', 'cron': '0 4 1 * *'}],
            retention={'last': 3},
            assignments=[{'metadata': 'backup=gold'},
                         {'metadata': 'backup=silver'}])
        found, = self.policies()
        self.assertEqual(
            (policy['id'], policy['id'], 'gold', 'x', False, 'UTC', 3, 0),
            (told['id'], found['id'], found['name'], found['description'],
             found['enabled'], found['timezone'], found['retention']['last'],
             found['retention']['daily']))
        rules = {each['name']: each for each in found['rules']}
        self.assertEqual({'yearly', 'monthly'}, set(rules))
        self.assertEqual(
            (policy['rules'][0]['id'], '{policy}', 0, 'UTC'),
            (rules['yearly']['id'], rules['yearly']['name_template'],
             rules['yearly']['jitter'], rules['yearly']['timezone']))
        self.assertEqual(
            [('metadata', 'backup=gold'), ('metadata', 'backup=silver')],
            self.assignments(policy['id']))

    def test_assignments_of_others_stay(self):
        share_id = self.create_share()
        policy_id = self.policy('create', assignments=[
            {'metadata': 'a=b'}])['id']
        where = f'/share-backup-policies/{policy_id}/assignments'
        self.ask('POST', where, {'assignment': {
            'kind': 'share', 'target': share_id}})
        self.policy('update', assignments=[{'metadata': 'c=d'}])
        self.assertEqual([('metadata', 'c=d'), ('share', share_id)],
                         self.assignments(policy_id))
        # What others have taken away is noticed.
        for each in self.ask('GET', where)['assignments']:
            self.ask('DELETE', f'{where}/{each["id"]}', status=204)
        self.assertEqual('CHECK_FAILED',
                         self.heat('check', name='s')['status'])

    def test_assignments_that_are_there(self):
        """They become those of the resource."""
        policy_id = self.policy('create')['id']
        where = f'/share-backup-policies/{policy_id}/assignments'
        self.ask('POST', where, {'assignment': {
            'kind': 'metadata', 'target': 'a=b'}})
        self.policy('update', assignments=[{'metadata': 'a=b'},
                                           {'metadata': 'c=d'}])
        self.assertEqual([('metadata', 'a=b'), ('metadata', 'c=d')],
                         self.assignments(policy_id))
        self.policy('update', assignments=[{'metadata': 'c=d'}])
        self.assertEqual([('metadata', 'c=d')], self.assignments(policy_id))

    def test_deletions_are_confirmed(self):
        share_id = self.create_share()
        given = {'rules': [NEVER], 'assignments': [{'share': share_id}]}
        policy_id = self.policy('create', **given)['id']
        for count in (1, 2, 3):
            self.ask('POST', f'/share-backup-policies/{policy_id}/action',
                     {'run_now': {}}, status=202)
            cloud.eventually(f'{count} backups', lambda: [
                each['status'] for each in self.backups()]
                == ['available'] * count)  # noqa: B023
        given['retention'] = {'last': 1}
        told = self.policy('update', 'FAILED', **given)
        self.assertIn('confirm_deletions: 2', told['reason'])
        self.assertEqual(3, len(self.backups()))
        told = self.policy('update', **given, confirm_deletions=2)
        self.assertEqual(policy_id, told['id'])
        cloud.eventually('1 backup', lambda: len(self.backups()) == 1)
        self.delete()
        # What it has made stays.
        self.assertEqual(1, len(self.backups()))

    def test_what_is_refused(self):
        for properties, reason in (
                ({'timezone': 'Europe/Nowhere'}, 'timezone'),
                ({'rules': [{'name': 'a', 'cron': 'at noon'}]}, 'CRON'),
                ({'rules': [{'name': 'a'}]}, 'cron'),
                ({'retention': {'last': -1}}, '-1'),
                ({'assignments': [{'share': 'nobody'}]}, 'nobody'),
                ({'assignments': [{'metadata': 'gold'}]}, 'gold'),
                ({'assignments': [{'mandatory': True}]}, 'has none'),
                ({'assignments': [{'project': 'a', 'metadata': 'a=b'}]},
                 'metadata, project')):
            self.assertIn(reason, str(self.assertRaises(
                base.Refused, self.policy, 'create', **properties)))
        self.assertEqual([], self.policies())

    def test_gone_already(self):
        policy_id = self.policy('create')['id']
        self.ask('DELETE', f'/share-backup-policies/{policy_id}', status=204)
        self.delete()


class Administrators(base.TestCase):

    user = 'admin'

    def test_what_is_mandatory(self):
        told = self.stack('create', {'p': ('Policy', {
            'is_public': True, 'assignments': [
                {'project': 'other', 'mandatory': True},
                {'metadata': 'a=b', 'project_id': 'other'}]})})
        policy_id = told['resources']['p']['id']
        found = self.heat('attribute', name='s', resource='p',
                          attribute='assignments')
        self.assertEqual(
            [('metadata', 'other', False), ('project', 'other', True)],
            sorted((each['kind'], each['project_id'], each['mandatory'])
                   for each in found))
        # It becomes another in place.
        self.stack('update', {'p': ('Policy', {
            'is_public': True, 'assignments': [{'project': 'other'}]})})
        found = self.heat('attribute', name='s', resource='p',
                          attribute='assignments')
        self.assertEqual([('project', False)], [
            (each['kind'], each['mandatory']) for each in found])
        self.assertEqual([policy_id], [each['id']
                                       for each in self.policies()])
        self.delete()

    def test_what_is_there_is_mandatory(self):
        """It is not taken for one that is not."""
        given = {'is_public': True}
        told = self.stack('create', {'p': ('Policy', given)})
        where = ('/share-backup-policies/'
                 f'{told["resources"]["p"]["id"]}/assignments')
        self.ask('POST', where, {'assignment': {
            'kind': 'project', 'target': 'other', 'project_id': 'other',
            'mandatory': True}})
        given['assignments'] = [{'project': 'other'}]
        told = self.stack('update', {'p': ('Policy', given)},
                          status='FAILED')
        self.assertIn('already', told['reason'])
        self.delete()
