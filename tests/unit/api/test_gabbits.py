# SPDX-License-Identifier: Apache-2.0
"""The gabbi files of roles and of the first microversion that has share
backups leave no operation out; all have names that need no other."""

import os
import re

from oslotest import base
import yaml

from manila_backup.api.handlers import share_backup_changes
from manila_backup.api.handlers import share_backup_coverage
from manila_backup.api.handlers import share_backup_file_versions
from manila_backup.api.handlers import share_backup_files
from manila_backup.api.handlers import share_backup_metadata
from manila_backup.api.handlers import share_backup_operations
from manila_backup.api.handlers import share_backup_policies
from manila_backup.api.handlers import share_backup_usage
from manila_backup.api.handlers import share_backups
from manila_backup.api import operation

GABBITS = os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(
        os.path.abspath(__file__)))), 'functional', 'gabbi', 'gabbits')

MODULES = (share_backups, share_backup_changes, share_backup_file_versions,
           share_backup_files, share_backup_metadata,
           share_backup_operations, share_backup_usage, share_backup_policies,
           share_backup_coverage)

POLICY_MODULES = share_backup_policies, share_backup_coverage

METHODS = 'GET', 'POST', 'PUT', 'DELETE'
VERSION = 'x-openstack-manila-api-version'

#: What the name of a test begins with that goes on from the one before.
LEANING = {'and', 'but', 'by', 'in', 'is', 'it', 'its', 'nor', 'of', 'only',
           'so', 'that', 'the', 'then', 'to', 'unless', 'which'}

#: Too long for a line.
UNASSIGN = ('DELETE /share-backup-policies/{policy_id}/assignments/'
            '{assignment_id}')

