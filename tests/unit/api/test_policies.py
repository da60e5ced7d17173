# SPDX-License-Identifier: Apache-2.0
"""The rules, and edits of the policy file while the service runs."""

import json
import logging
import os
import time
from unittest import mock

import fixtures
from oslo_policy import policy
from oslotest import base as test_base

from manila_backup import context
from manila_backup.db import messages as db_messages
from manila_backup.db import operations
from manila_backup import exception
from manila_backup import messages
from manila_backup import policies
from manila_backup.policies import enforcer
from tests.unit.api import base

PATH = '/v2/share-backups'


#: What a policy file may not hold, and words of what is said of it.
BROKEN = (
    ('{', ('YAML',)),
    ('[]', ('mapping',)),
    ('x', ('mapping',)),
    ('"share_backup:get_all":\n', ('share_backup:get_all', 'empty')),
    ('"share_backup:get_all": ""\n', ('share_backup:get_all', 'empty')),
    ('"share_backup:get_all": "  "\n', ('share_backup:get_all', 'empty')),
    ('"share_backup:get_all": []\n', ('share_backup:get_all', 'empty')),
    ('"share_backup:get_all": {}\n', ('share_backup:get_all', 'empty')),
    ('"share_backup:get_all": 7\n', ('share_backup:get_all', 'text')),
    ('"share_backup:get_all": true\n', ('share_backup:get_all', 'text')),
    ('7: "@"\n', ('7', 'name')),
    ('"share_backup:get_al": "!"\n', ('share_backup:get_al"', 'no rule')),
    ('"a": "rule:b"\n"b": "role:x"\n', ('"a"', '"b"')),
    ('"share_backup:get_all": "rule:share_backup:get_all"\n',
     ('share_backup:get_all', 'itself')),
    ('"share_backup:get_all": "not rule:x"\n"x": "rule:y"\n'
     '"y": "role:a or rule:x"\n', ('"x"', '"y"', 'itself')),
    ('"context_is_admin": "rule:admin_or_project_member"\n',
     ('context_is_admin', 'itself')),
    ('"share_backup:get_all": "not rule:missing"\n', ('"missing"',)),
    ('"share_backup:get_all": "role:a or whoever"\n', ('whoever',)),
    ('"share_backup:get_all": "role:a or"\n', ('understood',)),
    ('"share_backup:get_all": "!"\n"share_backup:get_all": "@"\n',
     ('twice',)),
)


class TestRules(test_base.BaseTestCase):

    def test_share_backup_rules(self):
        names = {rule.name for rule in policies.list_rules()}
        for action in ('create', 'get', 'get_all', 'get_all_project',
                       'restore', 'reset_status', 'update', 'delete'):
            self.assertIn(f'share_backup:{action}', names)

    def test_names_differ(self):
        names = [rule.name for rule in policies.list_rules()]
        self.assertEqual(len(names), len(set(names)))

    def test_all_are_documented(self):
        for rule in policies.list_rules():
            self.assertTrue(rule.description, rule.name)
            if ':' in rule.name:
                self.assertIsInstance(rule, policy.DocumentedRuleDefault)
                self.assertTrue(rule.operations)

    def test_enforcer_for_the_tools(self):
        found = policies.get_enforcer()
        self.assertIn('share_backup:create', found.registered_rules)


