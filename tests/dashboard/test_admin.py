# SPDX-License-Identifier: Apache-2.0
"""The panel for administrators."""

from tests.dashboard import base


class AdminTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.admin = self.signed_in('admin')

    def test_all_projects(self):
        """Backups of all projects, with their projects and hosts."""
        backup = self.backed_up(self.create_share(), name=base.HOSTILE)
        page = self.index(self.admin, base.ADMIN)
        for text in (base.SHOWN, self.keystone.project_id(self.project),
                     'Host'):
            self.assertIn(text, page.text)
        page = self.admin.get(f'{base.ADMIN}{backup["id"]}/')
        self.assertIn(self.keystone.project_id(self.project), page.text)
        self.assertNotIn(base.SHOWN, self.index(self.admin).text)

    def test_reset_status(self):
        backup = self.backed_up(self.create_share())
        page = self.admin.get(f'{base.ADMIN}{backup["id"]}/reset_status/')
        page = self.admin.submit(page, '/reset_status/', status='error')
        self.assertIn('The status is reset.', page.text)
        self.assertEqual('error', self.cloud.show_backup(
            backup['id'], self.token)['status'])

    def test_delete(self):
        backup = self.backed_up(self.create_share(), name='monday')
        page = self.act(f'share_backups__delete__{backup["id"]}', base.ADMIN,
                        self.admin)
        self.assertIn('Scheduled deletion of Share Backup: monday', page.text)
        self.cloud.wait_backup(backup['id'], None, self.token)

    def test_member(self):
        """It is for nobody else."""
        for where in ('', 'x/', 'x/reset_status/'):
            page = self.visitor.get(base.ADMIN + where)
            self.assertEqual(403, page.status)