#: What each role is answered, by the name of its file, when it asks for
#: something that there is, in a status that allows it.
ROLES = {
    'role-reader': {
        'GET /share-backups': 200,
        'GET /share-backups/detail': 200,
        'GET /share-backups/{backup_id}': 200,
        'GET /share-backup-file-versions': 503,
        'GET /share-backups/{backup_id}/changes': 503,
        'GET /share-backups/{backup_id}/files': 503,
        'GET /share-backups/{backup_id}/files/content': 403,
        'GET /share-backups/{backup_id}/warnings': 200,
        'POST /share-backups': 403,
        'PUT /share-backups/{backup_id}': 403,
        'DELETE /share-backups/{backup_id}': 403,
        'POST /share-backups/{backup_id}/action restore': 403,
        'POST /share-backups/{backup_id}/action restore_files': 403,
        'POST /share-backups/{backup_id}/action restore_to_new_share': 403,
        'POST /share-backups/{backup_id}/action reset_status': 403,
        'POST /share-backups/{backup_id}/action cancel': 403,
        'GET /share-backups/{backup_id}/metadata': 200,
        'POST /share-backups/{backup_id}/metadata': 403,
        'PUT /share-backups/{backup_id}/metadata': 403,
        'GET /share-backups/{backup_id}/metadata/{key}': 200,
        'POST /share-backups/{backup_id}/metadata/{key}': 403,
        'DELETE /share-backups/{backup_id}/metadata/{key}': 403,
        'GET /share-backup-usage': 200,
        'GET /share-backup-operations': 200,
        'GET /share-backup-operations/{operation_id}': 200,
        'POST /share-backup-operations/{operation_id}/action cancel': 403,
        'GET /share-backup-policies': 200,
        'GET /share-backup-policies/{policy_id}': 200,
        'GET /share-backup-policies/{policy_id}/assignments': 200,
        'GET /share-backup-policies/{policy_id}/runs': 200,
        'GET /share-backup-coverage': 200,
        'POST /share-backup-policies/{policy_id}/action simulate': 200,
        'POST /share-backup-policies': 403,
        'PUT /share-backup-policies/{policy_id}': 403,
        'POST /share-backup-policies/{policy_id}/assignments': 403,
        'POST /share-backup-policies/{policy_id}/action disable': 403,
        'POST /share-backup-policies/{policy_id}/action enable': 403,
        'POST /share-backup-policies/{policy_id}/action run_now': 403,
        UNASSIGN: 403,
        'DELETE /share-backup-policies/{policy_id}': 403},
    'role-member': {
        'GET /share-backups': 200,
        'GET /share-backups/detail': 200,
        'GET /share-backups/{backup_id}': 200,
        'GET /share-backup-file-versions': 503,
        'GET /share-backups/{backup_id}/changes': 503,
        'GET /share-backups/{backup_id}/files': 503,
        'GET /share-backups/{backup_id}/files/content': 503,
        'GET /share-backups/{backup_id}/warnings': 200,
        'POST /share-backups': 202,
        'PUT /share-backups/{backup_id}': 200,
        'DELETE /share-backups/{backup_id}': 202,
        'POST /share-backups/{backup_id}/action restore': 202,
        'POST /share-backups/{backup_id}/action restore_files': 202,
        'POST /share-backups/{backup_id}/action restore_to_new_share': 202,
        'POST /share-backups/{backup_id}/action reset_status': 403,
        'POST /share-backups/{backup_id}/action cancel': 202,
        'GET /share-backups/{backup_id}/metadata': 200,
        'POST /share-backups/{backup_id}/metadata': 200,
        'PUT /share-backups/{backup_id}/metadata': 200,
        'GET /share-backups/{backup_id}/metadata/{key}': 200,
        'POST /share-backups/{backup_id}/metadata/{key}': 200,
        'DELETE /share-backups/{backup_id}/metadata/{key}': 200,
        'GET /share-backup-usage': 200,
        'GET /share-backup-operations': 200,
        'GET /share-backup-operations/{operation_id}': 200,
        'POST /share-backup-operations/{operation_id}/action cancel': 202,
        'GET /share-backup-policies': 200,
        'GET /share-backup-policies/{policy_id}': 200,
        'GET /share-backup-policies/{policy_id}/assignments': 200,
        'GET /share-backup-policies/{policy_id}/runs': 200,
        'GET /share-backup-coverage': 200,
        'POST /share-backup-policies/{policy_id}/action simulate': 200,
        'POST /share-backup-policies': 200,
        'PUT /share-backup-policies/{policy_id}': 200,
        'POST /share-backup-policies/{policy_id}/assignments': 200,
        'POST /share-backup-policies/{policy_id}/action disable': 202,
        'POST /share-backup-policies/{policy_id}/action enable': 202,
        'POST /share-backup-policies/{policy_id}/action run_now': 202,
        UNASSIGN: 204,
        'DELETE /share-backup-policies/{policy_id}': 204},
    'role-admin': {
        'GET /share-backups': 200,
        'GET /share-backups/detail': 200,
        'GET /share-backups/{backup_id}': 200,
        'GET /share-backup-file-versions': 200,
        'GET /share-backups/{backup_id}/changes': 503,
        'GET /share-backups/{backup_id}/files': 503,
        'GET /share-backups/{backup_id}/files/content': 503,
        'GET /share-backups/{backup_id}/warnings': 200,
        'POST /share-backups': 202,
        'PUT /share-backups/{backup_id}': 200,
        'DELETE /share-backups/{backup_id}': 202,
        'POST /share-backups/{backup_id}/action restore': 202,
        'POST /share-backups/{backup_id}/action restore_files': 202,
        'POST /share-backups/{backup_id}/action restore_to_new_share': 404,
        'POST /share-backups/{backup_id}/action reset_status': 202,
        'POST /share-backups/{backup_id}/action cancel': 202,
        'GET /share-backups/{backup_id}/metadata': 200,
        'POST /share-backups/{backup_id}/metadata': 200,
        'PUT /share-backups/{backup_id}/metadata': 200,
        'GET /share-backups/{backup_id}/metadata/{key}': 200,
        'POST /share-backups/{backup_id}/metadata/{key}': 200,
        'DELETE /share-backups/{backup_id}/metadata/{key}': 200,
        'GET /share-backup-usage': 200,
        'GET /share-backup-operations': 200,
        'GET /share-backup-operations/{operation_id}': 200,
        'POST /share-backup-operations/{operation_id}/action cancel': 202,
        'GET /share-backup-policies': 200,
        'GET /share-backup-policies/{policy_id}': 200,
        'GET /share-backup-policies/{policy_id}/assignments': 200,
        'GET /share-backup-policies/{policy_id}/runs': 200,
        'GET /share-backup-coverage': 200,
        'POST /share-backup-policies/{policy_id}/action simulate': 200,
        'POST /share-backup-policies': 200,
        'PUT /share-backup-policies/{policy_id}': 200,
        'POST /share-backup-policies/{policy_id}/assignments': 200,
        'POST /share-backup-policies/{policy_id}/action disable': 202,
        'POST /share-backup-policies/{policy_id}/action enable': 202,
        'POST /share-backup-policies/{policy_id}/action run_now': 202,
        UNASSIGN: 204,
        'DELETE /share-backup-policies/{policy_id}': 204},
    # Other projects' backups, and the sample policy as it is.
    'role-backup-operator': {
        'GET /share-backups': 200,
        'GET /share-backups/detail': 200,
        'GET /share-backups/{backup_id}': 200,
        'GET /share-backup-file-versions': 403,
        'GET /share-backups/{backup_id}/changes': 403,
        'GET /share-backups/{backup_id}/files': 403,
        'GET /share-backups/{backup_id}/files/content': 403,
        'GET /share-backups/{backup_id}/warnings': 200,
        'POST /share-backups': 403,
        'PUT /share-backups/{backup_id}': 403,
        'DELETE /share-backups/{backup_id}': 403,
        'POST /share-backups/{backup_id}/action restore': 403,
        'POST /share-backups/{backup_id}/action restore_files': 403,
        'POST /share-backups/{backup_id}/action restore_to_new_share': 403,
        'POST /share-backups/{backup_id}/action reset_status': 202,
        'POST /share-backups/{backup_id}/action cancel': 202,
        'GET /share-backups/{backup_id}/metadata': 200,
        'POST /share-backups/{backup_id}/metadata': 403,
        'PUT /share-backups/{backup_id}/metadata': 403,
        'GET /share-backups/{backup_id}/metadata/{key}': 200,
        'POST /share-backups/{backup_id}/metadata/{key}': 403,
        'DELETE /share-backups/{backup_id}/metadata/{key}': 403,
        'GET /share-backup-usage': 200,
        'GET /share-backup-operations': 200,
        'GET /share-backup-operations/{operation_id}': 200,
        'POST /share-backup-operations/{operation_id}/action cancel': 202,
        'GET /share-backup-policies': 200,
        'GET /share-backup-policies/{policy_id}': 200,
        'GET /share-backup-policies/{policy_id}/assignments': 200,
        'GET /share-backup-policies/{policy_id}/runs': 200,
        'GET /share-backup-coverage': 200,
        'POST /share-backup-policies/{policy_id}/action simulate': 200,
        'POST /share-backup-policies': 403,
        'PUT /share-backup-policies/{policy_id}': 403,
        'POST /share-backup-policies/{policy_id}/assignments': 403,
        'POST /share-backup-policies/{policy_id}/action disable': 403,
        'POST /share-backup-policies/{policy_id}/action enable': 403,
        'POST /share-backup-policies/{policy_id}/action run_now': 403,
        UNASSIGN: 403,
        'DELETE /share-backup-policies/{policy_id}': 403},
    'role-stranger': {
        'GET /share-backups': 200,
        'GET /share-backups/detail': 200,
        'GET /share-backups/{backup_id}': 404,
        'GET /share-backup-file-versions': 200,
        'GET /share-backups/{backup_id}/changes': 404,
        'GET /share-backups/{backup_id}/files': 404,
        'GET /share-backups/{backup_id}/files/content': 404,
        'GET /share-backups/{backup_id}/warnings': 404,
        'POST /share-backups': 400,
        'PUT /share-backups/{backup_id}': 404,
        'DELETE /share-backups/{backup_id}': 404,
        'POST /share-backups/{backup_id}/action restore': 404,
        'POST /share-backups/{backup_id}/action restore_files': 404,
        'POST /share-backups/{backup_id}/action restore_to_new_share': 404,
        'POST /share-backups/{backup_id}/action reset_status': 403,
        'POST /share-backups/{backup_id}/action cancel': 404,
        'GET /share-backups/{backup_id}/metadata': 404,
        'POST /share-backups/{backup_id}/metadata': 404,
        'PUT /share-backups/{backup_id}/metadata': 404,
        'GET /share-backups/{backup_id}/metadata/{key}': 404,
        'POST /share-backups/{backup_id}/metadata/{key}': 404,
        'DELETE /share-backups/{backup_id}/metadata/{key}': 404,
        'GET /share-backup-usage': 200,
        'GET /share-backup-operations': 200,
        'GET /share-backup-operations/{operation_id}': 404,
        'POST /share-backup-operations/{operation_id}/action cancel': 404,
        'GET /share-backup-policies': 200,
        'GET /share-backup-policies/{policy_id}': 404,
        'GET /share-backup-policies/{policy_id}/assignments': 404,
        'GET /share-backup-policies/{policy_id}/runs': 404,
        'GET /share-backup-coverage': 200,
        'POST /share-backup-policies/{policy_id}/action simulate': 404,
        'POST /share-backup-policies': 200,
        'PUT /share-backup-policies/{policy_id}': 404,
        'POST /share-backup-policies/{policy_id}/assignments': 404,
        'POST /share-backup-policies/{policy_id}/action disable': 404,
        'POST /share-backup-policies/{policy_id}/action enable': 404,
        'POST /share-backup-policies/{policy_id}/action run_now': 404,
        UNASSIGN: 404,
        'DELETE /share-backup-policies/{policy_id}': 404},
}

