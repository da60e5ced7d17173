# SPDX-License-Identifier: Apache-2.0
"""Common parts of the tests of the pages."""

from playwright import sync_api

from tests.functional import base
from tests.functional import browser
from tests.functional import cloud

expect = sync_api.expect

EXTENDED = {'OpenStack-API-Version': 'shared-file-system 2.91, '
                                     'shared-file-system-backup 1.2'}


class PagesTestCase(base.TestCase):
    """A test with a browser, in which a member of a project of its own is
    signed in. The service and the browser are the class's: each takes long
    to start.

    :cvar project: str, the project's name; None for that of the test.
    :cvar options: the service's configuration beside what all have.
    """

    project = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.shared = cloud.Cloud('mysql', ui__enabled=True, **cls.options)
        cls.shared.setUp()
        cls.addClassCleanup(cls.shared.cleanUp)
        cls.worker = cls.shared.start()
        cls.browser = browser.Browser(f'http://127.0.0.1:{cls.shared.port}')
        cls.browser.setUp()
        cls.addClassCleanup(cls.browser.cleanUp)

    def setUp(self):
        # The class has the cloud.
        super(base.TestCase, self).setUp()
        self.cloud = self.shared
        self.project = self.project or self.id().rpartition('.')[2]
        self.token = f'demo:{self.project}'
        self.browser.problems.clear()
        self.addCleanup(self._check)
        self.page = self.signed_in('demo')

    def _check(self):
        self.assertEqual([], self.browser.problems)

    def signed_in(self, user, project=None, **options):
        """Open a page as a user, by default of the test's project."""
        page = self.browser.page(**options)
        self.addCleanup(page.context.close)
        page.goto('/ui/sign-in')
        page.get_by_label('User').fill(user)
        page.get_by_label('Project').fill(project or self.project)
        page.get_by_role('button', name='Go on').click()
        expect(page.get_by_role('heading', name='Overview')).to_be_visible()
        return page

    def rows(self, table):
        """The rows of a table of the page."""
        return self.page.get_by_role(
            'region', name=f'Table of {table}').locator('tbody tr')

    def figures(self, **numbers):
        """Expect numbers in a preview, by its words."""
        for word, number in numbers.items():
            expect(self.page.get_by_role('status').locator(
                'div', has=self.page.get_by_text(word, exact=True))
                .get_by_role('definition')).to_have_text(str(number))

    def create_share(self):
        """A share that is available; its dict."""
        return self.cloud.create_share(self.token)

    def backups(self):
        """The number of the project's backups that there are."""
        (number,), = self.cloud.rows(
            'SELECT COUNT(*) FROM share_backups WHERE project_id = :project',
            project=self.project)
        return number

    def at_rest(self):
        """Tell whether nothing is done to the project's backups."""
        return not self.cloud.rows(
            'SELECT id FROM operations WHERE live AND project_id = :project',
            project=self.project)

    def backed_up(self, share, **values):
        """A backup that is available; its dict."""
        backup = self.cloud.create_backup(share['id'], self.token, **values)
        return self.cloud.wait_backup(backup['id'], 'available', self.token)

    def policy(self, share=None, **values):
        """A policy, assigned to a share; its dict."""
        policy = self.cloud.ask(200, 'POST', '/share-backup-policies', {
            'share_backup_policy': {
                'name': 'gold', 'rules': [{
                    'name': 'nightly', 'cron': '30 2 * * *',
                    'timezone': 'Europe/Berlin'}],
                'retention': {'daily': 7}, **values}},
            token=self.token, headers=EXTENDED)['share_backup_policy']
        if share:
            self.assign(policy, share['id'])
        return policy

    def assign(self, policy, share_id):
        """Assign a policy to a share."""
        self.cloud.ask(
            200, 'POST', f'/share-backup-policies/{policy["id"]}/assignments',
            {'assignment': {'kind': 'share', 'target': share_id}},
            token=self.token, headers=EXTENDED)
