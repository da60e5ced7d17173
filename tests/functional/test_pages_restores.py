# SPDX-License-Identifier: Apache-2.0
"""Restores by the pages: what each would do first, and then what it does."""

import os
import uuid

from playwright import sync_api

from tests.functional import cloud
from tests.functional import pages

expect = sync_api.expect


class Restores(pages.PagesTestCase):

    def test_one_after_another(self):
        """Chosen files, then all, to the share, another one and a new one."""
        share = self.create_share()
        path = self.cloud.share_path(share['id'])
        made = self.fill(path, 300, 30000)
        backup = self.backed_up(share, name='monday')
        backup_page = f'/ui/backups/{backup["id"]}'
        self._damage(path)
        self._restore_one(backup_page)
        with open(os.path.join(path, 'd1', 'f1'), 'rb') as file:
            self.assertEqual(made['d1/f1'], file.read())
        self._restore_all(backup_page)
        self.assertEqual(made, self.content(path))
        self._to_another_share(backup_page, made)
        self._to_a_new_share(backup_page, made)

    def _restored(self):
        expect(self.page.get_by_role('status')).to_have_text(
            'The restore has been queued.')
        cloud.eventually('the restore', self.at_rest)

    def _restore_one(self, backup_page):
        """Choose a file that something else is in the place of now."""
        page = self.page
        page.goto(f'{backup_page}/files?path=/d1')
        page.get_by_label('Choose f1', exact=True).check()
        page.get_by_role('button', name='Restore what is chosen').click()
        page.get_by_label('something else is in the place').select_option(
            'replace what is there')
        page.get_by_role('button', name='See what it would do').click()
        self.figures(removed=0, overwritten=1, unchanged=0)
        expect(page.get_by_role('status').get_by_text('/d1/f1')
               ).to_be_visible()
        page.get_by_role('button', name='Restore', exact=True).click()
        self._restored()

    def _restore_all(self, backup_page):
        page = self.page
        page.goto(backup_page)
        page.get_by_role('link', name='Restore…').click()
        page.get_by_role('button', name='See what it would do').click()
        self.figures(removed=1, overwritten=1, unchanged=298)
        told = page.get_by_role('status')
        for name in ('/new', '/d2/f2'):
            expect(told.get_by_text(name, exact=True)).to_be_visible()
        page.get_by_role('button', name='Restore', exact=True).click()
        self._restored()

    def _to_another_share(self, backup_page, made):
        page, other = self.page, self.create_share()
        path = self.cloud.share_path(other['id'])
        with open(os.path.join(path, 'mine'), 'w') as file:
            file.write('mine')
        page.goto(f'{backup_page}/restore')
        page.get_by_label('Another share').check()
        for given in ('', 'nothing', str(uuid.UUID(int=1))):
            page.get_by_label('Id of the other share').fill(given)
            page.get_by_role('button', name='See what it would do').click()
            expect(page.get_by_role('alert')).to_be_visible()
            expect(page.get_by_label('Another share')).to_be_checked()
            expect(page.get_by_role('button', name='Restore', exact=True)
                   ).to_have_count(0)
        page.get_by_label('Id of the other share').fill(other['id'])
        page.get_by_role('button', name='See what it would do').click()
        self.figures(removed=1, overwritten=0, unchanged=0)
        page.get_by_role('button', name='Restore', exact=True).click()
        self._restored()
        self.assertEqual(made, self.content(path))

    def _to_a_new_share(self, backup_page, made):
        page = self.page
        page.goto(f'{backup_page}/restore')
        page.get_by_label('A new share').check()
        page.get_by_label('Name of the new share').fill('brand new')
        for size in ('many', '0', '-1', '1.5'):
            page.get_by_label('Its size in GiB').fill(size)
            page.get_by_role('button', name='See what it would do').click()
            expect(page.get_by_role('alert')).to_contain_text('at least 1')
            expect(page.get_by_role('button', name='Restore', exact=True)
                   ).to_have_count(0)
        page.get_by_label('Its size in GiB').fill('2')
        page.get_by_role('button', name='See what it would do').click()
        expect(page.get_by_role('status')).to_contain_text(
            'A share of 2 GiB is made')
        page.get_by_role('button', name='Restore', exact=True).click()
        expect(page.get_by_role('status')).to_contain_text(
            'The share is being made')
        cloud.eventually('the restore', self.at_rest)
        found = page.locator('dd').get_by_role('link').last
        share_id = found.inner_text()
        found.click()
        expect(page.get_by_role('heading', name='brand new')).to_be_visible()
        expect(page.get_by_text('2 GiB')).to_be_visible()
        self.assertEqual(made,
                         self.content(self.cloud.share_path(share_id)))

    @staticmethod
    def _damage(path):
        os.unlink(os.path.join(path, 'd0', 'f0'))
        with open(os.path.join(path, 'd1', 'f1'), 'w') as file:
            file.write('other')
        with open(os.path.join(path, 'd2', 'f2'), 'w') as file:
            file.write('other')
        with open(os.path.join(path, 'new'), 'w') as file:
            file.write('new')
