# SPDX-License-Identifier: Apache-2.0
"""Common parts of the tests of the panels."""

import atexit
import functools
import os
import uuid

import testtools
from testtools import content as details

from tests.dashboard import horizon
from tests.dashboard import visitor
from tests.functional import base
from tests.functional import keystone

BACKUPS = '/project/share_backups/'
POLICIES = '/project/share_backup_policies/'
COVERAGE = '/project/share_backup_coverage/'
USAGE = '/project/share_backup_usage/'
ADMIN = '/admin/share_backups/'
ADMIN_USAGE = '/admin/share_backup_usage/'

#: A name that is up to no good: markup, what turns the direction of writing,
#: a control character.
HOSTILE = '<script>alert("x")</script>{{ 7|add:7 }}\u202egnp.exe\x07'

#: How it is to be shown.
SHOWN = '<script>alert("x")</script>{{ 7|add:7 }}\\u202egnp.exe\\u0007'


@functools.cache
def shared():
    """A Keystone with a service, and a Horizon, which end with this process:
    they take longer to start than the tests do."""
    held = keystone.KeystoneCloud()
    held.setUp()
    atexit.register(held.cleanUp)
    panels = horizon.Horizon(held.keystone.url)
    panels.setUp()
    atexit.register(panels.cleanUp)
    return held, panels


class TestCase(base.Content, testtools.TestCase):
    """A test with a Horizon, a Keystone and a service, which all share, and
    with a project of its own.

    :ivar project: str, its name.
    :ivar token: str, of ``member``, who is a member of the project.
    """

    def setUp(self):
        super().setUp()
        held, self.horizon = shared()
        self.keystone, self.cloud = held.keystone, held.cloud
        self.addOnException(lambda exc_info: self.addDetail(
            'horizon', details.text_content(self.horizon.said()[-20000:])))
        self.project = f'p-{uuid.uuid4().hex[:8]}'
        self.member = self.new_user('member')
        self.token = self.keystone.sign_in(self.member, self.project)
        self.visitor = self.signed_in(self.member)

    def new_user(self, role):
        """Make a user with a role in the project; returns the name."""
        name = f'{role}-{uuid.uuid4().hex[:8]}'
        self.keystone.add_user(name, self.project, role)
        return name

    def signed_in(self, user):
        """A visitor who has signed in to Horizon."""
        found = visitor.Visitor(self.horizon.url)
        page = found.sign_in(user, keystone.password_of(user), BACKUPS)
        self.assertEqual(200, page.status, page.text)
        self.assertIn('Sign Out', page.text)
        return found

    # -- the service -----------------------------------------------------

    def create_share(self, **files):
        """A share with files; its dict."""
        share = self.cloud.create_share(self.token)
        for name, text in files.items():
            with open(os.path.join(self.cloud.share_path(share['id']), name),
                      'w') as file:
                file.write(text)
        return share

    def backed_up(self, share, **values):
        """A backup that is available; its dict."""
        backup = self.cloud.create_backup(share['id'], self.token, **values)
        return self.cloud.wait_backup(backup['id'], 'available', self.token)

    def backups(self):
        """The project's backups, as dicts."""
        return self.cloud.ask(200, 'GET', '/share-backups/detail',
                              token=self.token)['share_backups']

    def ask(self, method, path, body=None):
        """A request by the member, with the extension; the answer's body."""
        return self.cloud.request(
            method, path, body, token=self.token, headers={
                'OpenStack-API-Version': 'shared-file-system 2.91, '
                                         'shared-file-system-backup 1.4'}).body

    def create_policy(self, share=None, **values):
        """A policy that is due once a year, assigned to a share; its
        dict."""
        policy = self.ask('POST', '/share-backup-policies', {
            'share_backup_policy': {
                'name': 'gold', 'rules': [{'name': 'yearly',
                                           'cron': '0 3 1 1 *'}],
                'retention': {'last': 5}, **values}})['share_backup_policy']
        if share:
            self.ask('POST', f'/share-backup-policies/{policy["id"]}'
                             f'/assignments', {'assignment': {
                                 'kind': 'share', 'target': share['id']}})
        return policy

    def share_content(self, share):
        """The files in a share."""
        return self.content(self.cloud.share_path(share['id']))

    # -- pages -----------------------------------------------------------

    def index(self, visitor=None, where=BACKUPS, **query):
        """Open a list; it must be there."""
        page = (visitor or self.visitor).get(where, **query)
        self.assertEqual(200, page.status, page.text)
        return page

    def act(self, action, where=BACKUPS, visitor=None):
        """Press the button of an action in a list.

        :param action: str, what it sends.
        """
        visitor = visitor or self.visitor
        page = self.index(visitor, where)
        self.assertIn(('action', action), [
            each for form in page.forms for each in form.buttons])
        return visitor.submit(page, where, ('action', action))