#: The same of roles that differ in what they may do with backup policies only.
POLICY_ROLES = {
    'role-assigner': {
        'GET /share-backup-policies': 200,
        'GET /share-backup-policies/{policy_id}': 200,
        'GET /share-backup-policies/{policy_id}/assignments': 200,
        'GET /share-backup-policies/{policy_id}/runs': 200,
        'GET /share-backup-coverage': 200,
        'POST /share-backup-policies/{policy_id}/action simulate': 200,
        'POST /share-backup-policies': 403,
        'PUT /share-backup-policies/{policy_id}': 403,
        'POST /share-backup-policies/{policy_id}/assignments': 200,
        'POST /share-backup-policies/{policy_id}/action disable': 403,
        'POST /share-backup-policies/{policy_id}/action enable': 403,
        'POST /share-backup-policies/{policy_id}/action run_now': 202,
        UNASSIGN: 204,
        'DELETE /share-backup-policies/{policy_id}': 403},
}


def operations(*modules):
    """All operations of some modules of handlers, or of all that are about
    share backups, as 'METHOD path [action]'."""
    found = []
    for path, methods in [route for module in modules or MODULES
                          for route in module.ROUTES.items()]:
        for method, each in methods.items():
            actions = (each.actions if isinstance(each, operation.Actions)
                       else [''])
            found += [f'{method} {path} {action}'.strip()
                      for action in actions]
    return sorted(found)