class TestOtherProjects(base.ApiTest):
    """Things of another project, found by the rule that lists those of all
    projects and by no other."""

    #: Resource (as the rules have it) to paths of those of p1.
    SHOWN = {
        'share_backup': ('/v2/share-backups/{backup}',),
        'share_backup_operation': ('/v2/share-backup-operations/{operation}',),
        'share': ('/v2/shares/{share}', '/v2/shares/{share}/metadata',
                  '/v2/shares/{share}/export_locations',
                  '/v2/share-access-rules?share_id={share}',
                  '/v2/share-access-rules/{access}'),
        'share_snapshot': ('/v2/snapshots/{snapshot}',
                           '/v2/snapshots/{snapshot}/export-locations'),
        'message': ('/v2/messages/{message}',),
    }

    EXTENSION = {'OpenStack-API-Version': 'shared-file-system-backup 1.0'}

    def setUp(self):
        super().setUp()
        share = self.make_share()
        backup = self.make_backup(share)
        operation, = self.api.database.read(operations.of_backup, backup)
        snapshot = self.call('POST', '/v2/snapshots', {'snapshot': {
            'share_id': share}}, code=202).json['snapshot']['id']
        access = self.call(
            'POST', f'/v2/shares/{share}/action', {'allow_access': {
                'access_type': 'ip', 'access_to': '10.0.0.1'}},
            code=200).json['access']['id']
        self.api.work()
        self.api.database.write(
            db_messages.add, operation, messages.Action.CREATE,
            messages.Detail.NOT_MADE, 3600)
        message, = self.api.database.read(db_messages.list_page)
        self.ids = {'share': share, 'backup': backup, 'access': access,
                    'operation': operation.id, 'snapshot': snapshot,
                    'message': message.id}
        self.paths = {what: [path.format(**self.ids) for path in paths]
                      for what, paths in self.SHOWN.items()}

    def write(self, rules):
        path = os.path.join(self.api.folder, 'policy.yaml')
        with open(path + '~', 'w') as file:
            json.dump(rules, file)
        os.replace(path + '~', path)

    def show(self, path, code, token=base.OTHER):
        return self.call('GET', path, token=token, headers=self.EXTENSION,
                         code=code)

    def test_by_default_for_administrators_only(self):
        for path in sum(self.paths.values(), []):
            self.show(path, 200, base.ADMIN)
            self.show(path, 404)

    def test_found_by_their_own_rule_alone(self):
        everybody = {rule.name: '@' for rule in policies.list_rules()
                     if ':' in rule.name
                     and not rule.name.endswith(':get_all_project')}
        for what, paths in self.paths.items():
            self.write({**everybody, f'{what}:get_all_project': 'user_id:eve'})
            for path in paths:
                self.show(path, 200)
            for path in sum((self.paths[each] for each in self.paths
                             if each != what), []):
                self.show(path, 404)

    def test_found_and_not_allowed(self):
        backup, = self.paths['share_backup']
        self.write({'share_backup:get_all_project': 'user_id:eve',
                    'share_backup:reset_status': 'user_id:eve'})
        self.assert_fault(self.show(backup, 403), 403, 'forbidden',
                          'share_backup:get')
        self.call('POST', f'{backup}/action', {'reset_status': {
            'status': 'error'}}, base.OTHER, code=202)
        for method, body in (('DELETE', None), ('PUT', {'share_backup': {
                'name': 'mine'}})):
            self.call(method, backup, body, base.OTHER, code=403)
        self.call('POST', PATH, {'share_backup': {
            'share_id': self.ids['share']}}, base.OTHER, code=403)

    def test_wide_rules_stay_in_the_project(self):
        """A rule that forgets to compare projects opens none."""
        self.write(dict.fromkeys((
            'share_backup:get', 'share_backup:delete', 'share_backup:create',
            'share_backup:update', 'share_backup:restore'), 'role:member'))
        backup, = self.paths['share_backup']
        self.show(backup, 404)
        self.call('DELETE', backup, token=base.OTHER, code=404)
        self.call('POST', PATH, {'share_backup': {
            'share_id': self.ids['share']}}, base.OTHER, code=400)

    def test_administrators_without_other_projects(self):
        self.write({f'{what}:get_all_project': '!' for what in self.paths})
        for path in sum(self.paths.values(), []):
            self.show(path, 404, base.ADMIN)

    def test_parts_by_the_project_they_belong_to(self):
        """Parts that not everybody sees are asked about of each backup's
        project."""
        self.make_backup(token=base.OTHER)
        self.write({
            'share_backup:get_all_project': 'user_id:eve',
            'share_backup:get_host': 'project_id:%(project_id)s',
            'share_backup:get_fail_reason': 'not project_id:%(project_id)s'})
        shown = self.call('GET', f'{PATH}/detail?all_tenants=1',
                          token=base.OTHER, code=200).json['share_backups']
        self.assertEqual(
            {(True, False, False), (False, True, True)},
            {(each['id'] == self.ids['backup'], 'host' in each,
              'topic' in each) for each in shown})
        self.assertEqual(
            {(True, True), (False, False)},
            {(each['id'] == self.ids['backup'], 'fail_reason' in each)
             for each in shown})

    def test_filters_of_what_is_not_seen_are_left_out(self):
        for rule, expected in (('!', 1), ('@', 0)):
            self.write({'share_backup:get_host': rule,
                        'share:get_host': rule})
            for path, key in ((PATH, 'share_backups'),
                              ('/v2/shares', 'shares')):
                self.assertEqual(expected, len(self.call(
                    'GET', f'{path}?host=elsewhere', code=200).json[key]))

    def test_share_types_that_are_not_public(self):
        made = self.call('POST', '/v2/types', {'share_type': {
            'name': 'hidden', 'share_type_access:is_public': False,
            'extra_specs': {'driver_handles_share_servers': 'False'}}},
            base.ADMIN, code=200).json['share_type']['id']
        for rule, code in (('rule:context_is_admin', 404), ('@', 200)):
            self.write({'share_type:get_private': rule})
            self.call('GET', f'/v2/types/{made}', code=code)