def load(name):
    """A gabbi file's content."""
    with open(os.path.join(GABBITS, name)) as file:
        return yaml.safe_load(file)


def requests(name):
    """The requests of a gabbi file.

    :param name: str, the file's, without its extension.
    :returns: list of (operation as of :func:`operations`, headers as a dict,
        status that is expected).
    """
    document = load(f'{name}.yaml')
    defaults = document['defaults']['request_headers']
    found = []
    for test in document['tests']:
        method = next(each for each in METHODS if each in test)
        for known in operations():
            of, path, *action = known.split()
            wanted = re.sub('{.*?}', '[$][A-Z].*?]',
                            f'/v2{path}'.replace('{key}', '[a-z]+'))
            if (of == method and
                    re.fullmatch(wanted, test[method].split('?')[0]) and
                    set(action) <= set(test.get('data', ()))):
                found.append((known,
                              {**defaults, **test.get('request_headers', {})},
                              test.get('status', 200)))
    return found


def _caller(headers):
    return headers.get('x-auth-token') or headers['authorization']


class TestGabbits(base.BaseTestCase):

    def test_each_role_is_asked_for_each_operation(self):
        asked = {**dict.fromkeys(ROLES, MODULES),
                 **dict.fromkeys(POLICY_ROLES, POLICY_MODULES)}
        for role, codes in {**ROLES, **POLICY_ROLES}.items():
            self.assertEqual(operations(*asked[role]), sorted(codes), role)
            found = requests(role)
            caller = _caller(found[0][1])
            self.assertEqual(
                set(codes.items()),
                set(codes.items()) & {(what, status) for what, headers, status
                                      in found
                                      if _caller(headers) == caller},
                role)

    def test_each_operation_begins_with_2_80(self):
        found = {(what, headers[VERSION], status < 400) for
                 what, headers, status in requests('microversion-2-80')}
        expected = {(what, version, there)
                    for what in operations(share_backups)
                    for version, there in (('2.79', False), ('2.80', True))}
        self.assertEqual(expected, found)

    def test_names_need_no_other(self):
        for name in os.listdir(GABBITS):
            for test in load(name)['tests']:
                words = test['name'].split()
                self.assertTrue(
                    len(words) > 2 and words[0] not in LEANING,
                    f'{name}: {test["name"]!r} does not say who asks for '
                    f'what, or what comes of it')