class TestEdits(base.ApiTest):

    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.api.folder, 'policy.yaml')

    def _write(self, text):
        with open(self.path + '~', 'w') as file:
            file.write(text)
        os.replace(self.path + '~', self.path)

    def test_new_file(self):
        self.call('GET', PATH, code=200)
        self._write('"share_backup:get_all": "!"\n')
        self.call('GET', PATH, code=403)
        os.unlink(self.path)
        self.call('GET', PATH, code=200)

    def test_file_elsewhere(self):
        folder = self.useFixture(fixtures.TempDir()).path
        self.path = os.path.join(folder, 'elsewhere.yaml')
        self.api.conf.set_override('policy_file', self.path,
                                   group='oslo_policy')
        self._write('')
        rules = enforcer.Enforcer(self.api.conf)
        caller = context.RequestContext(roles=['member'], project_id='p')
        ask = 'share_backup:create', caller, {'project_id': 'p'}
        self.assertTrue(rules.allows(*ask))
        self._write('"share_backup:create": "!"\n')
        later = time.monotonic() + enforcer.SEARCH_INTERVAL + 1
        with mock.patch('time.monotonic', return_value=later):
            self.assertFalse(rules.allows(*ask))

    def test_what_an_administrator_makes_of_others_shares(self):
        others, own = self.make_share(), self.make_share(base.ADMIN)
        rule = 'role:member and project_id:%(project_id)s'
        self._write(f'"share_backup:create": "{rule}"\n'
                    f'"share_snapshot:create": "{rule}"\n')
        for path, key in ((PATH, 'share_backup'),
                          ('/v2/snapshots', 'snapshot')):
            self.call('POST', path, {key: {'share_id': others}}, base.ADMIN,
                      code=403)
        self.call('POST', PATH, {'share_backup': {'share_id': own}},
                  base.ADMIN, code=202)
        self.call('POST', PATH, {'share_backup': {'share_id': others}},
                  code=202)

    def test_edits(self):
        self._write('{}\n')
        self.call('GET', PATH, code=200)
        for text, code in (('"share_backup:get_all": "!"\n', 403),
                           ('"share_backup:get_all": "@"\n', 200),
                           ('"share_backup:get_all": "role:x"\n', 403),
                           ('"share_backup:get_all": [\n', 403),
                           ('"project_reader": "role:reader"\n', 200),
                           ('"context_is_admin": "user_id:demo"\n', 200)):
            self._write(text)
            self.call('GET', PATH, code=code)
        # By the last, demo is an administrator.
        self.call('GET', '/v2/services', code=200)
        os.unlink(self.path)
        self.call('GET', '/v2/services', code=403)

    def test_member_may_reset_by_an_edit(self):
        backup_id = self.make_backup()
        body = {'reset_status': {'status': 'error'}}
        path = f'{PATH}/{backup_id}/action'
        self.call('POST', path, body, code=403)
        self._write('"share_backup:reset_status": '
                    '"rule:admin_or_project_member"\n')
        self.call('POST', path, body, code=202)
        self.call('POST', path, body, base.OTHER, code=404)

    def test_administrators_can_be_kept_to_their_project(self):
        backup_id = self.make_backup()
        self._write('"share_backup:delete": "project_id:%(project_id)s"\n'
                    '"share_backup:get": "project_id:%(project_id)s"\n')
        path = f'{PATH}/{backup_id}'
        self.call('DELETE', path, token=base.ADMIN, code=403)
        self.call('GET', path, token=base.ADMIN, code=403)
        self.call('DELETE', path, code=202)

    def test_policy_directory(self):
        folder = os.path.join(self.api.folder, 'policy.d')
        os.mkdir(folder)
        self.call('GET', PATH, code=200)
        self.path = os.path.join(folder, 'a.yaml')
        self._write('"share_backup:get_all": "!"\n')
        self.call('GET', PATH, code=403)

    def test_broken_at_start(self):
        for text, words in BROKEN:
            self._write(text)
            error = str(self.assertRaises(
                exception.ConfigurationError, enforcer.Enforcer,
                self.api.conf))
            for each in (self.path, *words):
                self.assertIn(each, error)
            self.assertNotIn('\n', error)

    def test_broken_by_an_edit(self):
        self._write('"share_backup:get_all": "!"\n')
        self.call('GET', PATH, code=403)
        for text, words in BROKEN:
            log = self.useFixture(fixtures.FakeLogger(level=logging.INFO))
            self._write(text)
            for _number in range(3):
                self.call('GET', PATH, code=403)
            line, = [each for each in log.output.splitlines()
                     if 'The previous rules stay in force.' in each]
            for each in (self.path, *words):
                self.assertIn(each, line)
        log = self.useFixture(fixtures.FakeLogger(level=logging.INFO))
        self._write('"share_backup:get_all": "role:reader"\n')
        self.call('GET', PATH, code=200)
        self.assertIn(f'{self.path}, which set share_backup:get_all',
                      log.output)

    def test_rules_for_others_of_the_file(self):
        self._write('"staff": "role:x or rule:boss"\n"boss": "role:y"\n'
                    '"share_backup:get_all": "not rule:staff"\n'
                    '"default": "!"\n')
        self.call('GET', PATH, code=200)
        self.assertEqual([], enforcer.problems(self.api.conf))

    def test_everybody_and_nobody_can_be_meant(self):
        self._write('"share_backup:get_all": "@"\n'
                    '"share_backup:get": ["role:x", ["role:y", "@"]]\n'
                    '"share_backup:delete": "(not ! and @) or !"\n')
        self.assertEqual([], enforcer.problems(self.api.conf))
        enforcer.Enforcer(self.api.conf)

    def test_doubts(self):
        self._write('"share_backup:get_all": "not rol:admin"\n'
                    '"share_backup:get": "project_id:%(tenant)s"\n'
                    '"share_backup:delete": "\'x\':%(user_id)s"\n')
        log = self.useFixture(fixtures.FakeLogger(level=logging.INFO))
        enforcer.Enforcer(self.api.conf)
        found = enforcer.problems(self.api.conf)
        self.assertEqual(2, len(found))
        for word in ('"rol"', '"%(tenant)s"'):
            self.assertIn(word, ' '.join(found))
            self.assertIn(word, log.output)

    def test_named_and_not_there(self):
        for text, named in (
                ('policy_file = no-such.yaml', True),
                # The default's name, but by somebody who counts on it.
                ('policy_file = policy.yaml', True),
                ('policy_file = /no/such.yaml', True),
                ('policy_dirs = no-such.d', True),
                ('enforce_scope = true', False)):
            conf = base.make_conf(self.useFixture(fixtures.TempDir()).path,
                                  f'[oslo_policy]\n{text}\n')
            if not named:
                enforcer.Enforcer(conf)
                continue
            error = self.assertRaises(exception.ConfigurationError,
                                      enforcer.Enforcer, conf)
            for word in text.split(' = '):
                self.assertIn(word, str(error))

    def test_named_file_goes_away(self):
        self._write('"share_backup:get_all": "!"\n')
        self.api.conf.set_override('policy_file', self.path,
                                   group='oslo_policy')
        rules = enforcer.Enforcer(self.api.conf)
        caller = context.RequestContext(roles=['member'], project_id='p')
        ask = 'share_backup:get_all', caller, {'project_id': 'p'}
        self.assertFalse(rules.allows(*ask))
        os.unlink(self.path)
        self.assertFalse(rules.allows(*ask))

    def test_broken_in_a_directory(self):
        folder = os.path.join(self.api.folder, 'policy.d')
        os.mkdir(folder)
        self.path = os.path.join(folder, 'a.yaml')
        self._write('"share_backup:get_all":\n')
        error = self.assertRaises(exception.ConfigurationError,
                                  enforcer.Enforcer, self.api.conf)
        self.assertIn(self.path, str(error))
        os.rename(self.path, os.path.join(folder, '.a.yaml'))
        enforcer.Enforcer(self.api.conf)

    def test_a_directory_can_use_rules_of_the_file(self):
        folder = os.path.join(self.api.folder, 'policy.d')
        os.mkdir(folder)
        self._write('"staff": "role:x"\n')
        self.path = os.path.join(folder, 'a.yaml')
        self._write('"share_backup:get_all": "rule:staff"\n')
        self.call('GET', PATH, code=403)

    def test_scope(self):
        rules = enforcer.Enforcer(self.api.conf)
        for values, allowed in (
                ({'project_id': 'p'}, True),
                ({'system_scope': 'all'}, False)):
            caller = context.RequestContext(roles=['admin'], **values)
            self.assertIs(allowed, rules.allows(
                'share_backup:get', caller, {'project_id': 'p'}))

    def test_answers_are_remembered_for_their_caller_only(self):
        rules = enforcer.Enforcer(self.api.conf)
        target = {'project_id': 'p'}
        for _round in range(2):
            for roles, project_id, allowed in (
                    (['member'], 'p', True), (['reader'], 'p', False),
                    (['member'], 'q', False), (['admin'], 'q', True)):
                caller = context.RequestContext(roles=roles,
                                                project_id=project_id)
                self.assertIs(allowed, rules.allows(
                    'share_backup:create', caller, target))

    def test_answers_of_others_are_not_remembered(self):
        self._write('"share_backup:get": "http://127.0.0.1:1/ask"\n')
        rules = enforcer.Enforcer(self.api.conf)
        caller = context.RequestContext(roles=['member'], project_id='p')
        with mock.patch('oslo_policy._external.HttpCheck.__call__',
                        side_effect=[True, False]):
            for allowed in (True, False):
                self.assertIs(allowed, rules.allows(
                    'share_backup:get', caller, {'project_id': 'p'}))
